"""The plan that a search leads to, measured on all of the text of a run."""

import dataclasses
from collections.abc import Callable
from typing import Any

from jaxdisp.measure.corpus import Corpus
from jaxdisp.report import searching
from jaxdisp.report.plans import chosen, predicted
from jaxdisp.report.plans import plan as plans
from jaxdisp.search import store

Advance = Callable[[int], object]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Inputs:
    """What was searched, and the text that the plan is measured on.

    `searched` has the text that sets were chosen by, some sentences of `corpus`.
    """

    searched: searching.Inputs
    corpus: Corpus
    revision: str | None


def work(inputs: Inputs) -> int:
    """Counts the sentences that are evaluated, or found in a store.

    Args:
        inputs: opened.

    Reference: our own definition.
    """
    asked = inputs.searched
    target = plans.target(asked.model)
    some = plans.Plan(
        model=target,
        quantizers=(asked.quantizer,),
        assignment=(0,) + (1,) * (target.n_layers - 1),  # any set that is not all
        outside=1,
    )
    made = predicted.planned(asked.model, inputs.corpus, some, asked.stride)
    return searching.work(made)


def results(
    inputs: Inputs,
    found: dict[str, Any],
    kept: store.Store,
    advance: Advance,
    *,
    evaluate: bool = True,
) -> dict[str, Any]:
    """Makes the recommended set of a search a plan, with what it costs and why it is.

    Args:
        inputs: opened.
        found: results of the search.
        kept: the store of the run.
        advance: called with the number of sentences done since the last call.
        evaluate: whether what the store lacks may be evaluated.

    Raises:
        ValueError: if the store is damaged or lacks what may not be evaluated.
        FloatingPointError: if a loss is not finite.
        OSError: if the store cannot be written.

    Returns:
        The part `plan` of results; empty where no set has a rank.

    Reference: our own definition.
    """
    row = chosen.recommended(found)
    if row is None:
        return {}
    asked, text = inputs.searched, inputs.corpus
    target = plans.target(asked.model, inputs.revision)
    made = chosen.of_search(found, target, row)
    how = predicted.How(chosen=asked.chosen, seed=asked.seed, stride=asked.stride)
    losses = predicted.evaluated(
        asked.model,
        text,
        made,
        kept,
        advance,
        stride=asked.stride,
        evaluate=evaluate,
    )
    basis = chosen.Basis(searched=found, row=row, lines=asked.corpus.lines)
    whole = dataclasses.replace(
        made,
        chosen=chosen.described(basis, text, losses, how),
        predicted=predicted.described(asked.model, text, made, losses, how),
    )
    return {"plan": plans.content(whole)}

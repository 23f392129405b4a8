"""Audits: what a recipe that others wrote costs each language."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.disparity import contrast
from jaxdisp.models.model import Model, load
from jaxdisp.report import runs
from jaxdisp.report.plans import plan as plans
from jaxdisp.report.plans import predicted


@dataclasses.dataclass(frozen=True, kw_only=True)
class Audit:
    """Text that a recipe is audited on: as the options of the same names."""

    corpus: str | None = None
    languages: tuple[str, ...] | None = None
    limit: int | None = None
    reference: str | None = None
    seed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """A plan to audit, with its model and text opened and checked."""

    plan: plans.Plan
    model: Model
    corpus: Corpus
    how: predicted.How


def open_audit(plan: plans.Plan, asked: Audit) -> Opened:
    """Opens the model and the text of an audit.

    Args:
        plan: of the recipe; its model is where it says.
        asked: the text.

    Raises:
        ValueError: if the model is another, or anything given is wrong.

    Reference: our own definition.
    """
    if not 0 <= asked.seed < 2**32:
        raise ValueError(f"seed must be between 0 and 2^32 - 1, got {asked.seed}")
    model = load(plan.model.source, plan.model.revision)
    plans.check(plan, model)
    text = corpora.load_corpus(asked.corpus, asked.languages)
    if asked.limit is not None:
        text = corpora.spread(text, asked.limit)
    if len(set(text.groups)) < 2:
        raise ValueError(
            f"{text.source}: one text would be measured, but intervals need at least "
            "2; raise --limit, or split groups.tsv"
        )
    compared = contrast(text.languages, model.training_bytes, asked.reference)
    how = predicted.How(chosen=compared, seed=asked.seed)
    return Opened(plan=plan, model=model, corpus=text, how=how)


def work(opened: Opened) -> int:
    """Counts the sentences that `audited` evaluates.

    Args:
        opened: the audit.

    Reference: our own definition.
    """
    n_rows = len(np.unique(predicted.sites(opened.plan), axis=0))
    return n_rows * opened.corpus.n_sentences * len(opened.corpus.languages)


def audited(opened: Opened, advance: Callable[[int], object] = int) -> dict[str, Any]:
    """Measures what a recipe costs each language.

    Args:
        opened: the audit.
        advance: called with the number of sentences done since the last call.

    Raises:
        FloatingPointError: if a loss is not finite.

    Returns:
        The content of `plan.json`.

    Reference: our own definition.
    """
    found = predicted.predict(
        opened.model, opened.corpus, opened.plan, opened.how, advance
    )
    whole = dataclasses.replace(opened.plan, predicted=found)
    return runs.rounded(plans.content(whole))

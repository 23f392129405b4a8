"""Plans whose losses are asked for: opened with model and text, and measured."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxdisp.measure.corpus import Corpus
from jaxdisp.models.model import Model
from jaxdisp.report import runs
from jaxdisp.report.plans import plan as plans
from jaxdisp.report.plans import predicted


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """A plan, and the model and the text that it is measured with."""

    plan: plans.Plan
    model: Model
    corpus: Corpus
    how: predicted.How


def work(opened: Opened) -> int:
    """Counts the sentences that `content` evaluates.

    Args:
        opened: the plan.

    Reference: our own definition.
    """
    n_rows = len(np.unique(predicted.sites(opened.plan), axis=0))
    return n_rows * opened.corpus.n_sentences * len(opened.corpus.languages)


def content(opened: Opened, advance: Callable[[int], object] = int) -> dict[str, Any]:
    """Measures what a plan costs each language.

    Args:
        opened: the plan.
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

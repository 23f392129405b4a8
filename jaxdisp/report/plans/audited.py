"""Audits: what a recipe that others wrote costs each language."""

import dataclasses

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure.disparity import contrast
from jaxdisp.models.model import load
from jaxdisp.report.plans import measured, predicted
from jaxdisp.report.plans import plan as plans


@dataclasses.dataclass(frozen=True, kw_only=True)
class Audit:
    """Text that a recipe is audited on: as the options of the same names."""

    corpus: str | None = None
    languages: tuple[str, ...] | None = None
    limit: int | None = None
    reference: str | None = None
    seed: int = 0


def open_audit(plan: plans.Plan, asked: Audit) -> measured.Opened:
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
    return measured.Opened(plan=plan, model=model, corpus=text, how=how)

"""Experiments: a question, what would answer it either way, and how it is run."""

import dataclasses
from collections.abc import Callable
from typing import Any

from jaxtyping import PRNGKeyArray

from jaxdisp.claims.finding import Finding
from jaxdisp.measure.corpus import Corpus
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer

Rows = list[dict[str, Any]]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """What experiments are carried out on.

    Activations are read on all of `corpus`; what takes a pass for each of many
    configurations is measured on `few`, a part of it. Sentences longer than the context
    are read in windows that are `stride` tokens apart (None is half of the context).
    """

    model: Model
    corpus: Corpus
    few: Corpus
    quantizer: Quantizer
    key: PRNGKeyArray
    stride: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an experiment found, and by name the rows that it rests on."""

    findings: tuple[Finding, ...]
    tables: dict[str, Rows]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """A question with what counts as support and as refutation, stated before it runs.

    `id` is as in the research notes; `control` says where the effect must not be seen.
    `passes` is how long it takes, for a progress bar: about so many passes over the
    corpus.
    """

    id: str
    title: str
    question: str
    support: str
    refutation: str
    control: str
    run: Callable[[Subject], Outcome]
    passes: int = 4

"""What a causal model is fitted to, measured on a model: rows of sentences or texts."""

import dataclasses
import math
from typing import Any

import numpy as np

from jaxdisp.causal.estimates import COVARIATES, Pooled, estimates, pool
from jaxdisp.causal.variables import NAMES, middle_tap, reference_language
from jaxdisp.measure import cube, readings, tokenization
from jaxdisp.measure.corpora import codes
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.readings import Readings
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer, quantize

Rows = list[dict[str, Any]]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """A model read on a corpus, and what follows for T, A, R and D.

    `reference` is the language that numbers of tokens are relative to; `missing` says
    by language why an estimator has no value.
    """

    model: Model
    corpus: Corpus
    reference: str
    tap: int
    stride: int | None
    readings: Readings
    estimates: dict[str, Pooled]
    missing: dict[str, str]


def measure(
    model: Model,
    corpus: Corpus,
    quantizer: Quantizer,
    *,
    reference: str | None = None,
    tap: int | None = None,
    stride: int | None = None,
) -> Measured:
    """Reads every sentence and estimates T, A, R and D.

    Definition: `readings.read` with the layers rounded, and `estimates`.

    Args:
        model: an open model.
        corpus: parallel text.
        quantizer: how the layers are rounded.
        reference: language that tokens are relative to; None is `reference_language`.
        tap: whose states are compared; None is `middle_tap`.
        stride: of windows, in tokens; None is half of the context.

    Raises:
        ValueError: if there are fewer than two languages or sentences, or no such tap
            or language.

    Reference: our own definition.
    """
    chosen = middle_tap(model) if tap is None else tap
    against = reference_language(corpus, model.training_bytes, reference)
    found = readings.read(
        model,
        cube.encode(model, corpus),
        quantize(model, quantizer),
        tap=chosen,
        stride=stride,
    )
    table, missing = estimates(model, corpus, found, reference=against)
    return Measured(
        model=model,
        corpus=corpus,
        reference=against,
        tap=chosen,
        stride=stride,
        readings=found,
        estimates=table,
        missing=missing,
    )


def units(found: Measured, *, texts: bool = False) -> Rows:
    """Lays out one row per language and sentence, or per language and text.

    Definition: the columns are `language, sentence, group, T, A, R, D`, the covariates
    `estimates.COVARIATES`, other estimators `estimates.MEASURES`, and
    `estimates.DESCRIPTIONS`. `log_bytes` and `log_reference_bytes` are natural
    logarithms of the bytes of the sentence and of that in the reference language,
    `log_training_bytes` is to base 10 and only there if it is known of all languages. A
    value that there is none of is None. Rows of texts are pooled by `estimates.pool`
    over a text's sentences; bytes, tokens and D are means per sentence.

    Args:
        found: as from `measure`.
        texts: whether sentences of a text are put together. One sentence's A and D may
            lie below 0 (chance exceeds what is measured), of which there are no
            logarithms; of a text they seldom do.

    Reference: our own definition.
    """
    corpus = found.corpus
    if texts:
        names, member = np.unique(corpus.groups, return_inverse=True)
        columns = {name: pool(each, member) for name, each in found.estimates.items()}
        labels = [(number, number) for number in names.tolist()]
    else:
        columns = {name: each.values for name, each in found.estimates.items()}
        labels = list(zip(corpus.lines, corpus.groups, strict=True))
    place = corpus.languages.index(found.reference)
    columns["log_bytes"] = np.log(columns["bytes"])
    columns["log_reference_bytes"] = np.broadcast_to(
        columns["log_bytes"][place], columns["bytes"].shape
    )
    first = [*NAMES, "log_bytes", "log_reference_bytes"]
    names = first + [name for name in columns if name not in first]
    rows: Rows = []
    for number, language in enumerate(corpus.languages):
        constant = described(found, language)
        for label, (sentence, group) in enumerate(labels):
            rows.append(
                {"language": language, "sentence": sentence, "group": group}
                | {name: known(columns[name][number, label]) for name in names}
                | constant
            )
    return rows


def selected(rows: Rows, covariates: tuple[str, ...] = COVARIATES) -> Rows:
    """Keeps the columns that a causal model is fitted to.

    Definition: `language, sentence, group, T, A, R, D` and those covariates that there
    are; the other columns would be adjusted for.

    Args:
        rows: as from `units`.
        covariates: names of columns.

    Raises:
        ValueError: if one is no column, unless it is one of the default ones.

    Reference: our own definition.
    """
    there = set(rows[0]) if rows else set()
    unknown = [x for x in covariates if x not in there and x not in COVARIATES]
    if unknown:
        raise ValueError(
            f"covariate {', '.join(unknown)}: no such column; there are "
            f"{', '.join(sorted(there))}"
        )
    kept = ("language", "sentence", "group", *NAMES, *covariates)
    return [{name: row[name] for name in kept if name in row} for row in rows]


def described(found: Measured, language: str) -> dict[str, Any]:
    """Says of a language what is the same for all of its sentences.

    Definition: `script` of its sentences, and `log_training_bytes`, to base 10, if the
    bytes of training text are known of all languages of the corpus.

    Args:
        found: as from `measure`.
        language: one of the corpus.

    Reference: our own definition.
    """
    corpus = found.corpus
    training = codes.matched(found.model.training_bytes, corpus.languages)
    sentences = corpus.sentences[corpus.languages.index(language)]
    row: dict[str, Any] = {"script": tokenization.script(" ".join(sentences))}
    if all(training.get(each, 0) > 0 for each in corpus.languages):
        row["log_training_bytes"] = math.log10(training[language])
    return row


def known(value: float) -> float | None:
    """Returns a number for a table, None for one that is not finite.

    Args:
        value: any number.

    Reference: our own definition.
    """
    return float(value) if math.isfinite(value) else None

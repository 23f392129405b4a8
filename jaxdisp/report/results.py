"""Results as plain rows: what tables, figures, pages and `results.json` are made of."""

import dataclasses
from typing import Any

import numpy as np

from jaxdisp.measure import tokenization
from jaxdisp.measure.corpora import codes
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.cube import Evaluation
from jaxdisp.measure.disparity import Contrast
from jaxdisp.measure.survey import Survey
from jaxdisp.models.model import Model
from jaxdisp.stats.bca import Interval

UNITS = {
    "mean": "nats per sentence",
    "worst": "nats per sentence",
    "max_min": "nats per sentence",
    "gini": "",
    "difference": "nats per sentence",
    "log_ratio": "",
}
NOISE, COLLAPSED, GAINED = "not above noise", "collapsed", "improved"


def degradation_rows(
    model: Model, corpus: Corpus, found: Survey, config: int
) -> list[dict[str, Any]]:
    """Lists what each language loses in one configuration, hardest hit first.

    `loss` is in full precision, in bits per byte. The flag says `collapsed` above 0.9
    ln V nats per token, `not above noise` where the interval holds 0, `improved` where
    it lies below.

    Args:
        model: the model.
        corpus: the text measured.
        found: the survey, whose configuration 0 is full precision.
        config: which configuration.

    Reference: our own definition.
    """
    lost, evaluation = found.degradation, found.evaluation
    n_bytes = np.asarray(evaluation.n_bytes).sum(axis=1)
    n_tokens = np.asarray(evaluation.n_tokens).sum(axis=1)
    full = np.asarray(evaluation.nll[0]).sum(axis=-1) / (n_bytes * np.log(2))
    training_bytes = codes.matched(model.training_bytes, corpus.languages)
    rows = []
    for place, language in enumerate(corpus.languages):
        at = (config, place)
        rows.append(
            {
                "language": language,
                "training_bytes": training_bytes.get(language),
                "tokens_per_byte": n_tokens[place] / n_bytes[place],
                "loss": full[place],
                **interval_fields("d_sent", lost.per_sentence, at),
                **interval_fields("d_byte", lost.per_byte, at),
                **interval_fields("d_tok", lost.per_token, at),
                "n_tokens": int(n_tokens[place]),
                "n_bytes": int(n_bytes[place]),
                "flag": _flag(lost.per_sentence, lost.collapsed, at),
            }
        )
    return sorted(rows, key=lambda row: -row["d_sent"])


def sentence_losses(corpus: Corpus, found: Evaluation) -> dict[str, Any]:
    """Lists the losses of every sentence, for others to analyse again.

    `full` and `quantized` are nats per sentence in configurations 0 and 1, by language
    as `languages` lists them, sentences as `lines`, whose text is in `groups`.
    `n_words` are of all sentences together, None in a script without spaces.

    Args:
        corpus: the text measured.
        found: its losses.

    Reference: our own definition.
    """
    return {
        "languages": list(corpus.languages),
        "lines": list(corpus.lines),
        "groups": list(corpus.groups),
        "n_tokens": np.asarray(found.n_tokens),
        "n_bytes": np.asarray(found.n_bytes),
        "n_words": {
            language: tokenization.count_words(sentences)
            for language, sentences in zip(
                corpus.languages, corpus.sentences, strict=True
            )
        },
        "full": np.asarray(found.nll[0]),
        "quantized": np.asarray(found.nll[1]),
    }


def sentence_rows(losses: dict[str, Any]) -> list[dict[str, Any]]:
    """Lays out the losses of sentences flat, one row for each in each language.

    Args:
        losses: as from `sentence_losses`.

    Reference: our own definition.
    """
    names = ("n_tokens", "n_bytes", "full", "quantized")
    return [
        {
            "language": language,
            "line": line,
            "group": losses["groups"][sentence],
            **{name: losses[name][place][sentence] for name in names},
        }
        for place, language in enumerate(losses["languages"])
        for sentence, line in enumerate(losses["lines"])
    ]


def interval_fields(
    name: str, interval: Interval, at: tuple[int, ...]
) -> dict[str, float]:
    """Names an estimate and its bounds.

    Args:
        name: of the quantity.
        interval: arrays of estimates and bounds.
        at: place in them.

    Reference: our own definition.
    """
    return {
        name: float(interval.estimate[at]),
        f"{name}_low": float(interval.low[at]),
        f"{name}_high": float(interval.high[at]),
    }


def _flag(interval: Interval, collapsed: Any, at: tuple[int, ...]) -> str:
    if collapsed[at]:
        return COLLAPSED
    if interval.high[at] < 0:
        return GAINED
    return "" if interval.low[at] > 0 else NOISE


def disparity_entries(
    corpus: Corpus, found: Survey, config: int, chosen: Contrast | None
) -> dict[str, Any]:
    """Lists the measures of disparity of one configuration, each with its interval.

    Where a measure has no number its `reason` says why.

    Args:
        corpus: the text measured.
        found: the survey.
        config: which configuration.
        chosen: which languages were compared.

    Reference: our own definition.
    """
    unequal = found.disparity
    entries: dict[str, Any] = {}
    for name, unit in UNITS.items():
        interval = getattr(unequal, name)
        entries[name] = {
            "estimate": float(interval.estimate[config]),
            "low": float(interval.low[config]),
            "high": float(interval.high[config]),
            "unit": unit,
            "reason": "",
        }
    entries["worst"]["language"] = corpus.languages[unequal.worst_language[config]]
    if chosen is None:
        reason = "training text per language is unknown: name a --reference language"
        entries["difference"]["reason"] = entries["log_ratio"]["reason"] = reason
    elif not unequal.bounded[config]:
        nothing = {"estimate": None, "low": None, "high": None}
        entries["log_ratio"] |= nothing | {
            "reason": "unbounded: a side's loss is not above noise"
        }
    if not np.isfinite(entries["gini"]["estimate"]):
        entries["gini"]["reason"] = "undefined: a language gains, or none loses"
    elif not np.isfinite(entries["gini"]["low"]):
        entries["gini"]["reason"] = "no interval: undefined in some resamples"
    entries["contrast"] = None if chosen is None else dataclasses.asdict(chosen)
    return entries


def layer_rows(
    corpus: Corpus, found: Survey, *, treatment: str
) -> list[dict[str, Any]]:
    """Lists what treating one layer differently does to each language, per layer.

    The survey's first configuration is the one compared with, and the others are one
    per layer: `quantized` alone, against full precision, or `protected` alone, against
    everything quantized. `effect` is the loss added, in nats per sentence: negative
    where protecting the layer saves something.

    Args:
        corpus: the text measured.
        found: the survey, its losses counted from its first configuration.
        treatment: what is done to the layer.

    Reference: our own definition.
    """
    added = found.degradation.per_sentence
    return [
        {
            "treatment": treatment,
            "layer": config - 1,
            "language": language,
            **interval_fields("effect", added, (config, place)),
        }
        for config in range(1, added.estimate.shape[0])
        for place, language in enumerate(corpus.languages)
    ]

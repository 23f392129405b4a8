"""Whether a written checkpoint loses what its plan says: measured, not assumed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure.corpus import Corpus
from jaxdisp.models.model import Model
from jaxdisp.report.plans import plan as plans
from jaxdisp.search import sweep

TOLERANCE = 1e-4
"""Nats per token: above the roundings of float32, and far below what is measured."""
Advance = Callable[[int], object]


def corpus_of(plan: plans.Plan, source: str | None = None) -> Corpus:
    """Opens the text that a plan's losses are of.

    Args:
        plan: the plan.
        source: a directory with that text; None is where it was.

    Raises:
        ValueError: if nothing is predicted, or the text is missing or another.

    Reference: our own definition.
    """
    if plan.predicted is None:
        raise ValueError(
            "the plan predicts no losses, so that there is nothing to check; jaxdisp "
            "plan make predicts them"
        )
    about = plan.predicted["corpus"]
    place = about["source"] if source is None else source
    text = corpora.load_corpus(
        None if place == "embedded" else place, about["languages"]
    )
    text = corpora.spread(text, about["n_sentences"])
    if text.digest != about["digest"]:
        raise ValueError(
            f"{place}: is not the text that losses were predicted on (its SHA-256 is "
            f"{text.digest[:12]}, not {about['digest'][:12]}); give that as --corpus"
        )
    return text


def check(
    plan: plans.Plan, model: Model, corpus: Corpus, advance: Advance = int
) -> dict[str, Any]:
    """Measures a checkpoint and compares its losses with those that a plan predicts.

    Definition: per language the mean loss of all tokens and of all sentences, and what
    they differ by from the prediction, in nats. It `agrees` where no language's differs
    by more than `TOLERANCE` per token.

    Args:
        plan: with losses predicted.
        model: the checkpoint that the plan made, opened.
        corpus: as from `corpus_of`.
        advance: called with the number of sentences done since the last call.

    Raises:
        FloatingPointError: if a loss is not finite.

    Reference: our own definition.
    """
    predicted = plan.predicted or {}
    found = sweep.evaluate(
        model,
        corpus,
        np.zeros((1, model.config.n_layers + 1), int),
        (),
        stride=predicted["corpus"].get("stride"),
        progress=advance,
    )
    nll = np.asarray(found.nll[0], np.float64)
    n_tokens = np.asarray(found.n_tokens).sum(axis=1)
    by_name = {row["language"]: row for row in predicted["languages"]}
    rows = []
    for place, language in enumerate(corpus.languages):
        row = by_name[language]
        token = float(nll[place].sum() / n_tokens[place])
        sentence = float(nll[place].mean())
        rows.append(
            {
                "language": language,
                "loss_per_token": token,
                "predicted_per_token": row["loss_per_token"],
                "difference_per_token": token - row["loss_per_token"],
                "loss_per_sentence": sentence,
                "difference_per_sentence": sentence - row["loss_per_sentence"],
            }
        )
    largest = max(abs(row["difference_per_token"]) for row in rows)
    worst = max(abs(row["difference_per_sentence"]) for row in rows)
    return {
        "languages": rows,
        "largest_per_token": largest,
        "largest_per_sentence": worst,
        "tolerance": TOLERANCE,
        "agrees": largest <= TOLERANCE,
    }

"""What a plan costs each language: its losses on a corpus, measured beforehand."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.cube import Evaluation
from jaxdisp.measure.degradation import degradation
from jaxdisp.measure.disparity import CHANGES, Contrast, disparity_change
from jaxdisp.measure.survey import Survey, survey
from jaxdisp.models.model import Model
from jaxdisp.report import searching
from jaxdisp.report.plans import dequantized
from jaxdisp.report.plans import plan as plans
from jaxdisp.report.results import interval_fields
from jaxdisp.search import plan as search_plans
from jaxdisp.search import store, sweep

FULL, UNPROTECTED, PLANNED = 0, 1, 2
"""Places of full precision, of every layer in version 1, and of the plan."""
Advance = Callable[[int], object]


@dataclasses.dataclass(frozen=True, kw_only=True)
class How:
    """How a prediction is made.

    `chosen` are the languages compared, `seed` is of the resampling, `stride` of the
    windows of sentences longer than the context, in tokens (None is half of it).
    """

    chosen: Contrast | None = None
    seed: int = 0
    stride: int | None = None


def predict(
    model: Model,
    corpus: Corpus,
    plan: plans.Plan,
    how: How | None = None,
    advance: Advance = int,
) -> dict[str, Any]:
    """Measures what a plan costs each language of a corpus.

    Definition: `described` of `evaluated`, with a store in memory.

    Args:
        model: an open model.
        corpus: parallel text.
        plan: for the model.
        how: the languages compared, the seed, and the stride.
        advance: called with the number of sentences done since the last call.

    Raises:
        ValueError: if the plan is for another model, or there are fewer than two texts.
        FloatingPointError: if a loss is not finite.

    Returns:
        The content of `predicted` in `plan.json`.

    Reference: our own definition.
    """
    plans.check(plan, model)
    how = how or How()
    kept = store.open_store(None)
    try:
        found = evaluated(model, corpus, plan, kept, advance, stride=how.stride)
    finally:
        store.close(kept)
    return described(model, corpus, plan, found, how)


def sites(plan: plans.Plan) -> np.ndarray:
    """Lists the assignments that a prediction is made of, what is outside last.

    Definition: full precision; every layer and what is outside in version 1, or in
    full precision where there is no quantizer; the plan without its exceptions.

    Args:
        plan: the plan.

    Reference: our own definition.
    """
    n_sites = plan.model.n_layers + 1
    version = min(1, len(plan.quantizers))
    return np.array(
        [[0] * n_sites, [version] * n_sites, [*plan.assignment, plan.outside]]
    )


def planned(
    model: Model, corpus: Corpus, plan: plans.Plan, stride: int | None = None
) -> search_plans.Plan:
    """Plans the evaluation that a prediction needs, exceptions left out.

    Args:
        model: an open model.
        corpus: parallel text.
        plan: for the model.
        stride: of windows, in tokens; None is half of the context.

    Raises:
        ValueError: if memory does not suffice.

    Reference: our own definition.
    """
    rows = sites(plan)[:PLANNED] if plan.exceptions else sites(plan)
    return search_plans.make(model, corpus, rows, plan.quantizers, stride=stride)


def evaluated(
    model: Model,
    corpus: Corpus,
    plan: plans.Plan,
    kept: store.Store,
    advance: Advance = int,
    *,
    stride: int | None = None,
    evaluate: bool = True,
) -> Evaluation:
    """Measures full precision, everything quantized, and a plan, through a store.

    Definition: losses of `sites`; with exceptions, that of the plan is of the model
    that `dequantized.applied` makes.

    Args:
        model: an open model.
        corpus: parallel text.
        plan: for the model.
        kept: where finished cells are, and go.
        advance: called with the number of sentences done since the last call.
        stride: of windows, in tokens; None is half of the context.
        evaluate: whether what the store lacks may be evaluated.

    Raises:
        ValueError: if the store is damaged or lacks what may not be evaluated.
        FloatingPointError: if a loss is not finite.
        OSError: if the store cannot be written.

    Reference: our own definition.
    """
    shard = (0, 1) if evaluate else None
    made = planned(model, corpus, plan, stride)
    found = sweep.evaluation(made, searching.evaluate(made, kept, advance, shard))
    if not plan.exceptions:
        return found
    whole = dequantized.applied(plan, model)
    full = np.zeros((1, model.config.n_layers + 1), int)
    made = search_plans.make(whole, corpus, full, (), stride=stride)
    alone = sweep.evaluation(made, searching.evaluate(made, kept, advance, shard))
    return dataclasses.replace(found, nll=jnp.concatenate([found.nll, alone.nll]))


def described(
    model: Model, corpus: Corpus, plan: plans.Plan, found: Evaluation, how: How
) -> dict[str, Any]:
    """Says what a plan costs each language, and how that compares to no protection.

    Definition: of each language the mean losses of all its sentences together, per
    token and per sentence; `d_sent` is what the plan adds to a sentence,
    `unprotected_d_sent` what version 1 of everything adds, and `saved` the latter minus
    the former. `mean`, `worst` and `disparity` are of `d_sent` over languages.
    `bytes` are of the whole model, words packed. Intervals are of paired resamples of
    texts.

    Args:
        model: the model.
        corpus: the text measured.
        plan: for the model.
        found: losses of full precision, everything quantized, and the plan.
        how: the languages compared, the seed, and the stride.

    Raises:
        ValueError: if there are fewer than two texts.

    Returns:
        The content of `predicted` in `plan.json`.

    Reference: our own definition; intervals as in `stats.bootstrap`.
    """
    about = survey(
        model, corpus, found, found.nll[FULL], chosen=how.chosen, seed=how.seed
    )
    groups, key = np.asarray(corpus.groups), jax.random.key(how.seed)
    change = disparity_change(
        found, found.nll[FULL], groups, target=UNPROTECTED, key=key
    )
    return {
        "dtype": model.dtype,
        "corpus": {
            "source": corpus.source,
            "digest": corpus.digest,
            "n_sentences": corpus.n_sentences,
            "n_groups": len(set(corpus.groups)),
            "languages": list(corpus.languages),
            "stride": how.stride,
        },
        "languages": _languages(model, corpus, about, how),
        **_measures(corpus, about, how, PLANNED),
        **{
            name: value
            for measure in CHANGES
            for name, value in interval_fields(
                f"saved_{measure}", change[measure], (PLANNED,)
            ).items()
        },
        "bytes": dequantized.n_bytes(plan, model),
        "full_bytes": dequantized.n_bytes(_uniform(plan, 0), model),
        "unprotected": {
            **_measures(corpus, about, how, UNPROTECTED),
            "bytes": dequantized.n_bytes(
                _uniform(plan, min(1, len(plan.quantizers))), model
            ),
        },
    }


def _uniform(plan: plans.Plan, version: int) -> plans.Plan:
    return dataclasses.replace(
        plan,
        assignment=(version,) * plan.model.n_layers,
        outside=version,
        exceptions={},
    )


def _measures(corpus: Corpus, about: Survey, how: How, row: int) -> dict[str, Any]:
    unequal = about.disparity
    measure = "max_min" if how.chosen is None else "difference"
    return {
        **interval_fields("mean", unequal.mean, (row,)),
        **interval_fields("worst", unequal.worst, (row,)),
        "worst_language": corpus.languages[int(unequal.worst_language[row])],
        **interval_fields("disparity", getattr(unequal, measure), (row,)),
        "disparity_measure": measure,
    }


def _languages(
    model: Model, corpus: Corpus, about: Survey, how: How
) -> list[dict[str, Any]]:
    evaluation = about.evaluation
    nll = np.asarray(evaluation.nll, np.float64)
    n_tokens = np.asarray(evaluation.n_tokens).sum(axis=1)
    saved = degradation(
        dataclasses.replace(evaluation, nll=evaluation.nll[UNPROTECTED:][:1]),
        evaluation.nll[PLANNED],
        np.asarray(corpus.groups),
        key=jax.random.key(how.seed),
        vocabulary=model.config.vocabulary,
    ).per_sentence
    lost = about.degradation.per_sentence
    return [
        {
            "language": language,
            "n_tokens": int(n_tokens[place]),
            "loss_per_token": float(nll[PLANNED, place].sum() / n_tokens[place]),
            "full_per_token": float(nll[FULL, place].sum() / n_tokens[place]),
            "loss_per_sentence": float(nll[PLANNED, place].mean()),
            **interval_fields("d_sent", lost, (PLANNED, place)),
            **interval_fields("unprotected_d_sent", lost, (UNPROTECTED, place)),
            **interval_fields("saved", saved, (0, place)),
        }
        for place, language in enumerate(corpus.languages)
    ]

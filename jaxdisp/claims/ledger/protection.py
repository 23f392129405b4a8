"""What protecting layers does on a model, measured once for all claims about it.

Everything is on the subject's few sentences, in nats per sentence, with layers rounded
by the subject's quantizer and what lies outside them in full precision.
"""

import functools as ft
import itertools
import zlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdisp.claims import losses
from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.experiment import Subject
from jaxdisp.claims.gateway_regression import mean_losses
from jaxdisp.measure import disparity
from jaxdisp.search import interactions, lattice, mediant
from jaxdisp.stats import bca, bootstrap

SCHEMES = ("none", "first", "last", "both", "gateways")
"""Sets of protected layers: none, the first, the last, both, and the notes' three."""

CHOSEN = ("cheapest", "fairest")
"""Sets of three that save most nats, and most disparity, if losses add up."""

METHOD = (
    "bootstrap of texts, BCa; low side: the half of the languages with least training "
    "text"
)
TRIPLE = 3
TOP = 4
LEAST_LAYERS = 5


def protected(evidence: Evidence) -> dict[str, Any]:
    """Measures losses and disparity by what is protected.

    Definition: of each scheme the `mean` loss over languages, the `ratio` of the low
    over the high side, its logarithm `log_ratio`, and their `difference`; `saved` is
    the mean loss less than with no layer protected, `ratio_change` the change of the
    log-ratio from there. `high` and `low` are the languages with most and with least
    training text. The sets of `CHOSEN` are chosen on one half of the texts, by the
    loss of each layer alone; on the other half, `behind` and `wider` are by how much
    the mean loss and the difference are larger with the notes' three layers.

    Args:
        evidence: of one model of at least 5 layers whose training text is known.

    Returns:
        `sets`; `languages` and, in `by_language`, what each loses with nothing and with
        the notes' three layers protected; by measure three lists over schemes,
        estimate, low and high, of `n` texts; `behind` and `wider` alike over `CHOSEN`,
        of `n_judging` texts.

    Raises:
        ValueError: if there are fewer layers, or the amounts of text are not known.

    Reference: our own definition; `measure.disparity`.
    """
    return evidence.kept("protected layers", lambda: _protected(evidence.subject))


def layer_by_layer(evidence: Evidence) -> dict[str, Any]:
    """Measures what each layer is worth, and what protecting it does to the ratio.

    Definition: `rank` is that of the loss of each layer rounded alone, 1 the largest;
    `top_with_ends` how many of the four best sets of three layers hold the first and
    the last, if losses add up; both with the interval between the 2.5 % and 97.5 %
    quantiles of resamples of texts. `rises` counts the layers whose protection raises
    the ratio of the two sides, `surely_rises` and `surely_falls` those by whose
    interval it does; `predicted` counts the layers for which the mediant rule is right.
    `together` is what protecting the first and the last layer saves beyond the sum of
    what each saves.

    Args:
        evidence: of one model.

    Returns:
        `rank` as lists by layer; the others as numbers or estimate, low, high. Counts
        of ratios are None where the training text is not known.

    Raises:
        ValueError: if there are fewer than 5 layers.

    Reference: our own definition; `search.mediant` and `search.interactions`.
    """
    return evidence.kept("layer by layer", lambda: _layer_by_layer(evidence.subject))


def of(
    found: Mapping[str, Any], measure: str, scheme: str
) -> tuple[float, float, float]:
    """Takes the estimate and the interval of one scheme.

    Args:
        found: as from `protected`.
        measure: such as `log_ratio`.
        scheme: one of `SCHEMES`, or of `CHOSEN` for `behind` and `wider`.

    Raises:
        ValueError: if it is not defined, as the ratio where a side loses nothing.

    Reference: our own definition.
    """
    at = (SCHEMES if scheme in SCHEMES else CHOSEN).index(scheme)
    estimate, low, high = (part[at] for part in found[measure])
    if estimate is None or low is None or high is None:
        raise ValueError("needs losses that can be told from 0 on both sides")
    return estimate, low, high


def key_of(subject: Subject, name: str) -> Array:
    """Derives a key of its own for a measurement.

    Args:
        subject: whose key is folded.
        name: of the measurement.

    Reference: our own definition.
    """
    return jax.random.fold_in(subject.key, zlib.crc32(name.encode()))


def sides_of(subject: Subject) -> Float[np.ndarray, "side language"]:
    """Weights the languages of the low and the high side; NaN where text is unknown.

    Args:
        subject: its model says how much text of each language it was trained on.

    Reference: as `measure.disparity.contrast`.
    """
    languages = subject.few.languages
    chosen = disparity.contrast(languages, subject.model.training_bytes)
    return disparity.weights_of(chosen, languages)


def _check_layers(subject: Subject) -> int:
    n_layers = subject.model.config.n_layers
    if n_layers < LEAST_LAYERS:
        raise ValueError(f"needs at least {LEAST_LAYERS} layers, got {n_layers}")
    return n_layers


def _protected(subject: Subject) -> dict[str, Any]:
    n_layers = _check_layers(subject)
    sides = sides_of(subject)
    if np.isnan(sides).any():
        raise ValueError("needs to know how much text of each language was trained on")
    groups = np.array(subject.few.groups)
    choosing = np.isin(groups, np.unique(groups)[::2])
    known = losses.layer_losses(subject)
    alone = (known.alone - known.full)[:, :, choosing].mean(axis=2)
    last = n_layers - 1
    sets = [
        *((), (0,), (last,), (0, last), lattice.gateways(n_layers)),
        _largest(alone.mean(axis=1)),
        _largest(alone @ (sides[0] - sides[1])),
    ]
    nll = losses.evaluate(subject, lattice.protecting(sets[4:], n_layers))
    rows = [known.everything, known.spared[0], known.spared[-1], _both_ends(subject)]
    added = np.moveaxis(np.stack([*rows, *nll]) - known.full, -1, 0)
    key = key_of(subject, "protected")
    judging = ~choosing
    found = _measures(added[:, :5], groups, sides, key)
    found |= _rivals(added[judging, 4:], groups[judging], sides, key)
    return {
        "sets": [list(map(int, each)) for each in sets],
        "n": len(np.unique(groups)),
        "n_judging": len(np.unique(groups[judging])),
        "languages": list(subject.few.languages),
        "by_language": added[:, [0, 4]].mean(axis=0).tolist(),
        **{name: _listed(each) for name, each in found.items()},
    }


@ft.lru_cache(maxsize=2)
def _both_ends(subject: Subject) -> Float[np.ndarray, "language sentence"]:
    n_layers = subject.model.config.n_layers
    ends = lattice.protecting([(0, n_layers - 1)], n_layers)
    return losses.evaluate(subject, ends)[0]


def _largest(values: Float[np.ndarray, " layer"]) -> tuple[int, ...]:
    return tuple(sorted(np.argsort(-values, kind="stable")[:TRIPLE].tolist()))


def _measures(
    added: Float[np.ndarray, "sentence scheme language"],
    groups: np.ndarray,
    sides: Float[np.ndarray, "side language"],
    key: Array,
) -> dict[str, bca.Interval]:
    total = added.mean(axis=2, keepdims=True)
    # sentence by sentence, as small differences of large losses
    columns = np.concatenate([added @ sides.T, total, total[:, :1] - total], axis=2)
    resamples = bootstrap.resample(columns, groups, key=key)

    def statistic(sums: Array, n_sentences: Array) -> dict[str, Array]:
        means = sums / n_sentences
        log = disparity.log_ratio(means[:, :2])
        return {
            "mean": means[:, 2],
            "saved": means[:, 3],
            "difference": means[:, 0] - means[:, 1],
            "log_ratio": log,
            "ratio": jnp.exp(log),
            "ratio_change": log - log[0],
        }

    return bootstrap.interval(resamples, statistic)


def _rivals(
    added: Float[np.ndarray, "sentence scheme language"],
    groups: np.ndarray,
    sides: Float[np.ndarray, "side language"],
    key: Array,
) -> dict[str, bca.Interval]:
    """By how much the first scheme is behind each of the others."""
    behind = added[:, :1] - added[:, 1:]
    columns = np.stack([behind.mean(axis=2), behind @ (sides[0] - sides[1])], axis=2)
    resamples = bootstrap.resample(columns, groups, key=key)

    def statistic(sums: Array, n_sentences: Array) -> dict[str, Array]:
        means = sums / n_sentences
        return {"behind": means[:, 0], "wider": means[:, 1]}

    return bootstrap.interval(resamples, statistic)


def _listed(found: bca.Interval) -> list[list[float | None]]:
    return [
        [float(x) if np.isfinite(x) else None for x in np.asarray(part).ravel()]
        for part in (found.estimate, found.low, found.high)
    ]


def _layer_by_layer(subject: Subject) -> dict[str, Any]:
    n_layers = _check_layers(subject)
    known = losses.layer_losses(subject)
    groups = np.array(subject.few.groups)
    alone = known.alone - known.full
    means = mean_losses(alone.mean(axis=1).T, groups, key_of(subject, "ranks"))
    data, replicates = means[0], means[1]
    rows = np.concatenate([[known.everything], known.alone, known.spared])
    single = np.arange(n_layers)[:, None]
    assignments = np.concatenate(
        [
            np.ones((1, n_layers), int),
            lattice.one_quantized(n_layers),
            lattice.protecting(single, n_layers),
        ]
    )
    added = np.moveaxis(rows - known.full, -1, 0)
    return {
        "layers": n_layers,
        "n": len(np.unique(groups)),
        "rank": _quantiles(_ranks(data), _ranks(replicates)),
        "top_with_ends": _quantiles(_tops(data), _tops(replicates)),
        **_ratios(subject, added, groups, assignments),
        "together": _together(subject, added, groups),
    }


def _ranks(values: Float[np.ndarray, "draw layer"]) -> Float[np.ndarray, "draw layer"]:
    return (1 + np.sum(values[:, :, None] < values[:, None], axis=2)).astype(float)


def _tops(values: Float[np.ndarray, "draw layer"]) -> Float[np.ndarray, "draw 1"]:
    """Of the best four sets of three layers, how many hold the first and the last."""
    n_layers = values.shape[1]
    sets = np.array(list(itertools.combinations(range(n_layers), TRIPLE)))
    ends = np.any(sets == 0, axis=1) & np.any(sets == n_layers - 1, axis=1)
    best = np.argsort(-values[:, sets].sum(axis=2), axis=1, kind="stable")[:, :TOP]
    return ends[best].sum(axis=1, keepdims=True).astype(float)


def _quantiles(
    data: Float[np.ndarray, "1 column"], replicates: Float[np.ndarray, "draw column"]
) -> list[list[float]]:
    bounds = np.quantile(replicates, [0.025, 0.975], axis=0)
    return [data[0].tolist(), bounds[0].tolist(), bounds[1].tolist()]


def _ratios(
    subject: Subject, added: np.ndarray, groups: np.ndarray, assignments: np.ndarray
) -> dict[str, Any]:
    sides = sides_of(subject)
    if np.isnan(sides).any():
        return dict.fromkeys(
            ("rises", "surely_rises", "surely_falls", "predicted", "last_rises")
        )
    found = mediant.explanation(
        added, groups, assignments, weights=sides, key=key_of(subject, "mediants")
    )
    low, high = np.asarray(found.change.low), np.asarray(found.change.high)
    return {
        "rises": int(found.rises.sum()),
        "surely_rises": int(np.sum(low > 0)),
        "surely_falls": int(np.sum(high < 0)),
        "predicted": int(found.agrees.sum()),
        "last_rises": bool(found.rises[-1]),
    }


def _together(
    subject: Subject,
    added: Float[np.ndarray, "sentence config language"],
    groups: np.ndarray,
) -> list[float]:
    """Estimate, low, high of what first and last layer save only together."""
    n_layers = subject.model.config.n_layers
    both = _both_ends(subject) - losses.layer_losses(subject).full
    four = np.concatenate(
        [added[:, [0, 1 + n_layers, 2 * n_layers]], both.T[:, None]], axis=1
    )
    sets = [(), (0,), (n_layers - 1,), (0, n_layers - 1)]
    assignments = lattice.protecting(sets, n_layers)
    sides = np.full((2, four.shape[2]), 1 / four.shape[2])
    found = interactions.synergy(
        four, groups, assignments, weights=sides, key=key_of(subject, "synergy")
    )
    mean = found.mean
    return [float(np.asarray(x)) for x in (mean.estimate, mean.low, mean.high)]

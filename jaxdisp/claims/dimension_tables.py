"""Effective dimension over the layers: its curve, and the rows that are shown."""

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jaxdisp.claims.experiment import Rows
from jaxdisp.measure.token_covariance import Covariances, dimensions
from jaxdisp.result import result
from jaxdisp.search import lattice
from jaxdisp.stats.bootstrap import draw_counts
from jaxdisp.stats.jackknife import jackknife_interval
from jaxdisp.stats.reliability import random_halves, split_half
from jaxdisp.stats.spectra import explaining_dimension

DRAWS, HALVES = 2000, 200


@result
class Curve:
    """Effective dimension after every layer, for all texts and other weights of them.

    `left_out` is without one block of texts each, `resampled` of bootstrap draws, and
    `first` and `second` of random halves.
    """

    whole: Float[np.ndarray, " layer"]
    left_out: Float[np.ndarray, "text layer"]
    resampled: Float[np.ndarray, "draw layer"]
    first: Float[np.ndarray, "half layer"]
    second: Float[np.ndarray, "half layer"]


def curve(found: Covariances, key: PRNGKeyArray) -> Curve:
    """Finds the pooled effective dimension after every layer, for weights of texts.

    Args:
        found: moments by text.
        key: of the draws.

    Reference: as `measure.token_covariance.dimensions`.
    """
    n_texts = len(found.pooled.counts)
    own, other = jax.random.split(key)
    halves = random_halves(own, n_texts, HALVES).astype(float)
    counts = draw_counts(other, n_clusters=n_texts, draws=DRAWS).astype(float)

    def of(weights: np.ndarray) -> np.ndarray:
        return dimensions(found.pooled, weights)[:, 1:]

    return Curve(
        whole=of(np.ones((1, n_texts)))[0],
        left_out=of(1 - np.eye(n_texts)),
        resampled=of(counts),
        first=of(halves),
        second=of(1 - halves),
    )


def layer_rows(
    pooled: Curve,
    control: Curve,
    lost: Float[np.ndarray, " layer"],
    found: Covariances,
    null: Covariances,
) -> Rows:
    """Lists what is known of each layer: dimensions, control, loss.

    Args:
        pooled: dimensions of all languages together.
        control: the same with shuffled weights.
        lost: when only this layer is quantized, in nats per sentence.
        found: moments, for the directions that explain 95 % of the variance.
        null: the same with shuffled weights.

    Reference: our own definition.
    """
    n_layers = len(lost)
    low, high = _bounds(pooled.whole, pooled.left_out)
    smallest = np.argmin(pooled.resampled, axis=1)
    return [
        {
            "layer": layer,
            "depth": layer / n_layers,
            "three_quarter": "yes" if layer == lattice.gateways(n_layers)[1] else "no",
            "dimension": float(pooled.whole[layer]),
            "low": float(low[layer]),
            "high": float(high[layer]),
            "explaining_95": explaining_dimension(found.pooled_eigenvalues[1 + layer]),
            "share_smallest": float(np.mean(smallest == layer)),
            "shuffled": float(control.whole[layer]),
            "shuffled_95": explaining_dimension(null.pooled_eigenvalues[1 + layer]),
            "lost": float(lost[layer]),
        }
        for layer in range(n_layers)
    ]


def _bounds(whole: np.ndarray, left_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The jackknife's interval on the scale of logarithms."""
    low, high = jackknife_interval(np.log(whole), np.log(left_out))
    return np.exp(low), np.exp(high)


def language_rows(found: Covariances, needed: int) -> Rows:
    """Lists dimensions by language and layer; None where tokens are too few.

    Args:
        found: moments by text.
        needed: tokens.

    Reference: our own definition.
    """
    rows: Rows = []
    for place, language in enumerate(found.languages):
        n_texts = len(found.each[place].counts)
        enough = int(found.n_tokens[place]) >= needed
        weights = np.concatenate([np.ones((1, n_texts)), 1 - np.eye(n_texts)])
        dimension = dimensions(found.each[place], weights)[:, 1:]
        low, high = _bounds(dimension[0], dimension[1:])
        rows += [
            {
                "language": language,
                "tokens": int(found.n_tokens[place]),
                "needed": needed,
                "layer": layer,
                "dimension": float(dimension[0, layer]) if enough else None,
                "low": float(low[layer]) if enough else None,
                "high": float(high[layer]) if enough else None,
                "explaining_95": explaining_dimension(
                    found.eigenvalues[place, 1 + layer]
                )
                if enough
                else None,
            }
            for layer in range(dimension.shape[1])
        ]
    return rows


def place_rows(found: Curve, languages: Rows) -> Rows:
    """Says where the dimension is smallest, in resamples and by language.

    The reliability is that of the curve over layers; None of a flat one.

    Args:
        found: dimensions of all languages together.
        languages: as from `language_rows`.

    Reference: our own definition.
    """
    of_each: dict[str, dict[int, float]] = {}
    for row in languages:
        if row["dimension"] is not None:
            of_each.setdefault(row["language"], {})[row["layer"]] = row["dimension"]
    places = [min(each, key=each.__getitem__) for each in of_each.values()]
    target = lattice.gateways(len(found.whole))[1]
    smallest = np.argmin(found.resampled, axis=1)
    low, high = np.quantile(smallest, [0.025, 0.975], method="nearest")
    n_layers = len(found.whole)
    flat = np.any(np.ptp(np.concatenate([found.first, found.second]), axis=1) == 0)
    return [
        {
            "smallest": int(np.argmin(found.whole)),
            "smallest_low": int(low),
            "smallest_high": int(high),
            "depth": float(np.argmin(found.whole) / n_layers),
            "depth_low": float(low / n_layers),
            "depth_high": float(high / n_layers),
            "languages": len(places),
            "languages_smallest_at_three_quarters": places.count(target),
            "languages_smallest_at_last": places.count(n_layers - 1),
            "reliability": None
            if flat
            else split_half(np.log(found.first), np.log(found.second)),
        }
    ]

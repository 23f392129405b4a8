"""Hidden states as sources: what rounding them costs, and the least it could cost.

The source of a language is the state of a token after a layer, channel by channel less
the mean and over the deviation that it has in all languages together (each counts the
same). The code is the run's grid at the run's bits with one threshold for all channels
and languages, the best by the additive-noise objective. Start tokens do not count.
"""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxdisp.claims.evidence import Evidence
from jaxdisp.measure import information, states, text_blocks
from jaxdisp.models.quantized import Quantizer
from jaxdisp.quant import additive_noise, grids
from jaxdisp.result import result

MOST_TAPS = 12
"""Layers that are looked at, spread evenly; the last one is always among them."""

TOKENS_PER_CHANNEL = 4
"""Left when a text is left out; below it the determinant is mostly its correction."""


@result
class _Sums:
    """Sums over the tokens of each block of texts, of one language after one layer."""

    count: Float[np.ndarray, " block"]
    first: Float[np.ndarray, "block channel"]
    second: Float[np.ndarray, "block channel channel"]
    lost: Float[np.ndarray, " block"]


def state_codes(evidence: Evidence) -> dict[str, Any]:
    """Codes the states of every language and bounds what any code must lose.

    Definition: `error` is the mean squared error per channel, `least` the entropy power
    of a Gaussian with the states' covariance times `4^-b`. States that are not Gaussian
    have a smaller entropy, so that `least` may be above the true bound, never below.
    `variance` is the mean square per channel.

    Args:
        evidence: of one model; its few sentences are read.

    Returns:
        `languages`, `bits`, `layers` (numbers of the layers); `error`, `least` and
        `variance` by layer and language; `left_out` with `error` and `least` after the
        last layer by block of texts and language; or only `missing`, the reason.

    Reference: our own definition; Cover and Thomas 2006, theorem 8.6.5 and problem
        10.8.
    """
    return evidence.kept("state codes", lambda: _measured(evidence))


def _measured(evidence: Evidence) -> dict[str, Any]:
    subject = evidence.subject
    n_layers, width = subject.model.config.n_layers, subject.model.config.width
    count = min(n_layers, MOST_TAPS)
    taps = np.unique(np.linspace(1, n_layers, count).round().astype(int))
    block = text_blocks.blocks(subject.few.groups)
    values: list[np.ndarray] = []
    places: list[list[np.ndarray]] = []
    for _, found in states.language_states(
        subject.model, subject.few, stride=subject.stride
    ):
        values.append(found.values[taps])
        places.append(text_blocks.tokens_by_block(found, block))
    counts = np.array([[len(place) for place in each] for each in places])
    fewest = int(np.min(counts.sum(axis=1) - counts.max(axis=1)))
    needed = TOKENS_PER_CHANNEL * width
    if fewest < needed:
        return {
            "missing": f"needs {needed} tokens of each language with any text left "
            f"out, got {fewest}"
        }
    bits, last = subject.quantizer.bits, len(taps) - 1
    tables: list[list[dict[str, float]]] = []
    left: list[list[dict[str, float]]] = []
    for tap in range(len(taps)):
        # one block is enough where no text is left out
        apart = places if tap == last else [[np.concatenate(x)] for x in places]
        rows = []
        for sums in _coded([each[tap] for each in values], apart, subject.quantizer):
            rows.append(_table(sums, bits))
            if tap == last:
                blocks = range(len(sums.count))
                left.append([_table(sums, bits, without=g) for g in blocks])
        tables.append(rows)
    return {
        "languages": list(subject.few.languages),
        "bits": bits,
        "layers": (taps - 1).tolist(),
        "left_out": {
            name: [list(row) for row in zip(*_named(left, name), strict=True)]
            for name in ("error", "least")
        },
    } | {name: _named(tables, name) for name in ("error", "least", "variance")}


def _named(tables: list[list[dict[str, float]]], name: str) -> list[list[float]]:
    return [[row[name] for row in rows] for rows in tables]


def _coded(
    values: list[np.ndarray], places: list[list[np.ndarray]], quantizer: Quantizer
) -> Iterator[_Sums]:
    """Standardizes and rounds the states of all languages after one layer.

    Outer products are many where blocks are: one language is held at a time.
    """
    counted = [
        each[np.concatenate(place)].astype(np.float64)
        for each, place in zip(values, places, strict=True)
    ]
    mean = np.mean([each.mean(axis=0) for each in counted], axis=0)
    square = np.mean([np.mean((each - mean) ** 2, axis=0) for each in counted], axis=0)
    scale = 1 / np.sqrt(np.where(square > 0, square, 1.0))
    standard = [(each - mean) * scale for each in counted]
    step = additive_noise.GRID_STEP[quantizer.grid]
    pooled = np.concatenate([each.ravel() for each in standard]).astype(np.float32)
    weights = np.concatenate(
        [np.full(each.size, 1 / each.size, np.float32) for each in standard]
    )
    threshold = additive_noise.threshold(
        jnp.asarray(pooled),
        jnp.asarray(weights),
        additive_noise.noise_constant(quantizer.bits, step=step),
    )
    rounded = np.asarray(_rounded(pooled, threshold, quantizer))
    lost = np.square(rounded.astype(np.float64) - pooled)
    ends = np.cumsum([each.size for each in standard])[:-1]
    parts = zip(standard, np.split(lost, ends), places, strict=True)
    for x, error, place in parts:
        yield _sums(x, error.reshape(x.shape), place)


def _rounded(x: np.ndarray, threshold: jax.Array, quantizer: Quantizer) -> jax.Array:
    word = grids.word_length(quantizer.bits)
    limits = grids.within(threshold)
    return grids.round_trip(jnp.asarray(x), limits, word, grid=quantizer.grid)


def _sums(x: np.ndarray, error: np.ndarray, place: list[np.ndarray]) -> _Sums:
    ends = np.cumsum([len(each) for each in place])[:-1]
    parts = np.split(x, ends)
    return _Sums(
        count=np.array([float(len(each)) for each in parts]),
        first=np.array([each.sum(axis=0) for each in parts]),
        second=np.array([each.T @ each for each in parts]),
        lost=np.array([each.sum() for each in np.split(error, ends)]),
    )


def _table(sums: _Sums, bits: int, without: int | None = None) -> dict[str, float]:
    """Error, least error and variance per channel, of all texts or all but one."""
    kept = np.ones(len(sums.count), bool)
    if without is not None:
        kept[without] = False
    n, width = float(sums.count[kept].sum()), sums.first.shape[1]
    mean = sums.first[kept].sum(axis=0) / n
    outer = sums.second[kept].sum(axis=0)
    covariance = (outer - n * np.outer(mean, mean)) / (n - 1)
    nats = float(information.gaussian_entropy(covariance, int(n))) / width
    return {
        "error": float(sums.lost[kept].sum()) / (n * width),
        "least": float(np.exp(2 * (nats - information.UNIT_ENTROPY))) * 4.0**-bits,
        "variance": float(np.trace(outer)) / (n * width),
    }

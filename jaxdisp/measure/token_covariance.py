"""Covariance of tokens, kept so that any weighting of the texts is had at once."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int

from jaxdisp.measure.states import States
from jaxdisp.measure.text_blocks import tokens_by_block
from jaxdisp.result import result


@result
class TextMoments:
    """What participation ratios of weighted texts need, without any covariance.

    With n the tokens of a text, s the sum of their states and M that of outer products:
    `traces` are `tr M`, `inner` are `s_g . s_h`, `products` are `tr M_g M_h` and
    `through` are `s_g' M_k s_h`.
    """

    counts: Float[np.ndarray, " text"]
    traces: Float[np.ndarray, "tap text"]
    inner: Float[np.ndarray, "tap text text"]
    products: Float[np.ndarray, "tap text text"]
    through: Float[np.ndarray, "tap text text text"]


@result
class Covariances:
    """Moments of each language and of all together, and eigenvalues over all texts.

    In the pooled moments each language counts the same, however many tokens it has.
    """

    languages: tuple[str, ...]
    n_tokens: Int[np.ndarray, " language"]
    each: tuple[TextMoments, ...]
    pooled: TextMoments
    eigenvalues: Float[np.ndarray, "language tap width"]
    pooled_eigenvalues: Float[np.ndarray, "tap width"]


def covariances(
    languages: Iterable[tuple[str, States]],
    block: Int[np.ndarray, " sentence"],
    *,
    only: Sequence[int] | None = None,
) -> Covariances:
    """Adds up outer products of states by language and block of texts, in float64.

    One language and one tap are held at a time, beside the pooled sums of all texts and
    taps. Start tokens do not count. States are taken from the mean state of the first
    language, which changes no covariance.

    Args:
        languages: as from `states.language_states`.
        block: of each sentence, from 0 without gaps.
        only: taps that are looked at; None is all.

    Reference: our own definition.
    """
    origin, names, n_tokens, each, eigenvalues = None, [], [], [], []
    pooled: list[tuple[np.ndarray, ...]] = []
    for language, states in languages:
        taps = list(range(len(states.values))) if only is None else list(only)
        if origin is None:
            origin = states.values.mean(axis=1, dtype=np.float64)
        places = tokens_by_block(states, block)
        counts = np.array([float(len(place)) for place in places])
        own, spectra = [], []
        for number, tap in enumerate(taps):
            sums = _sums(states.values[tap], origin[tap], places)
            own.append(_reduced(*sums))
            spectra.append(_eigenvalues(counts, *sums))
            share = tuple(part / max(counts.sum(), 1.0) for part in sums)
            if len(pooled) == number:
                pooled.append(share)
            else:
                pooled[number] = tuple(map(np.add, pooled[number], share))
        names.append(language)
        n_tokens.append(int(counts.sum()))
        each.append(_collected(counts, own))
        eigenvalues.append(np.stack(spectra))
    weights = [m.counts / max(m.counts.sum(), 1.0) for m in each]
    together = np.sum(weights, axis=0)
    return Covariances(
        languages=tuple(names),
        n_tokens=np.array(n_tokens),
        each=tuple(each),
        pooled=_collected(together, [_reduced(*sums) for sums in pooled]),
        eigenvalues=np.stack(eigenvalues),
        pooled_eigenvalues=np.stack([_eigenvalues(together, *s) for s in pooled]),
    )


def dimensions(
    moments: TextMoments, weights: Float[np.ndarray, "draw text"]
) -> Float[np.ndarray, "draw tap"]:
    """Finds the participation ratio of the token covariance, for weights of texts.

    Definition: with `C = sum w M / n - m m'`, `m = sum w s / n` and `n = sum w n_g`,
    `(tr C)^2 / tr C^2`, where `tr C^2 = sum_gh w w tr(M_g M_h) / n^2 - 2 m' (sum w M /
    n) m + |m|^4`. Weights of 1 are the data, and a 0 leaves a text out. Below the true
    ratio if there are few tokens, by a factor around `1 / (1 + ratio / tokens)`.

    Args:
        moments: by text.
        weights: of the texts, such as how often each was drawn.

    Returns:
        Between 1 and the width; 1 where nothing varies.

    Reference: Gao et al. 2017, bioRxiv 214262, section 4.1 (the ratio).
    """
    total = weights @ moments.counts
    w = weights / np.where(total > 0, total, 1.0)[:, None]
    n_taps, n_texts = moments.traces.shape
    # products of matrices, which take a fiftieth of the time of einsum
    pairs = (w[:, :, None] * w[:, None, :]).reshape(len(w), -1)
    mean_square = pairs @ moments.inner.reshape(n_taps, -1).T
    through = pairs @ moments.through.reshape(n_taps, -1, n_texts)
    trace = w @ moments.traces.T - mean_square
    square = (
        pairs @ moments.products.reshape(n_taps, -1).T
        - 2 * np.sum(through * w, axis=2).T
        + mean_square**2
    )
    # rounding may leave less than nothing of a covariance of 0
    return np.where(
        (trace > 0) & (square > 0),
        np.maximum(trace, 0.0) ** 2 / np.where(square > 0, square, 1.0),
        1.0,
    )


def _sums(
    values: np.ndarray, origin: np.ndarray, places: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of states and of their outer products, by block."""
    width = len(origin)
    sums = np.zeros((len(places), width))
    products = np.zeros((len(places), width, width))
    for text, place in enumerate(places):
        centred = values[place] - origin
        sums[text] = centred.sum(axis=0)
        products[text] = centred.T @ centred
    return sums, products


def _reduced(sums: np.ndarray, products: np.ndarray) -> tuple[np.ndarray, ...]:
    flat = products.reshape(len(products), -1)
    return (
        np.trace(products, axis1=1, axis2=2),
        sums @ sums.T,
        flat @ flat.T,
        np.stack([sums @ (outer @ sums.T) for outer in products], axis=1),
    )


def _eigenvalues(
    counts: np.ndarray, sums: np.ndarray, products: np.ndarray
) -> Float[np.ndarray, " width"]:
    # of no tokens everything is 0
    n, width = counts.sum() or 1.0, sums.shape[1]
    mean = sums.sum(axis=0) / n
    covariance = products.sum(axis=0) / n - np.outer(mean, mean)
    return np.maximum(np.linalg.eigvalsh(covariance), 0.0).reshape(width)


def _collected(
    counts: np.ndarray, taps: Sequence[tuple[np.ndarray, ...]]
) -> TextMoments:
    traces, inner, products, through = (
        np.stack(parts) for parts in zip(*taps, strict=True)
    )
    return TextMoments(
        counts=counts,
        traces=traces,
        inner=inner,
        products=products,
        through=through,
    )

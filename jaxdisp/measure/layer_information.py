"""What the state after each layer carries: bits about tokens, and its own entropy.

Nothing here depends on the scale of the states, which is arbitrary: decoders see them
whitened, and entropies are of channels that all have variance 1.
"""

import dataclasses

import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jaxdisp.measure import information, information_neighbours, reconstruction, states
from jaxdisp.measure.corpus import Corpus
from jaxdisp.models.model import Model
from jaxdisp.result import result
from jaxdisp.stats.jackknife import jackknife_interval

SAMPLE, NEAREST = 8000, 3000
"""Tokens that decoders and covariances see, and that neighbours are looked for in."""
CLASSES, TOKENS_PER_CLASS = 128, 50
COMPONENTS = 8


@result
class Carried:
    """What the state after each layer carries, of one model.

    `bits` is about the input token and `before` about the one before it, per token;
    `gaussian` and `entropy` (from neighbours) are in nats per component of channels of
    variance 1, NaN where they cannot be had.
    """

    bits: Float[np.ndarray, " layer"]
    bits_low: Float[np.ndarray, " layer"]
    bits_high: Float[np.ndarray, " layer"]
    before: Float[np.ndarray, " layer"]
    gaussian: Float[np.ndarray, " layer"]
    entropy: Float[np.ndarray, " layer"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tokens:
    """Tokens taken from all languages, with the states after each layer."""

    values: Float[np.ndarray, "layer token width"]
    token: Int[np.ndarray, " token"]
    before: Int[np.ndarray, " token"]
    group: Int[np.ndarray, " token"]
    frequent: Int[np.ndarray, " class"]


def take_tokens(model: Model, corpus: Corpus, stride: int | None) -> Tokens:
    """Takes as many tokens of each language, evenly spaced, with their states.

    Definition: of tokens after the start token, every n-th. Those that are frequent are
    the ones that occur most often in all languages together.

    Args:
        model: an open model.
        corpus: parallel text.
        stride: of windows, in tokens; None is half of the context.

    Reference: our own definition.
    """
    share = SAMPLE // len(corpus.languages)
    kept: list[tuple[np.ndarray, ...]] = []
    counts = np.zeros(model.config.vocabulary, np.int64)
    groups = np.array(corpus.groups)
    for _, found in states.language_states(model, corpus, stride=stride):
        places = np.flatnonzero(found.place > 0)
        counts += np.bincount(found.token[places], minlength=len(counts))
        some = np.linspace(0, len(places) - 1, min(share, len(places))).astype(int)
        chosen = places[some]
        kept.append(
            (
                found.values[1:, chosen],
                found.token[chosen],
                found.token[chosen - 1],
                groups[found.sentence[chosen]],
            )
        )
    values = np.concatenate([part[0] for part in kept], axis=1)
    token, before, group = (
        np.concatenate([part[number] for part in kept]) for number in range(1, 4)
    )
    classes = max(2, min(CLASSES, len(token) // TOKENS_PER_CLASS))
    frequent = np.argsort(-counts, kind="stable")[: classes - 1]
    return Tokens(
        values=values, token=token, before=before, group=group, frequent=frequent
    )


def measure_carried(tokens: Tokens, key: PRNGKeyArray) -> Carried:
    """Measures what the state after each layer carries.

    Definition: bits are what a decoder (`reconstruction.reconstruct`) loses less than a
    guess by frequency, for classes that are the frequent tokens and all others
    together. Their interval is of the difference to the mean over layers, from which it
    is drawn, by a jackknife over the held-out texts: layers see the same texts, and it
    is the layers that are compared. All is NaN if the states are not finite.

    Args:
        tokens: with states.
        key: of the training.

    Reference: our own definition.
    """
    if not np.all(np.isfinite(tokens.values)):
        nothing = np.full(len(tokens.values), np.nan)
        names = (field.name for field in dataclasses.fields(Carried))  # pyright: ignore
        return Carried(**dict.fromkeys(names, nothing))
    part = reconstruction.split_texts(tokens.group)
    held_out = tokens.group[part == reconstruction.HELD_OUT]
    gains = []
    for target in (tokens.token, tokens.before):
        found = reconstruction.reconstruct(
            tokens.values,
            _classes(target, tokens.frequent),
            part,
            n_classes=len(tokens.frequent) + 1,
            key=key,
        )
        gains.append((found.baseline - found.losses) / np.log(2))
    low, high = _bounds(gains[0], held_out)
    gaussian, entropy = np.transpose([_entropies(layer) for layer in tokens.values])
    return Carried(
        bits=gains[0].mean(axis=1),
        bits_low=low,
        bits_high=high,
        before=gains[1].mean(axis=1),
        gaussian=gaussian,
        entropy=entropy,
    )


def _classes(
    token: Int[np.ndarray, " token"], frequent: Int[np.ndarray, " class"]
) -> Int[np.ndarray, " token"]:
    """Number of each token among the frequent ones; one more for all others."""
    same = token[:, None] == frequent
    return np.where(same.any(axis=1), same.argmax(axis=1), len(frequent))


def _bounds(
    gain: Float[np.ndarray, "layer token"], group: Int[np.ndarray, " token"]
) -> tuple[Float[np.ndarray, " layer"], Float[np.ndarray, " layer"]]:
    texts = np.unique(group)
    if len(texts) < 2:
        nothing = np.full(len(gain), np.nan)
        return nothing, nothing
    apart = gain - gain.mean(axis=0)
    left_out = np.stack([apart[:, group != text].mean(axis=1) for text in texts])
    low, high = jackknife_interval(apart.mean(axis=1), left_out)
    return low + gain.mean(), high + gain.mean()


def _entropies(
    values: Float[np.ndarray, "token width"],
) -> tuple[float, float]:
    """Entropy per main component of standardized channels: Gaussian, from neighbours.

    The components' variances are divided by what each would have if all channels were
    independent, which is 1.
    """
    doubled = values.astype(np.float64)
    covariance = np.cov(doubled, rowvar=False)
    spread_out = np.sqrt(np.diagonal(covariance))
    count = min(COMPONENTS, int(np.sum(spread_out > 0)))
    if count == 0:
        return np.nan, np.nan
    variance, axes = information.principal_axes(
        information.correlations(covariance), count
    )
    if variance[-1] <= information.ROUNDING * variance[0]:
        return np.nan, np.nan
    scale = np.where(spread_out > 0, spread_out, 1.0)
    step = -(-len(doubled) // NEAREST)
    seen = ((doubled - doubled.mean(axis=0)) / scale)[::step] @ axes
    seen = seen[information_neighbours.distinct(seen)]
    gaussian = float(information.gaussian_entropy(np.diag(variance))) / count
    if len(seen) <= information_neighbours.NEIGHBOUR:
        return gaussian, np.nan
    return gaussian, information_neighbours.neighbour_entropy(seen) / count

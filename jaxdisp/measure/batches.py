"""Batches: windows of similar length together, in few shapes and with little padding.

Every shape is compiled once and every padded token is computed for nothing, so the
lengths to pad to are chosen to make the padding least.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int

from jaxdisp.measure.windows import Window

TOKENS_PER_BATCH = 4096
SHAPES = 6
STEP = 8
ROWS = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """Windows of one length class: token numbers, masks, and the windows' places.

    `mask` says which tokens are real, `scored` which of these are scored: of a sentence
    that fits into the context all but the first. `places` are those of the windows
    among all; rows beyond are empty.
    """

    tokens: Int[np.ndarray, "batch window token"]
    mask: Bool[np.ndarray, "batch window token"]
    scored: Bool[np.ndarray, "batch window token"]
    places: Int[np.ndarray, " place"]


def padded_lengths(
    lengths: Int[np.ndarray, " window"], most: int
) -> Int[np.ndarray, " shape"]:
    """Chooses at most so many lengths to pad to, with the least padding in all.

    Definition: with `u[1] < u[2] < ...` the lengths rounded up to multiples of 8 and
    `N(j)` the number of windows up to `u[j]`, the least total of `j` lengths in `k`
    classes is `T(k, j) = min over i < j of T(k - 1, i) + (N(j) - N(i)) u[j]`.

    Args:
        lengths: tokens in each window, at least 1.
        most: how many lengths may be chosen.

    Reference: our own definition; the recursion is Bellman 1961, for segmented fits.
    """
    sizes, counts = np.unique(-(-lengths // STEP) * STEP, return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])
    total = np.full(len(sizes) + 1, np.inf)
    total[0] = 0.0
    chosen: list[list[np.integer]] = [[] for _ in range(len(sizes) + 1)]
    for _ in range(min(most, len(sizes))):
        costs = total[None, :-1] + (below[1:, None] - below[None, :-1]) * sizes[:, None]
        costs = np.where(np.tri(len(sizes), dtype=bool), costs, np.inf)
        last = np.argmin(costs, axis=1).tolist()
        better = np.min(costs, axis=1) < total[1:]
        longer = [[*chosen[i], size] for i, size in zip(last, sizes, strict=True)]
        chosen[1:] = [
            new if improved else old
            for new, improved, old in zip(longer, better, chosen[1:], strict=True)
        ]
        total[1:] = np.minimum(total[1:], np.min(costs, axis=1))
    return np.array(chosen[-1], int)


def length_classes(
    languages: Sequence[Sequence[Window]], most: int = SHAPES
) -> Int[np.ndarray, " shape"]:
    """Chooses the lengths to pad to for the windows of all languages together.

    Definition: `padded_lengths` of all of them.

    Args:
        languages: windows of each language.
        most: how many lengths may be chosen.

    Reference: as `padded_lengths`.
    """
    lengths = [len(window.tokens) for windows in languages for window in windows]
    return padded_lengths(np.array(lengths), most)


def make_batches(
    windows: Sequence[Window],
    context: int,
    *,
    tokens: int = TOKENS_PER_BATCH,
    multiple: int = 1,
    shapes: int | None = None,
) -> list[Batch]:
    """Groups windows of similar length into few shapes.

    Definition: each window is padded to the smallest of `padded_lengths` that holds it
    (but not beyond the context); the windows of a length are split into equal batches
    of at most `tokens` tokens, or of `multiple` windows, filled up with empty ones.

    Args:
        windows: as from `windows.cut`, no longer than the context.
        context: longest sequence the model takes.
        tokens: in a batch, padding included.
        multiple: what the number of windows in a batch is a multiple of.
        shapes: how many lengths are padded to, at most; None is `SHAPES`.

    Reference: our own definition.
    """
    lengths = np.array([len(window.tokens) for window in windows])
    classes = length_classes([windows], SHAPES if shapes is None else shapes)
    made = []
    for number, length in enumerate(classes):
        places = np.flatnonzero(np.searchsorted(classes, lengths) == number)
        length = min(int(length), context)
        units = -(-len(places) // multiple)
        n_batches = -(-units // max(1, tokens // (length * multiple)))
        rows = -(-units // n_batches) * multiple
        made.append(_padded(windows, places, (n_batches, rows, length)))
    return made


def _padded(
    windows: Sequence[Window], places: np.ndarray, shape: tuple[int, int, int]
) -> Batch:
    tokens = np.zeros((shape[0] * shape[1], shape[2]), np.int32)
    mask, scored = np.zeros((2, *tokens.shape), bool)
    for row, window in enumerate(windows[place] for place in places.tolist()):
        length = len(window.tokens)
        tokens[row, :length] = window.tokens
        mask[row, :length] = True
        scored[row, window.first : length] = True
    return Batch(
        tokens=tokens.reshape(shape),
        mask=mask.reshape(shape),
        scored=scored.reshape(shape),
        places=places,
    )


def equal_batches(
    windows: Sequence[Window],
    classes: Int[np.ndarray, " shape"],
    context: int,
) -> list[Batch]:
    """Groups windows into batches whose shapes depend on nothing but the classes.

    Definition: each window is padded to the smallest of `classes` that holds it; every
    batch holds `ROWS` windows, the last of a class filled up with empty ones. Other
    windows of the same classes thus need no other program.

    Args:
        windows: as from `windows.cut`, no longer than the longest class.
        classes: lengths to pad to, as from `padded_lengths`.
        context: longest sequence the model takes.

    Raises:
        ValueError: if a window is longer than the longest class.

    Reference: our own definition.
    """
    lengths = np.array([len(window.tokens) for window in windows])
    if np.max(lengths) > classes[-1]:
        raise ValueError(
            f"a window has {np.max(lengths)} tokens, the longest class {classes[-1]}"
        )
    made = []
    for number, length in enumerate(classes):
        length = min(int(length), context)
        places = np.flatnonzero(np.searchsorted(classes, lengths) == number)
        for first in range(0, len(places), ROWS):
            chosen = places[first : first + ROWS]
            made.append(_padded(windows, chosen, (1, ROWS, length)))
    return made

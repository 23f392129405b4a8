"""The lattice of assignments: which version of its weights each layer is in.

An assignment is a row of integers, one per layer: 0 is full precision, `q` what the
`q`-th quantizer makes of the layer. `n_versions` counts full precision, too. Nothing
here has an entry for the parameters outside the layers; `with_outside` adds it.
"""

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Int

FULL, QUANTIZED = 0, 1
MOST = 1_000_000


def with_outside(
    assignments: Int[np.ndarray, "subset layer"],
    outside: Int[np.ndarray, " subset"] | int,
) -> Int[np.ndarray, "config site"]:
    """Adds the version of the parameters outside the layers as a last entry.

    Args:
        assignments: version of each layer.
        outside: version of what is outside, one for all or one for each row.

    Reference: our own definition.
    """
    last = np.broadcast_to(np.asarray(outside, assignments.dtype), len(assignments))
    return np.column_stack([assignments, last])


def uniform(n_layers: int, n_versions: int = 2) -> Int[np.ndarray, "subset layer"]:
    """Lists the assignments with all layers in one version, full precision first.

    Args:
        n_layers: layers of the model.
        n_versions: versions of a layer.

    Reference: our own definition.
    """
    return np.arange(n_versions)[:, None].repeat(n_layers, axis=1)


def one_quantized(
    n_layers: int, version: int = QUANTIZED
) -> Int[np.ndarray, "subset layer"]:
    """Lists the assignments in which a single layer is quantized, first to last.

    Args:
        n_layers: layers of the model.
        version: that of the layer; the others are in full precision.

    Reference: our own definition.
    """
    return version * np.eye(n_layers, dtype=int)


def protecting(
    sets: Int[np.ndarray, "subset member"] | Sequence[Sequence[int]],
    n_layers: int,
    protected: int = FULL,
    rest: int = QUANTIZED,
) -> Int[np.ndarray, "subset layer"]:
    """Lists the assignments in which everything but a set of layers is quantized.

    Args:
        sets: the protected layers of each set, from 0; sizes may differ.
        n_layers: layers of the model.
        protected: version of the layers in the set.
        rest: version of the others.

    Raises:
        ValueError: if a set names a layer that the model does not have.

    Reference: our own definition.
    """
    found = np.full((len(sets), n_layers), rest)
    for row, members in zip(found, sets, strict=True):
        chosen = np.asarray(members, int)
        _check_layers(chosen.tolist(), n_layers)
        row[chosen] = protected
    return found


def protected_layers(assignment: Int[np.ndarray, " layer"]) -> tuple[int, ...]:
    """Lists the layers that an assignment keeps in full precision.

    Args:
        assignment: version of each layer.

    Reference: our own definition.
    """
    return tuple(np.flatnonzero(assignment == FULL).tolist())


def subsets(n_layers: int, size: int) -> Int[np.ndarray, "subset member"]:
    """Lists all sets of so many layers, in lexicographic order.

    Args:
        n_layers: layers of the model.
        size: layers in a set.

    Raises:
        ValueError: if a set would be empty or hold every layer.

    Reference: our own definition.
    """
    if not 0 < size < n_layers:
        raise ValueError(
            f"a protection set must have 1 to {n_layers - 1} of the {n_layers} layers, "
            f"got {size}"
        )
    return np.array(list(itertools.combinations(range(n_layers), size)))


def gateways(n_layers: int) -> tuple[int, int, int]:
    """Returns the layers that the gateway claim names: first, at three quarters, last.

    Definition: `0, floor(3 L / 4), L - 1`; for 12 layers 0, 9 and 11.

    Args:
        n_layers: layers of the model, at least 5.

    Raises:
        ValueError: if there are fewer than 5 layers, so that two of them coincide.

    Reference: the claim under test; see the documentation's page on claims.
    """
    if n_layers < 5:
        raise ValueError(f"gateway layers need at least 5 layers, got {n_layers}")
    return 0, math.floor(3 * n_layers / 4), n_layers - 1


def parse_sets(text: str, n_layers: int) -> list[tuple[int, ...]]:
    """Reads sets of layers as they are typed: `0,9,11;0,11`.

    Args:
        text: layers from 0 between commas, sets between semicolons.
        n_layers: layers of the model.

    Returns:
        The sets in the order given, each with its layers in ascending order.

    Raises:
        ValueError: if a set is empty or there twice, or a layer is not a number, not in
            the model, or there twice.

    Reference: our own definition.
    """
    found: list[tuple[int, ...]] = []
    for piece in text.split(";"):
        members = _parse_set(piece, text, n_layers)
        if members in found:
            raise ValueError(f"sets {text!r}: the set {piece.strip()} is there twice")
        found.append(members)
    return found


def _parse_set(piece: str, text: str, n_layers: int) -> tuple[int, ...]:
    if not piece.strip():
        raise ValueError(
            f"sets {text!r}: a set is empty; write layers between commas and sets "
            "between semicolons, such as 0,9,11;0,11"
        )
    names = [name.strip() for name in piece.split(",")]
    wrong = [name for name in names if not (name.isascii() and name.isdigit())]
    if wrong:
        raise ValueError(
            f"sets {text!r}: {wrong[0]!r} is not the number of a layer; "
            f"allowed: 0 to {n_layers - 1}"
        )
    members = sorted(int(name) for name in names)
    _check_layers(members, n_layers)
    if len(set(members)) < len(members):
        raise ValueError(
            f"sets {text!r}: the set {piece.strip()} names a layer twice; name it once"
        )
    return tuple(members)


def _check_layers(members: Sequence[int], n_layers: int) -> None:
    outside = [layer for layer in members if not 0 <= layer < n_layers]
    if outside:
        raise ValueError(
            f"there is no layer {outside[0]}; the model has layers 0 to {n_layers - 1}"
        )


def every(n_layers: int, n_versions: int) -> Int[np.ndarray, "subset layer"]:
    """Lists all assignments, in lexicographic order.

    Definition: the `n_versions ** n_layers` words over `0 .. n_versions - 1`.

    Args:
        n_layers: layers of the model.
        n_versions: versions of a layer.

    Raises:
        ValueError: if there are more than a million.

    Reference: our own definition.
    """
    count = n_versions**n_layers
    if count > MOST:
        raise ValueError(
            f"{n_layers} layers in {n_versions} versions have {count} assignments, "
            f"more than {MOST}; set a budget or give fewer quantizers"
        )
    places = n_versions ** np.arange(n_layers)[::-1]
    return np.arange(count)[:, None] // places % n_versions


def downward(sets: Iterable[Sequence[int]], order: int) -> list[tuple[int, ...]]:
    """Lists every small set that is contained in one of some sets, the empty one first.

    Definition: `{T : T in S for some S, |T| <= order}`, by size, then lexicographic;
    these are the sets that interactions up to the order need.

    Args:
        sets: layers of each set.
        order: most layers in a set of the result.

    Reference: our own definition.
    """
    found: set[tuple[int, ...]] = {()}
    for members in sets:
        layers = sorted(set(members))
        for size in range(1, order + 1):
            found.update(itertools.combinations(layers, size))
    return sorted(found, key=lambda chosen: (len(chosen), chosen))


def neighbours(
    assignment: Int[np.ndarray, " layer"], n_versions: int, *, swaps: bool = True
) -> Int[np.ndarray, "subset layer"]:
    """Lists the assignments one step away: a layer changed, or two layers exchanged.

    Definition: those that differ in one layer, by layer and version, then, with
    `swaps`, those in which two layers in different versions have exchanged them. None
    is there twice, and the assignment itself is not.

    Args:
        assignment: version of each layer.
        n_versions: versions of a layer.
        swaps: whether exchanges count as steps.

    Reference: our own definition.
    """
    found = []
    for layer, current in enumerate(assignment.tolist()):
        for version in range(n_versions):
            if version != current:
                found.append(assignment.copy())
                found[-1][layer] = version
    pairs = itertools.combinations(range(len(assignment)), 2) if swaps else ()
    for one, other in pairs:
        if assignment[one] != assignment[other]:
            found.append(assignment.copy())
            found[-1][[one, other]] = assignment[[other, one]]
    return np.array(found, assignment.dtype).reshape(-1, len(assignment))

"""The trie of assignments: what a sweep has to compute, in which order, and how much.

The hidden states after layer `i` depend on the assignment's first entries only. So
assignments are sorted, every distinct beginning is one node, and the states of a node
are computed once, from those of its parent. Nothing here touches an array of a model.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Int


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Trie:
    """Distinct assignments in order, and the nodes of each level as ranges of them.

    A column of `sites` is a level: first the parameters outside the layers, whose nodes
    are embedded sentences, then one level per layer. Node `n` of a level holds the
    subsets `bounds[level][n]` to `bounds[level][n + 1] - 1`. `places` says where each
    assignment that was given went.
    """

    sites: Int[np.ndarray, "subset level"]
    bounds: tuple[Int[np.ndarray, " _"], ...]
    places: Int[np.ndarray, " config"]

    @property
    def n_subsets(self) -> int:
        """How many distinct assignments there are."""
        return len(self.sites)

    @property
    def depth(self) -> int:
        """The last level, which is the number of layers."""
        return self.sites.shape[1] - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Apply:
    """Computes `nodes` of a level from `parents`, with one version of its layer."""

    level: int
    version: int
    parents: tuple[int, ...]
    nodes: tuple[int, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drop:
    """Forgets the states of nodes whose children are all there."""

    level: int
    nodes: range


@dataclasses.dataclass(frozen=True, kw_only=True)
class Read:
    """Turns the final states of subsets into losses; all of a group, or none."""

    subsets: range


Step = Apply | Drop | Read


def build(sites: Int[np.ndarray, "config site"]) -> Trie:
    """Sorts assignments and finds their common beginnings.

    Definition: two assignments share a node of level `i` iff the parameters outside the
    layers and the layers 0 to `i - 1` have the same versions in both.

    Args:
        sites: version of each layer, then of the parameters outside the layers.

    Reference: Fredkin 1960, Trie Memory; its use for sweeps is our own.
    """
    levels = np.roll(sites, 1, axis=1)
    distinct, places = np.unique(levels, axis=0, return_inverse=True)
    # the first column in which a subset differs from the one before it
    differs = distinct[1:] != distinct[:-1]
    first = np.concatenate([[-1], np.argmax(differs, axis=1)])
    end = [len(distinct)]
    bounds = tuple(
        np.concatenate([np.flatnonzero(first <= level), end])
        for level in range(distinct.shape[1])
    )
    return Trie(sites=distinct, bounds=bounds, places=places.ravel())


def layer_evaluations(trie: Trie) -> int:
    """Counts the layers that a sweep applies to every batch of sentences.

    Definition: the number of nodes below the first level. Without sharing it would be
    subsets times layers.

    Args:
        trie: of the assignments.

    Reference: our own definition.
    """
    return sum(len(bounds) - 1 for bounds in trie.bounds[1:])


def walk(
    trie: Trie, most: int, wanted: Bool[np.ndarray, " subset"] | None = None
) -> Iterator[Step]:
    """Lists what to compute, level by level, splitting where too many nodes would be.

    Definition: all children of a set of nodes are computed together as long as they are
    at most `most`; beyond that the set is halved, and each half is brought to its end
    before the next. Which nodes are computed together depends on the trie and on `most`
    alone: sets of which nothing is wanted are left out whole, so what is left is
    computed just as it would have been beside them.

    Args:
        trie: of the assignments.
        most: nodes of a level that may be computed together.
        wanted: subsets whose losses are asked for; None is all.

    Reference: our own definition.
    """
    asked = np.ones(trie.n_subsets, bool) if wanted is None else wanted
    yield from _descend(trie, most, asked, 0, range(len(trie.bounds[0]) - 1))


def _descend(
    trie: Trie, most: int, wanted: np.ndarray, level: int, nodes: range
) -> Iterator[Step]:
    bounds = trie.bounds[level]
    subsets = range(int(bounds[nodes.start]), int(bounds[nodes.stop]))
    if not wanted[subsets.start : subsets.stop].any():
        yield Drop(level=level, nodes=nodes)
        return
    if level == trie.depth:
        yield Read(subsets=subsets)
        yield Drop(level=level, nodes=nodes)
        return
    starts = trie.bounds[level + 1]
    ends = [subsets.start, subsets.stop]
    children = range(*(int(place) for place in np.searchsorted(starts, ends)))
    if len(children) > most and len(nodes) > 1:
        middle = nodes.start + len(nodes) // 2
        for half in (range(nodes.start, middle), range(middle, nodes.stop)):
            yield from _descend(trie, most, wanted, level, half)
        return
    yield from _children(trie, level, children)
    yield Drop(level=level, nodes=nodes)
    yield from _descend(trie, most, wanted, level + 1, children)


def _children(trie: Trie, level: int, children: range) -> Iterator[Apply]:
    """All children, those with the same version of the next layer together."""
    first = trie.bounds[level + 1][children.start : children.stop]
    parents = np.searchsorted(trie.bounds[level], first, side="right") - 1
    versions = trie.sites[first, level + 1]
    for version in np.unique(versions):
        chosen = np.flatnonzero(versions == version)
        yield Apply(
            level=level + 1,
            version=int(version),
            parents=tuple(parents[chosen].tolist()),
            nodes=tuple((children.start + chosen).tolist()),
        )


def groups(trie: Trie, most: int) -> list[range]:
    """Lists the groups of subsets whose losses are read together.

    Args:
        trie: of the assignments.
        most: nodes of a level that may be computed together.

    Reference: our own definition.
    """
    return [step.subsets for step in walk(trie, most) if isinstance(step, Read)]


def most_states(trie: Trie, most: int) -> int:
    """Counts the nodes whose states are held at once, at the worst moment.

    Args:
        trie: of the assignments.
        most: nodes of a level that may be computed together.

    Reference: our own definition.
    """
    held = peak = len(trie.bounds[0]) - 1
    for step in walk(trie, most):
        if isinstance(step, Apply):
            held += len(step.nodes)
            peak = max(peak, held)
        elif isinstance(step, Drop):
            held -= len(step.nodes)
    return peak

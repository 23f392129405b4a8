"""Directed graphs of T, A, R and D: what they imply, and what they identify."""

import dataclasses
import itertools
from collections.abc import Iterable

import networkx as nx

NODES = ("T", "A", "R", "D")
"""Tokenization quality, alignment, redundancy and degradation."""

Pairs = tuple[tuple[str, str], ...]
Independence = tuple[str, str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class Graph:
    """Arrows (cause, effect) among T, A, R and D, without cycles; see `read`."""

    edges: Pairs


FULL = Graph(
    (("T", "A"), ("T", "R"), ("A", "R"), ("T", "D"), ("A", "D"), ("R", "D")),
)
"""Every arrow that points forward."""

CHAIN = Graph((("T", "A"), ("A", "R"), ("R", "D")))
"""Degradation depends on tokenization through alignment and redundancy alone."""


def read(text: str, *, backward: bool = False) -> Graph:
    """Reads arrows such as "T>A, A>R, R>D, T>D"; "T>A>R" stands for two of them.

    Args:
        text: arrows, separated by commas; spaces do not matter.
        backward: read a reversed model, whose arrows lead from D to T.

    Raises:
        ValueError: if an arrow is not understood, is repeated or names anything but T,
            A, R and D; if there is a cycle; if no path leads from T to D (from D to T
            if `backward`); or if an arrow points at the node where paths begin.

    Reference: our own definition.
    """
    edges = tuple(edge for part in text.split(",") for edge in _arrows(part))
    for edge in edges:
        if edges.count(edge) > 1:
            raise ValueError(f"the arrow {name(edge)} is given twice; give it once")
    graph = Graph(edges)
    _check_cycles(graph)
    start, end = ("D", "T") if backward else ("T", "D")
    if causes := parents(graph, start):
        raise ValueError(
            f"{start} is where paths begin, so no arrow may point at it, got "
            + ", ".join(name((cause, start)) for cause in causes)
        )
    if not nx.has_path(_digraph(graph), start, end):
        raise ValueError(
            f"no directed path leads from {start} to {end} in {text.strip()!r}, so "
            f"there is no effect to estimate; add arrows such as {start}>{end}"
        )
    return graph


def order(graph: Graph) -> tuple[str, ...]:
    """Lists all four nodes, causes before their effects.

    Args:
        graph: of any arrows.

    Raises:
        ValueError: if there is a cycle.

    Reference: Kahn 1962, Communications of the ACM 5 (topological sorting); of nodes
        that could come next, the first of T, A, R, D does.
    """
    _check_cycles(graph)
    return tuple(nx.lexicographical_topological_sort(_digraph(graph), NODES.index))


def parents(graph: Graph, node: str) -> tuple[str, ...]:
    """Lists the direct causes of a node, in the order T, A, R, D.

    Args:
        graph: of any arrows.
        node: the effect.

    Reference: Pearl 2009, Causality, section 1.2.
    """
    return tuple(cause for cause in NODES if (cause, node) in graph.edges)


def paths(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """Lists the directed paths from T to D, longest first.

    Args:
        graph: of any arrows; of a reversed one no path leads from T to D.

    Reference: Wright 1934, Annals of Mathematical Statistics 5 (path coefficients).
    """
    found = map(tuple, nx.all_simple_paths(_digraph(graph), "T", "D"))
    return tuple(sorted(found, key=lambda path: (-len(path), *map(NODES.index, path))))


def name(path: Iterable[str]) -> str:
    """Writes a path or an arrow as in "T>A>R>D".

    Args:
        path: nodes in order.

    Reference: our own definition.
    """
    return ">".join(path)


def reversed_graph(graph: Graph) -> Graph:
    """Turns every arrow around.

    Args:
        graph: of any arrows.

    Reference: our own definition.
    """
    return Graph(tuple((effect, cause) for cause, effect in graph.edges))


def implied_independences(graph: Graph, latent: Pairs = ()) -> tuple[Independence, ...]:
    """Lists what a graph says must not correlate, as (x, y, given).

    Definition: for each pair that is d-separated by some of the other nodes, the
    smallest such set (of equally small ones the first in the order T, A, R, D).
    Where no set separates a pair, the graph says nothing of it, and data cannot
    contradict it there.

    Args:
        graph: of any arrows.
        latent: pairs of nodes with a common cause that is not observed.

    Reference: Pearl 2009, Causality, theorem 1.2.4; Verma and Pearl 1988, UAI (pairs
        that no arrow joins).
    """
    whole = _digraph(graph, latent)
    found = []
    for x, y in itertools.combinations(NODES, 2):
        others = [node for node in NODES if node not in (x, y)]
        sets = (
            given
            for size in range(len(others) + 1)
            for given in itertools.combinations(others, size)
        )
        apart = (z for z in sets if nx.is_d_separator(whole, {x}, {y}, set(z)))
        if (given := next(apart, None)) is not None:
            found.append((x, y, given))
    return tuple(found)


def equivalent(graph: Graph, other: Graph) -> bool:
    """Says whether no observed data whatever can tell two graphs apart.

    Definition: the same pairs are joined, and the same two causes that are not joined
    themselves meet in the same effects. The chain T>A>R>D and its reverse are
    equivalent, and so are all graphs in which every pair is joined: only an
    intervention or an assumption tells these apart.

    Args:
        graph: of any arrows, without unobserved common causes.
        other: the same.

    Reference: Verma and Pearl 1990, UAI, theorem 1 (skeleton and v-structures).
    """
    return _skeleton(graph) == _skeleton(other) and _meetings(graph) == _meetings(other)


def front_door(
    graph: Graph, latent: Pairs = (), *, mediators: tuple[str, ...] = ("A", "R")
) -> tuple[str, ...]:
    """Says why the front-door criterion fails for T on D; nothing where it holds.

    Definition: the mediators M satisfy it if (1) they are on every directed path from
    T to D, (2) no back-door path from T to M is open: T and M are d-separated once
    arrows out of T are cut, and (3) T blocks every back-door path from M to D: these
    are d-separated given T once arrows out of M are cut. The effect is then identified
    whatever unobserved causes T and D share.

    Args:
        graph: of any arrows.
        latent: pairs of nodes with a common cause that is not observed.
        mediators: M.

    Returns:
        One reason for each condition that fails.

    Reference: Pearl 1995, Biometrika 82, definition 2 and theorem 2; for several
        mediators conditions 2 and 3 are rule 2 of theorem 3 there.
    """
    whole, middle, failures = _digraph(graph, latent), set(mediators), []
    around = [path for path in paths(graph) if not middle & set(path)]
    if around:
        failures.append(
            f"the path {name(around[0])} goes around {' and '.join(mediators)}"
        )
    if not nx.is_d_separator(_cut(whole, {"T"}), {"T"}, middle, set()):
        failures.append(f"T and {' or '.join(mediators)} have a common cause")
    if not nx.is_d_separator(_cut(whole, middle), middle, {"D"}, {"T"}):
        failures.append(
            f"{' or '.join(mediators)} and D have a common cause that T does not block"
        )
    return tuple(failures)


def recanting_witness(graph: Graph, path: tuple[str, ...]) -> tuple[str, ...]:
    """Lists nodes that make the effect along one path unidentifiable.

    Definition: a node inside the path from which another directed path leads to D as
    well. Its value would have to be the one under the changed T for one of the two,
    and the one under the unchanged T for the other, in the same sentence. The product
    of coefficients along the path is its effect only if there is no interaction, which
    no data can show.

    Args:
        graph: of any arrows.
        path: from T to D, as from `paths`.

    Reference: Avin, Shpitser and Pearl 2005, IJCAI, definition 5 and theorem 5.
    """
    whole = _digraph(graph)
    return tuple(
        node
        for place, node in enumerate(path[1:-1], start=1)
        if any(
            tuple(onward) != path[place:]
            for onward in nx.all_simple_paths(whole, node, path[-1])
        )
    )


def _arrows(part: str) -> list[tuple[str, str]]:
    nodes = [node.strip() for node in part.split(">")]
    if len(nodes) < 2 or not all(nodes):
        raise ValueError(
            f"{part.strip()!r} is not an arrow; write arrows as in 'T>A, A>R, R>D'"
        )
    for node in nodes:
        if node not in NODES:
            raise ValueError(
                f"{node!r} is no node of the graph; nodes are {', '.join(NODES)}"
            )
    return list(itertools.pairwise(nodes))


def _digraph(graph: Graph, latent: Pairs = ()) -> nx.DiGraph:
    """The graph with a node of its own for each unobserved common cause."""
    hidden = [(f"U{i}", node) for i, pair in enumerate(latent) for node in pair]
    found = nx.DiGraph()
    found.add_nodes_from(NODES)
    found.add_edges_from([*graph.edges, *hidden])
    return found


def _check_cycles(graph: Graph) -> None:
    try:
        cycle = nx.find_cycle(_digraph(graph))
    except nx.NetworkXNoCycle:
        return
    around = name([*(cause for cause, _ in cycle), cycle[0][0]])
    raise ValueError(
        f"the graph has the cycle {around}; leave out one of these arrows, as nothing "
        "can be its own cause"
    )


def _cut(whole: nx.DiGraph, nodes: set[str]) -> nx.DiGraph:
    kept = nx.DiGraph(whole)
    kept.remove_edges_from(list(whole.out_edges(nodes)))
    return kept


def _skeleton(graph: Graph) -> set[frozenset[str]]:
    return set(map(frozenset, graph.edges))


def _meetings(graph: Graph) -> set[tuple[str, str, str]]:
    joined = _skeleton(graph)
    return {
        (first, node, second)
        for node in NODES
        for first, second in itertools.combinations(parents(graph, node), 2)
        if frozenset((first, second)) not in joined
    }

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.causal import graph as graphs

PAIRS = tuple(itertools.combinations(graphs.NODES, 2))
ALL = "T>A, T>R, A>R, T>D, A>D, R>D"


@st.composite
def acyclic(draw):
    """Arrows of any graph without cycles: along a random order of the nodes."""
    nodes = draw(st.permutations(graphs.NODES))
    pairs = list(itertools.combinations(nodes, 2))
    return tuple(draw(st.lists(st.sampled_from(pairs), unique=True)))


def covariance(graph, key, latent=()):
    """Covariances of a linear model with odd coefficients: no path cancels another."""
    number = {node: i for i, node in enumerate(graphs.NODES)}
    arrows = np.zeros((4, 4))
    for i, (cause, effect) in enumerate(graph.edges):
        arrows[number[effect], number[cause]] = 0.3 + 0.17 * ((i * 7 + key) % 5)
    errors = np.diag(1 + 0.1 * np.arange(4.0))
    for i, (one, other) in enumerate(latent):
        strengths = np.zeros(4)
        strengths[number[one]], strengths[number[other]] = 0.6 + 0.1 * i, 0.8
        errors = errors + np.outer(strengths, strengths)
    inverse = np.linalg.inv(np.eye(4) - arrows)
    return inverse @ errors @ inverse.T


def partial(covariances, x, y, given):
    chosen = [graphs.NODES.index(node) for node in (x, y, *given)]
    precision = np.linalg.inv(covariances[np.ix_(chosen, chosen)])
    return -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])


def test_named_graphs():
    assert graphs.read(ALL) == graphs.FULL
    assert graphs.read(" T >A>R> D") == graphs.CHAIN
    assert graphs.order(graphs.FULL) == graphs.NODES
    assert graphs.order(graphs.read("T>R, R>A, A>D")) == ("T", "R", "A", "D")
    assert graphs.parents(graphs.FULL, "D") == ("T", "A", "R")
    assert list(map(graphs.name, graphs.paths(graphs.FULL))) == [
        "T>A>R>D",
        "T>A>D",
        "T>R>D",
        "T>D",
    ]
    assert graphs.read("D>R>A>T", backward=True) == graphs.Graph(
        (("D", "R"), ("R", "A"), ("A", "T"))
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("T>X, X>D", "'X' is no node of the graph; nodes are T, A, R, D"),
        ("T>D, A", "'A' is not an arrow"),
        ("T>D,", "'' is not an arrow"),
        ("T>A, A>D, T>A", "the arrow T>A is given twice"),
        ("T>A>R>A, R>D", "the graph has the cycle A>R>A;"),
        ("T>T, T>D", "the graph has the cycle T>T;"),
        ("T>A, R>D", "no directed path leads from T to D in 'T>A, R>D'"),
        ("A>T, T>D", "T is where paths begin, so no arrow may point at it, got A>T"),
    ],
)
def test_errors(text, expected):
    with pytest.raises(ValueError, match=expected):
        graphs.read(text)


def test_a_reversed_model_must_lead_from_d_to_t():
    with pytest.raises(ValueError, match="no directed path leads from D to T"):
        graphs.read("D>R", backward=True)
    with pytest.raises(ValueError, match="D is where paths begin"):
        graphs.read("D>T, R>D", backward=True)
    with pytest.raises(ValueError, match="cycle"):
        graphs.order(graphs.Graph((("A", "R"), ("R", "A"))))


def test_independences_by_hand():
    assert graphs.implied_independences(graphs.FULL) == ()
    assert graphs.implied_independences(graphs.CHAIN) == (
        ("T", "R", ("A",)),
        ("T", "D", ("A",)),
        ("A", "D", ("R",)),
    )
    # T and D confounded: R blocks the chain, but D meets T in their common cause,
    # which opens once D or what it causes is given; A - D needs T besides
    assert graphs.implied_independences(graphs.CHAIN, (("T", "D"),)) == (
        ("T", "R", ("A",)),
        ("A", "D", ("T", "R")),
    )


@given(acyclic(), st.integers(0, 4), st.lists(st.sampled_from(PAIRS), max_size=2))
def test_independences_are_those_of_linear_models(edges, key, latent):
    """Partial correlations vanish for the sets found, and for no smaller set."""
    graph, latent = graphs.Graph(edges), tuple(latent)
    covariances = covariance(graph, key, latent)
    found = {(x, y): z for x, y, z in graphs.implied_independences(graph, latent)}
    for x, y in PAIRS:
        others = [node for node in graphs.NODES if node not in (x, y)]
        zero = [
            z
            for size in range(3)
            for z in itertools.combinations(others, size)
            # rounding of inverses of matrices of order one
            if abs(partial(covariances, x, y, z)) < 1e-9
        ]
        assert found.get((x, y)) == (zero[0] if zero else None)


def test_equivalence_by_hand():
    chain, full = graphs.CHAIN, graphs.FULL
    assert graphs.equivalent(chain, graphs.reversed_graph(chain))
    assert graphs.equivalent(full, graphs.reversed_graph(full))
    assert graphs.equivalent(full, graphs.read("T>R>A, T>A, T>D, A>D, R>D"))
    collider = graphs.read("T>A, T>R, A>D, R>D")
    assert not graphs.equivalent(collider, graphs.reversed_graph(collider))
    assert not graphs.equivalent(chain, graphs.read("T>R>A>D"))


@given(acyclic(), acyclic())
def test_equivalent_graphs_separate_the_same(edges, others):
    """Verma and Pearl's theorem against all d-separations, by networkx."""
    one, other = graphs.Graph(edges), graphs.Graph(others)

    def separations(graph):
        whole = nx.DiGraph(graph.edges)
        whole.add_nodes_from(graphs.NODES)
        return [
            nx.is_d_separator(whole, {x}, {y}, set(z))
            for x, y in PAIRS
            for size in range(3)
            for z in itertools.combinations(set(graphs.NODES) - {x, y}, size)
        ]

    for right in (other, graphs.reversed_graph(one)):
        same = separations(one) == separations(right)
        assert graphs.equivalent(one, right) == same


CONFOUNDED = (("T", "D"),)


@pytest.mark.parametrize(
    ("text", "latent", "expected"),
    [
        ("T>A>R>D", CONFOUNDED, []),
        ("T>A>R>D, T>R, A>D", CONFOUNDED, []),
        ("T>A>D", CONFOUNDED, []),
        ("T>A>R>D, T>D", CONFOUNDED, ["the path T>D goes around A and R"]),
        ("T>A>R>D", (("T", "A"),), ["T and A or R have a common cause"]),
        # T is where two unobserved causes meet, and adjusting for it opens the way
        ("T>A>R>D", (*CONFOUNDED, ("T", "A")), ["T and A or R", "T does not block"]),
        ("T>A>R>D", (*CONFOUNDED, ("R", "D")), ["T does not block"]),
        # a cause that the mediators share does no harm
        ("T>A>R>D, T>R, A>D", (*CONFOUNDED, ("A", "R")), []),
    ],
)
def test_front_door(text, latent, expected):
    reasons = graphs.front_door(graphs.read(text), latent)
    assert len(reasons) == len(expected)
    assert all(part in reason for part, reason in zip(expected, reasons, strict=True))


@given(acyclic(), st.lists(st.sampled_from(PAIRS), max_size=2))
def test_front_door_finds_the_effect_of_linear_models(edges, latent):
    """Where it holds, regressions give the sum over paths, confounded or not."""
    graph, latent = graphs.Graph(edges), tuple(latent)
    if graphs.front_door(graph, latent):
        return
    covariances = covariance(graph, 0, latent)

    def slopes(effect, causes):
        use = [graphs.NODES.index(cause) for cause in causes]
        row = covariances[use, graphs.NODES.index(effect)]
        return np.linalg.solve(covariances[np.ix_(use, use)], row)

    effect = slopes("A", "T") @ slopes("D", "ART")[:1]
    effect = effect + slopes("R", "T") @ slopes("D", "ART")[1:2]
    number = {edge: 0.3 + 0.17 * ((i * 7) % 5) for i, edge in enumerate(graph.edges)}
    true = sum(
        np.prod([number[edge] for edge in itertools.pairwise(path)])
        for path in graphs.paths(graph)
    )
    np.testing.assert_allclose(effect, true, atol=1e-9)


def test_recanting_witness():
    full = graphs.FULL
    assert graphs.recanting_witness(full, ("T", "A", "R", "D")) == ("A",)
    assert graphs.recanting_witness(full, ("T", "A", "D")) == ("A",)
    assert graphs.recanting_witness(full, ("T", "R", "D")) == ()
    assert graphs.recanting_witness(full, ("T", "D")) == ()
    assert graphs.recanting_witness(graphs.CHAIN, ("T", "A", "R", "D")) == ()
    without = graphs.read("T>A>R>D, T>R, T>D")
    assert graphs.recanting_witness(without, ("T", "A", "R", "D")) == ()

"""Which assignments are measured: those asked for, and those that explain them."""

import functools as ft
import itertools
import pathlib
import tempfile

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxdisp import models
from jaxdisp.models import Quantizer, storage
from jaxdisp.report import search_lattice
from jaxdisp.report.search_lattice import Search
from tests.measure import tiny

FIRST = Quantizer(bits=4)
HEAD = Quantizer(bits=4, include=("matrices", "embeddings", "head"))


@ft.cache
def model(n_layer=5):
    with tempfile.TemporaryDirectory() as directory:
        return models.load(tiny.write_model(pathlib.Path(directory), n_layer=n_layer))


def sets(n_layers, *sizes):
    return {
        frozenset(each)
        for size in sizes
        for each in itertools.combinations(range(n_layers), size)
    }


def smaller(kept, order):
    """All sets of at most so many layers that are in one of the sets kept."""
    return {
        frozenset(part)
        for members in kept
        for size in range(order + 1)
        for part in itertools.combinations(sorted(members), size)
    }


def row_of(members, n_layers, protected=0):
    return tuple(protected if n in members else 1 for n in range(n_layers))


def explained(asked, n_layers, n_quantizers=1, order=3):
    """The rows that are measured: a set of tuples, by plain definitions."""
    kept = [
        {n for n, version in enumerate(row) if version == 0}
        for row in asked
        if max(row) <= 1
    ]
    found = {(0,) * n_layers, (1,) * n_layers} | set(asked)
    for version, layer in itertools.product(
        range(1, n_quantizers + 1), range(n_layers)
    ):
        found.add(tuple(version if n == layer else 0 for n in range(n_layers)))
    small = smaller(kept, order) | sets(n_layers, 1)
    return found | {row_of(members, n_layers) for members in small}


def check(built, asked, expected):
    """Rows once each, references first, those asked for where `asked` points."""
    rows = [tuple(row) for row in built.rows.tolist()]
    n_layers = len(rows[0])
    assert len(set(rows)) == len(rows)
    assert set(rows) == expected
    assert rows[:2] == [(0,) * n_layers, (1,) * n_layers]
    assert {rows[place] for place in built.asked} == set(asked)
    assert len(built.asked) == len(set(asked))


def build(search, n_layer=5, first=FIRST):
    return search_lattice.build(model(n_layer), first, search)


@pytest.mark.parametrize(("n_layer", "keep"), [(3, 1), (5, 3), (6, 2), (6, 3)])
def test_all_sets_of_some_layers(n_layer, keep):
    asked = [row_of(each, n_layer) for each in sets(n_layer, keep)]
    check(build(Search(keep=keep), n_layer), asked, explained(asked, n_layer))


def test_of_large_sets_only_pairs_are_added():
    asked = [row_of(each, 6) for each in sets(6, 4)]
    expected = explained(asked, 6, order=2)
    check(build(Search(keep=4), 6), asked, expected)
    assert row_of({0, 1, 2}, 6) not in expected


def test_layers_may_be_kept_in_later_versions():
    members = sets(5, 2)
    full = [row_of(each, 5) for each in members]
    eight = [row_of(each, 5, protected=2) for each in members]
    built = build(Search(keep=2, bits=(4, 8)))
    check(built, full + eight, explained(full + eight, 5, n_quantizers=2))


@pytest.mark.parametrize(("n_layer", "bits"), [(3, (4,)), (3, (4, 8)), (5, (4,))])
def test_all_assignments(n_layer, bits):
    asked = list(itertools.product(range(len(bits) + 1), repeat=n_layer))
    built = build(Search(every=True, bits=bits), n_layer)
    check(built, asked, set(asked))


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("0,3,4;1", [{0, 3, 4}, {1}]),
        (" 4 , 0;2", [{0, 4}, {2}]),
        ("0,1,2,3,4", [{0, 1, 2, 3, 4}]),
        ("0,1,2,3", [{0, 1, 2, 3}]),
    ],
)
def test_sets_that_are_named(text, members):
    asked = [row_of(each, 5) for each in members]
    order = 3 if max(map(len, members)) <= 3 else 2
    check(build(Search(sets=text)), asked, explained(asked, 5, order=order))


MEMBERS = st.sets(st.integers(0, 4), min_size=1, max_size=5).map(frozenset)


@hypothesis.given(st.sets(MEMBERS, min_size=1, max_size=4))
def test_any_sets(members):
    text = ";".join(",".join(map(str, each)) for each in members)
    asked = [row_of(each, 5) for each in members]
    order = 3 if max(map(len, members)) <= 3 else 2
    built = build(Search(sets=text))
    check(built, asked, explained(asked, 5, order=order))
    of_layers = storage.layer_bytes(model(), [FIRST]).tolist()
    outside = int(storage.outside_bytes(model(), [FIRST])[1])
    for row, n_bytes in zip(built.rows.tolist(), built.n_bytes.tolist(), strict=True):
        expected = sum(of_layers[layer][version] for layer, version in enumerate(row))
        assert n_bytes == expected + outside


@ft.cache
def stored(bits, first):
    made = [Quantizer(bits=each, include=first.include) for each in bits]
    outside = storage.outside_bytes(model(), made)
    return storage.layer_bytes(model(), made).tolist(), int(outside[1])


def whole_bytes(row, bits, first=FIRST):
    """Bytes of the whole model, what is outside the layers in version 1."""
    of_layers, outside = stored(bits, first)
    return sum(of_layers[n][version] for n, version in enumerate(row)) + outside


@pytest.mark.parametrize(
    ("text", "bits"), [("0%", (4,)), ("40%", (4,)), ("100%", (4,)), ("30%", (4, 8))]
)
@pytest.mark.parametrize("first", [FIRST, HEAD])
def test_all_that_fits(text, bits, first):
    every = list(itertools.product(range(len(bits) + 1), repeat=5))
    n_bytes = {row: whole_bytes(row, bits, first) for row in every}
    low = min(n_bytes.values())
    full = max(n_bytes.values())
    limit = low + float(text[:-1]) * (full - low) / 100
    asked = [row for row in every if n_bytes[row] <= limit]
    built = build(Search(budget=text, bits=bits), first=first)
    kept = [row.count(0) for row in asked if max(row) <= 1]
    order = 3 if max(kept) <= 3 or len(asked) == len(every) else 2
    check(built, asked, explained(asked, 5, n_quantizers=len(bits), order=order))
    for row, found in zip(built.rows.tolist(), built.n_bytes.tolist(), strict=True):
        assert found == n_bytes[tuple(row)]


def test_budgets_in_bytes_are_of_the_whole_model():
    every = list(itertools.product((0, 1), repeat=5))
    middle = sorted({whole_bytes(row, (4,)) for row in every})[2]
    enough = f"{-(-middle // 100) / 10}kB"  # rounded up to a tenth of a kB
    asked = [row for row in every if whole_bytes(row, (4,)) <= -(-middle // 100) * 100]
    assert {row.count(0) for row in asked} == {0, 1, 2}
    check(build(Search(budget=enough)), asked, explained(asked, 5))


def test_the_bytes_of_an_included_head_are_those_of_version_1():
    built = build(Search(keep=1), first=HEAD)
    outside = storage.outside_bytes(model(), [HEAD])
    assert outside[1] < outside[0]
    full = int(storage.layer_bytes(model(), [HEAD])[:, 0].sum())
    assert built.n_bytes[0] == full + outside[1]


def test_around_some_assignments():
    asked = [row_of({0, 2}, 5), row_of({1, 2}, 5)]
    built = search_lattice.around(model(), (FIRST,), np.array(asked), [(0, 2)])
    check(built, asked, explained(asked[:1], 5) | {asked[1]})


@pytest.mark.parametrize("way", [{"keep": 2}, {"budget": "50%"}])
def test_a_guided_search_begins_with_references(way):
    built = build(Search(guided=200, **way))
    check(built, [(1,) * 5], explained([], 5))


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (Search(), "give one of --keep, --all, --sets, --budget; got none"),
        (Search(keep=1, every=True), "; got --keep, --all"),
        (Search(guided=200), "; got none"),
        (Search(guided=200, keep=1, budget="5%"), "; got --keep, --budget"),
        (Search(guided=200, keep=0), "must have 1 to 4 of the 5 layers, got 0"),
        (Search(guided=200, budget="1kB"), "is too small: the cheapest assignment"),
        (Search(sets="0", budget="5%"), "; got --sets, --budget"),
        (Search(keep=0), "must have 1 to 4 of the 5 layers, got 0"),
        (Search(keep=5), "must have 1 to 4 of the 5 layers, got 5"),
        (Search(sets="0,5"), "there is no layer 5; the model has layers 0 to 4"),
        (Search(sets="0,1;"), "a set is empty"),
        (Search(sets="0,1;1,0"), "the set 1,0 is there twice"),
        (Search(sets="0,0"), "names a layer twice"),
        (Search(sets="0,x"), "'x' is not the number of a layer"),
        (Search(budget="4"), "must be a number and a unit"),
        (Search(budget="1kB"), "is too small: the cheapest assignment takes"),
        (Search(every=True, bits=(2, 3, 4, 5, 6, 7, 8)), "--all: 32768 assignments"),
        (Search(budget="100%", bits=(2, 3, 4, 5, 6, 7, 8)), "--budget 100%: 32768 "),
    ],
)
def test_what_cannot_be_asked_for(search, message):
    with pytest.raises(ValueError, match=message) as caught:
        build(search)
    assert "\n" not in str(caught.value)


def test_too_many_sets_of_some_layers(monkeypatch):
    monkeypatch.setattr(search_lattice, "MOST", 9)
    with pytest.raises(ValueError, match="--keep 3: 10 assignments, more than the 9"):
        build(Search(keep=3))
    build(Search(keep=1))


def test_objectives_have_names():
    names = {"worst": "worst", "mean": "mean", "max-min": "max_min"}
    names |= {"difference": "difference", "log-ratio": "log_ratio"}
    names |= {name: name for name in names.values()}
    for typed, name in names.items():
        assert search_lattice.objective_name(typed) == name
    message = "--objective best: must be one of mean, worst, max-min, difference, log-"
    with pytest.raises(ValueError, match=message):
        search_lattice.objective_name("best")


def test_quantizers_have_names():
    assert search_lattice.parse_quantizers("int4") == (4,)
    assert search_lattice.parse_quantizers("int8, int4") == (8, 4)
    for text in ("4", "int", "foo", "", "int4,", "int4.5", "int-4"):
        with pytest.raises(ValueError, match=f"--quantizers {text}: must be such as"):
            search_lattice.parse_quantizers(text)
    for text in ("int4,int4", "int4,int04"):
        with pytest.raises(ValueError, match=f"--quantizers {text}: names one twice"):
            search_lattice.parse_quantizers(text)


def test_quantizers_differ_in_word_length_alone():
    assert search_lattice.quantizers(HEAD, (4, 8)) == (
        HEAD,
        Quantizer(bits=8, include=("matrices", "embeddings", "head")),
    )

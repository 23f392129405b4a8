"""Tables and lines of a search, from made-up results."""

import copy
import functools as ft

import jax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.report import search_tables, tables
from tests.report import made_up_search


@ft.cache
def _search(**changes):
    sets = made_up_search.layer_sets(12, 3)
    return made_up_search.search(jax.random.key(3), sets, **changes)


def search(**changes):
    return copy.deepcopy(_search(**changes))


def named(layers, n_layers=12, versions=None):
    assignment = [int(n not in layers) for n in range(n_layers)]
    for layer, version in (versions or {}).items():
        assignment[layer] = version
    return search_tables.set_name({"layers": layers, "assignment": assignment})


@pytest.mark.parametrize(
    ("layers", "versions", "name"),
    [
        ([0, 9, 11], {}, "0 9 11"),
        ([], {}, "none"),
        ([1, 2, 3, 4, 5], {}, "1 2 3 4 5"),
        ([0, 1, 2, 4, 5, 7, 8, 9], {}, "0-2 4 5 7-9"),
        (list(range(12)), {}, "0-11"),
        ([0], {4: 2, 7: 3, 8: 2}, "0, version 2: 4 8, version 3: 7"),
        ([], {4: 3}, "version 3: 4"),
    ],
)
def test_names_of_sets(layers, versions, name):
    assert named(layers, versions=versions) == name


@given(st.sets(st.integers(0, 30), min_size=1))
def test_names_tell_all_layers(layers):
    read = []
    for part in named(sorted(layers), 31).split():
        first, _, last = part.partition("-")
        read += range(int(first), int(last or first) + 1)
    assert read == sorted(layers)


def test_cells_of_sets():
    row = search()["sets"][1] | {"worst_low": None, "levelling_down": True}
    row |= {"rank": 2, "rank_low": 1, "rank_high": 12, "among_best": True}
    row |= {"mean": 1.5, "mean_low": 1.25, "mean_high": 1.76, "bytes": 4_200_000}
    row |= {"worst_language": "yo", "layers": [0, 9, 11]}
    ((*cells, flag),) = search_tables.set_cells([row], proposed=row)
    assert len(cells) + 1 == len(search_tables.SET_HEADER)
    assert cells == [
        "0 9 11",
        "2 [1-12]",
        "yo",
        f"{row['worst']:.2f} [no interval]",
        "1.50 [1.25, 1.76]",
        tables.with_bounds(row, "disparity", 2),
        "4.2 MB",
    ]
    assert flag == "proposed, best set, levelling down"
    plain = row | {"rank": 0, "among_best": False, "levelling_down": False}
    (cells,) = search_tables.set_cells([plain])
    assert (cells[1], cells[-1]) == ("-", "")


def test_the_proposed_set_quantizes_its_other_layers_once():
    found = search()
    row = search_tables.proposed_row(found)
    assert row is not None
    assert row["layers"] == [0, 9, 11]
    mixed = row | {"assignment": [0, 2, *row["assignment"][2:]]}
    found["sets"] = [mixed, *found["sets"]]
    assert search_tables.proposed_row(found) is row
    assert search_tables.proposed_row(found | {"sets": [mixed]}) is None
    assert search_tables.proposed_row(found | {"proposed": None}) is None


def shown(found):
    return "\n".join(search_tables.lines(found)).split("\n")


def test_a_search_for_a_terminal():
    found = search(width=0.25)
    text = shown(found)
    assert text[0] == ""
    assert text[1] == "Sets of layers kept, by loss of the worst language:"
    assert text[2].split("  ")[0] == "layers"
    ranks = [line.split()[3] for line in text[4:10]]
    assert ranks[:5] == ["1", "2", "3", "4", "5"]
    assert text[9].startswith("0 9 11  ")
    assert text[9].endswith("proposed")
    best = sum(row["among_best"] for row in found["sets"])
    at = text.index(found["proposed"]["sentence"])
    assert text[at + 1] == (
        f"{best} of 220 sets are not distinguishable from the best."
    )
    assert text[-3:] == [
        "Adding up layers errs by 0.20 [0.11, 0.31].",
        "No three layers can lose less than 1.",
        "999 layers computed per sentence batch instead of 2640.",
    ]


def test_a_proposed_set_at_the_top_is_shown_once():
    found = search(proposed=(5, 6, 8))
    text = shown(found)
    assert text[4].startswith("5 6 8")
    assert "proposed" in text[4]
    assert text[9].startswith("Nats lost per parallel sentence")
    none = shown(search(proposed=None))
    assert not any("proposed" in line or "ranks" in line for line in none)


def test_the_layers_worth_most():
    found = search()
    text = shown(found)
    at = text.index(
        "What protecting a layer saves, mean over languages, of sets up to 3 layers:"
    )
    order = sorted(found["layers"], key=lambda row: row["shapley"], reverse=True)
    first = order[0]["by_language"]
    most = max(first, key=lambda name: first[name]["shapley"])
    assert text[at + 3].split() == [
        str(order[0]["layer"]),
        *tables.with_bounds(order[0], "shapley", 2).split(),
        most,
        f"{first[most]['shapley']:.2f}",
    ]
    assert [line.split()[0] for line in text[at + 3 : at + 8]] == [
        str(row["layer"]) for row in order[:5]
    ]
    assert text[at + 8] == ""
    whole = shown(search(order=12))
    assert "What protecting a layer saves, mean over languages:" in whole


def test_truncation_in_words():
    words = search_tables.truncation
    assert words({"shapley_truncated": True, "shapley_order": 1}) == (
        "of sets up to 1 layer"
    )
    assert words({"shapley_truncated": False, "shapley_order": 12}) == ""
    assert words({}) == ""


def test_why_there_are_no_shapley_values():
    found = search() | {"layers": [], "shapley_reason": "layers play two versions"}
    assert "No Shapley values: layers play two versions." in shown(found)
    del found["shapley_reason"], found["shapley_truncated"]
    assert not any("Shapley" in line for line in shown(found))


def test_the_largest_interactions_above_noise():
    found = search()
    rows = sorted(
        (row for row in found["interactions"] if row["above_noise"]),
        key=lambda row: abs(row["interaction"]),
        reverse=True,
    )
    assert len({row["interaction"] > 0 for row in rows}) == 2  # of both signs
    text = shown(found)
    at = text.index(
        f"Interactions of layers: {len(rows)} of 286 above noise, the largest "
        "(positive: saved only together):"
    )
    cells = [
        f"{' '.join(map(str, row['layers']))} "
        f"{tables.with_bounds(row, 'interaction', 3)}"
        for row in rows[:5]
    ]
    table = text[at + 3 : at + 3 + len(cells)]
    assert [" ".join(line.split()) for line in table] == cells
    for row in found["interactions"]:
        row["above_noise"] = False
    assert "Interactions of layers: none above noise, of 286." in shown(found)
    none = shown(found | {"interactions": []})
    assert not any("Interactions" in line for line in none)


@pytest.mark.parametrize(
    ("best", "ranked", "sentence"),
    [
        (1, 3, "1 of 3 sets is not distinguishable from the best."),
        (2, 3, "2 of 3 sets are not distinguishable from the best."),
        (
            2,
            2,
            "2 of 2 sets are not distinguishable from the best; 1 of the sets has no "
            "rank, its objective is not bounded.",
        ),
        (
            1,
            1,
            "1 of 1 sets is not distinguishable from the best; 2 of the sets have no "
            "rank, their objective is not bounded.",
        ),
        (0, 0, "No set has a rank, the objective is not bounded."),
    ],
)
def test_how_many_sets_may_be_the_best(best, ranked, sentence):
    rows = [{"rank": (n + 1) * (n < ranked), "among_best": n < best} for n in range(3)]
    assert search_tables.best_sentence(rows) == sentence


def test_what_is_missing_is_not_shown():
    found = search() | {"surrogate": None, "certificates": None}
    del found["layer_evaluations"]
    assert not any("instead of" in line or "errs" in line for line in shown(found))
    del found["surrogate"], found["certificates"]
    assert shown(found)[-1] == ""


def test_lines_fit_a_terminal():
    found = search()
    found["surrogate"] = {"sentence": "adding up layers " * 20}
    assert max(map(len, shown(found))) <= 120  # the table, with both flags
    sentences = [line for line in shown(found) if "adding" in line]
    assert len(sentences) > 1
    assert max(map(len, sentences)) <= 110


def test_flat_rows_of_sets():
    found = search()
    rows = search_tables.csv_rows(found)
    assert len(rows) == 220
    for row, flat in zip(found["sets"], rows, strict=True):
        assert "d_sent" not in flat
        assert {name: flat[f"d_sent_{name}"] for name in row["d_sent"]} == row["d_sent"]
        assert flat["layers"] == row["layers"]
    header = tables.csv(rows).decode().split("\n")[0].split(",")
    assert header[:2] == ["layers", "assignment"]
    assert header[-5:] == [f"d_sent_{name}" for name in found["languages"]]


def test_flat_rows_of_layers():
    found = search()
    rows = search_tables.layer_csv_rows(found)
    assert len(rows) == 12
    assert list(rows[0])[:7] == [
        "layer",
        "shapley",
        "shapley_low",
        "shapley_high",
        "shapley_en",
        "shapley_en_low",
        "shapley_en_high",
    ]
    each = found["layers"][7]["by_language"]["yo"]
    assert [rows[7][f"shapley_yo{end}"] for end in ("", "_low", "_high")] == [
        each[name] for name in ("shapley", "low", "high")
    ]


def test_flat_rows_of_interactions():
    found = search()
    rows = search_tables.interaction_csv_rows(found)
    assert len(rows) == 286
    row, flat = found["interactions"][70], rows[70]
    assert flat["interaction_ru"] == row["by_language"]["ru"]
    assert flat["layers"] == row["layers"]
    assert "by_language" not in flat
    assert flat["above_noise"] is row["above_noise"]

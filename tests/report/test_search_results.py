"""Rows of a search: losses, ranks and fronts against plain definitions."""

import functools as ft
import itertools
import json

import jax
import numpy as np
import pytest

from jaxdisp.measure import cube, disparity
from jaxdisp.models import Quantizer
from jaxdisp.report import runs, search_results
from jaxdisp.report.search_lattice import Lattice, Search
from jaxdisp.search import objectives
from tests.measure import tiny
from tests.report import tiny_search

WAYS = {
    "keep": Search(keep=1, bits=(3,)),
    "all": Search(every=True, bits=(3,)),
    "sets": Search(sets="0,1;2", bits=(3,)),
    "budget": Search(budget="60%", bits=(3,)),
}
INTERVALS = ("mean", "worst", "disparity")
WITH_BOUNDS = {f"{name}{end}" for name in INTERVALS for end in ("", "_low", "_high")}
OF_A_SET = WITH_BOUNDS | {"bytes", "effective_bits", "worst_language", "d_sent"}
OF_A_RANKED_SET = OF_A_SET | {
    "layers",
    "assignment",
    "objective",
    "rank",
    "rank_low",
    "rank_high",
    "among_best",
    "share_best",
    "levelling_down",
    "fronts",
}
OF_A_SEARCH = {
    "schema_version",
    "model",
    "quantizer",
    "seed",
    "n_sentences",
    "n_groups",
    "windows",
    "dtype",
    "command",
    "architecture",
    "n_layers",
    "parameters",
    "vocabulary",
    "corpus_facts",
    "plan",
    "quantizer_in_words",
    "corpus",
    "measured_languages",
    "hashes",
    "search_sentences",
    "quantizers",
    "full_bytes",
    "layer_evaluations",
    "layer_evaluations_with_references",
    "layers_without_sharing",
    "objective",
    "objective_unit",
    "disparity_measure",
    "languages",
    "unprotected",
    "sets",
    "best_sets",
    "proposed",
    "matched_budget",
    "layers",
    "interactions",
    "synergy",
    "surrogate",
    "mediant",
    "certificates",
    "sentences",
    "shapley_order",
    "shapley_truncated",
    "shapley_residual",
}


@pytest.mark.parametrize("way", WAYS)
def test_every_field_is_there(way):
    found = tiny_search.results(WAYS[way])
    assert set(found) == OF_A_SEARCH
    assert found["shapley_order"] == 3
    assert set(found["unprotected"]) == OF_A_SET
    for row in found["sets"]:
        assert set(row) == OF_A_RANKED_SET
        assert set(row["d_sent"]) == set(found["languages"]) == set(tiny.TEXTS)
    assert found["objective"] == "worst"
    assert found["objective_unit"] == "nats per sentence"
    assert found["disparity_measure"] == "difference"
    assert found["search_sentences"] == found["n_sentences"] == 8
    assert found["proposed"] is found["matched_budget"] is None  # of three layers
    assert [each["bits"] for each in found["quantizers"]] == [3]
    json.dumps(found, allow_nan=False)


def test_the_sets_are_those_asked_for():
    rows = {
        way: {tuple(row["assignment"]) for row in tiny_search.results(each)["sets"]}
        for way, each in WAYS.items()
    }
    assert rows["keep"] == {(0, 1, 1), (1, 0, 1), (1, 1, 0)}
    assert rows["all"] == set(itertools.product((0, 1), repeat=3))
    assert rows["sets"] == {(0, 0, 1), (1, 1, 0)}
    assert rows["budget"] == {row for row in rows["all"] if sum(row) >= 2}


@ft.cache
def losses():
    """Nats added by each assignment, by language: float64 means of another program."""
    wanted, inputs = tiny_search.opened(WAYS["keep"])
    rows = list(itertools.product((0, 1), repeat=3))
    found = cube.evaluate(inputs.model, inputs.corpus, rows, [wanted.quantizer])
    nll = np.asarray(found.nll, np.float64)
    added = (nll - nll[0]).mean(axis=-1)
    return dict(zip(rows, added, strict=True))


@pytest.mark.parametrize("way", WAYS)
def test_losses_are_those_of_the_cube(way):
    found = tiny_search.results(WAYS[way])
    everything = {"assignment": [1, 1, 1], **found["unprotected"]}
    for row in [*found["sets"], everything]:
        expected = losses()[tuple(row["assignment"])]
        # means of differences of float32 losses of up to 200 nats
        assert list(row["d_sent"].values()) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("way", WAYS)
def test_measures_are_those_of_the_losses(way):
    found = tiny_search.results(WAYS[way])
    for row in [*found["sets"], found["unprotected"]]:
        lost = row["d_sent"]
        assert row["mean"] == pytest.approx(np.mean(list(lost.values())), abs=1e-5)
        assert row["worst"] == pytest.approx(max(lost.values()), abs=1e-5)
        assert lost[row["worst_language"]] == max(lost.values())
        # little training text in ru, much in en, as training.json has it
        assert row["disparity"] == pytest.approx(lost["ru"] - lost["en"], abs=1e-5)
        for name in INTERVALS:
            assert row[f"{name}_low"] <= row[f"{name}_high"]


def check_ranks(rows):
    values = np.array([row["objective"] for row in rows])
    assert (np.diff(values) >= 0).all()
    for row in rows:
        assert row["rank"] == 1 + int((values < row["objective"]).sum())
        assert 1 <= row["rank_low"] <= row["rank_high"] <= len(rows)
    assert rows[0]["among_best"]
    # of a few thousand draws, to six digits
    assert sum(row["share_best"] for row in rows) == pytest.approx(1, abs=1e-4)


def check_fronts(rows):
    for name in INTERVALS:
        size_of = abs if name == "disparity" else float
        points = [(row["bytes"], size_of(row[name])) for row in rows]
        for row, (size, value) in zip(rows, points, strict=True):
            beaten = any(
                s <= size and v <= value and (s < size or v < value) for s, v in points
            )
            assert (name in row["fronts"]) != beaten, (name, row)


@pytest.mark.parametrize("way", WAYS)
def test_ranks_and_fronts(way):
    found = tiny_search.results(WAYS[way])
    check_ranks(found["sets"])
    best = [row["layers"] for row in found["sets"] if row["among_best"]]
    assert found["best_sets"] == best
    for row in found["sets"]:
        assert row["objective"] == pytest.approx(row["worst"], abs=1e-5)
        assert row["layers"] == [n for n, v in enumerate(row["assignment"]) if v == 0]
    check_fronts(found["sets"])


def test_two_quantizers():
    found = tiny_search.results(Search(keep=1, bits=(3, 8)))
    assert [each["bits"] for each in found["quantizers"]] == [3, 8]
    rows = {tuple(row["assignment"]) for row in found["sets"]}
    kept = [(0, 1, 1), (1, 0, 1), (1, 1, 0)]
    assert rows == {*kept, (2, 1, 1), (1, 2, 1), (1, 1, 2)}
    check_ranks(found["sets"])
    wanted, inputs = tiny_search.opened(Search(keep=1, bits=(3, 8)))
    quantizers = [wanted.quantizer, Quantizer(bits=8)]
    listed = [[0, 0, 0], *(row["assignment"] for row in found["sets"])]
    nll = cube.evaluate(inputs.model, inputs.corpus, listed, quantizers).nll
    added = np.asarray(nll, np.float64)
    added = (added - added[0]).mean(axis=-1)[1:]
    for row, expected in zip(found["sets"], added, strict=True):
        assert list(row["d_sent"].values()) == pytest.approx(expected, abs=2e-4)


# made-up losses of all sets of 0 to 5 of 5 layers, 6 texts of 2 sentences, 3 languages

LANGUAGES = ("de", "en", "ru")
CONTRAST = disparity.Contrast(low=("ru",), high=("en",), rule="made up")
ROWS = np.array(
    [(0,) * 5, (1,) * 5]
    + [row for row in itertools.product((0, 1), repeat=5) if 0 < sum(row) < 5]
)
TRIPLES = np.flatnonzero((ROWS == 0).sum(axis=1) == 3)
CLAIMED = int(np.flatnonzero((ROWS == (0, 1, 1, 0, 0)).all(axis=1))[0])


@ft.cache
def corpus():
    inputs = tiny_search.opened(WAYS["keep"])[1]
    return inputs.corpus


@ft.cache
def noise():
    return np.array(jax.random.normal(jax.random.key(4), (8, len(ROWS), 3)), float)


def measured(added, *, asked=TRIPLES, objective="worst", chosen=CONTRAST):
    """Losses by sentence, row and language, the rest of what a search measures."""
    made = Lattice(rows=ROWS, asked=asked, n_bytes=1000 + 100 * (ROWS == 0).sum(axis=1))
    return search_results.Measured(
        corpus=corpus(),
        lattice=made,
        added=added * (ROWS != 0).any(axis=1)[:, None],
        weights=disparity.weights_of(chosen, LANGUAGES),
        objective=objective,
        effective_bits=4.0 + 2.4 * (ROWS == 0).sum(axis=1),
        seed=3,
    )


def additive(scale):
    """What single layers lose, added up, in each of three languages, and noise."""
    single = np.array([[1.0, 0.5, 2.0], [1.5, 0.25, 3.0], [0.5, 0.25, 1.0]])
    single = np.concatenate([single, 1.25 * single[:2]])
    return ROWS @ single + scale * noise()


EXPECTED = {
    "mean": lambda lost: lost.mean(),
    "worst": lambda lost: lost.max(),
    "max_min": np.ptp,
    "difference": lambda lost: abs(lost[2] - lost[1]),
    "log_ratio": lambda lost: abs(np.log(lost[2] / lost[1])),
}


@pytest.mark.parametrize("objective", objectives.OBJECTIVES)
def test_sets_are_ranked_by_the_objective(objective):
    found = search_results.rows(measured(additive(0.05), objective=objective))
    assert found["objective"] == objective
    assert found["objective_unit"] == ("" if objective == "log_ratio" else UNIT)
    check_ranks(found["sets"])
    check_fronts(found["sets"])
    lost = additive(0.05).mean(axis=0)
    of_rows = {tuple(row): each for row, each in zip(ROWS.tolist(), lost, strict=True)}
    for row in found["sets"]:
        mean = of_rows[tuple(row["assignment"])]
        # float32 sums
        assert list(row["d_sent"].values()) == pytest.approx(mean, rel=1e-5)
        assert row["objective"] == pytest.approx(EXPECTED[objective](mean), rel=1e-5)
        size = 1000 + 100 * len(row["layers"])
        assert (row["bytes"], row["effective_bits"]) == (size, pytest.approx(11.2))


UNIT = "nats per sentence"


def test_without_a_contrast_the_widest_gap_is_the_disparity():
    found = search_results.rows(measured(additive(0.05), chosen=None))
    assert found["disparity_measure"] == "max_min"
    for row in found["sets"]:
        lost = list(row["d_sent"].values())
        assert row["disparity"] == pytest.approx(np.ptp(lost), rel=1e-5)


def test_chunks_of_rows_change_nothing(monkeypatch):
    whole = search_results.rows(measured(additive(0.05)))
    monkeypatch.setattr(search_results, "CHUNK", 12)  # 12, 12 and 8 of 32
    assert runs.rounded(search_results.rows(measured(additive(0.05)))) == runs.rounded(
        whole
    )


def claim(place, scale, **options):
    """What is said of {0, 3, 4}, whose losses are made the best, or the worst."""
    added = additive(0.0)
    of_triples = added[:, TRIPLES].max(axis=-1).mean(axis=0)
    order = TRIPLES[np.argsort(of_triples)]
    other = order[place]
    swapped = added.copy()
    swapped[:, [CLAIMED, other]] = added[:, [other, CLAIMED]]
    swapped += scale * noise()
    return search_results.rows(measured(swapped, **options))


def test_the_claimed_set_is_the_best():
    found = claim(0, 1e-3)
    said = found["proposed"]
    assert (said["rank"], said["n_sets"], said["among_best"]) == (1, 10, True)
    assert said["layers"] == said["best"] == [0, 3, 4]
    assert said["difference"] == 0
    assert said["sentence"].startswith("{0, 3, 4} ranks 1 of 10 sets of its size by ")
    assert said["sentence"].endswith("it is not distinguishable from the best.")
    assert "sentence" not in found["matched_budget"]


def test_the_claimed_set_is_not_the_best():
    found = claim(9, 1e-3)
    said = found["proposed"]
    assert (said["rank"], said["rank_low"] > 1, said["among_best"]) == (10, True, False)
    best = found["sets"][0]
    assert said["best"] == best["layers"]
    named = "{" + ", ".join(map(str, best["layers"])) + "}"
    assert "some set is better above noise" in said["sentence"]
    assert said["sentence"].endswith(f"(the best measured is {named}).")
    worst = found["sets"][-1]["objective"] - best["objective"]
    assert said["difference"] == pytest.approx(worst, rel=1e-5)
    assert said["difference_low"] > 0


def test_the_claimed_set_may_be_the_best():
    found = claim(9, 30.0)
    said = found["proposed"]
    assert said["among_best"]
    assert said["rank"] > 1
    assert (
        "not distinguishable from the best (the best measured is {"
        in (said["sentence"])
    )


def test_the_claimed_set_is_compared_with_sets_of_its_size():
    asked = np.arange(1, len(ROWS))
    found = search_results.rows(measured(additive(1e-3), asked=asked))
    said, matched = found["proposed"], found["matched_budget"]
    (row,) = [row for row in found["sets"] if row["layers"] == [0, 3, 4]]
    assert (said["rank"], said["n_sets"]) == (row["rank"], 31)
    of_size = [each for each in found["sets"] if len(each["layers"]) == 3]
    better = sum(each["objective"] < row["objective"] for each in of_size)
    assert (matched["rank"], matched["n_sets"]) == (1 + better, 10)
    assert f"ranks {1 + better} of 10 sets of its size" in said["sentence"]


def test_the_claimed_set_alone():
    found = search_results.rows(measured(additive(0.05), asked=np.array([CLAIMED])))
    assert found["proposed"]["sentence"].endswith("it is the only one.")


def test_a_set_that_was_not_asked_for_is_not_judged():
    asked = TRIPLES[TRIPLES != CLAIMED]
    found = search_results.rows(measured(additive(0.05), asked=asked))
    assert found["proposed"] is found["matched_budget"] is None


def test_an_unbounded_objective_has_no_rank():
    added = additive(0.05)
    added[:, CLAIMED, 1] -= 10  # the high side gains
    found = search_results.rows(measured(added, objective="log_ratio"))
    assert found["sets"][-1]["layers"] == [0, 3, 4]
    assert found["sets"][-1]["rank"] == 0
    assert [row["rank"] for row in found["sets"][:-1]] == list(range(1, 10))
    said = found["proposed"]["sentence"]
    assert said == "{0, 3, 4} has no rank: its log_ratio is not bounded."


@pytest.mark.parametrize("objective", objectives.OBJECTIVES)
def test_objectives_that_need_a_contrast(objective):
    search_results.check_objective(objective, CONTRAST)
    if objective not in objectives.TWO_SIDED:
        search_results.check_objective(objective, None)
        return
    message = rf"--objective {objective.replace('_', '-')} compares .* --reference"
    with pytest.raises(ValueError, match=message):
        search_results.check_objective(objective, None)

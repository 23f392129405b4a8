"""Guided searches: found in a made-up world where losses are known of every set."""

import itertools

import numpy as np
import pytest

from jaxdisp.models import Quantizer, load
from jaxdisp.report import search_guided
from jaxdisp.report.search_lattice import Search
from jaxdisp.search import additive_bound, lattice
from tests.measure import tiny

LAYERS, LANGUAGES = 12, 3
WEIGHTS = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    directory = tmp_path_factory.mktemp("guided") / "model"
    return load(tiny.write_model(directory, n_layer=LAYERS))


def added(rows):
    """Losses that add up over layers, but for a pair that harms together."""
    own = (1.0 + np.arange(LAYERS)[:, None] * [7, 3, 5] % 11) / 10
    losses = (rows == 1) @ own + 0.5 * (rows == 2) @ own
    pair = (rows[:, 3] > 0) & (rows[:, 8] > 0)
    return np.stack([losses + 0.2 * pair[:, None]] * 2)


class Counting:
    """Measures, and remembers what."""

    def __init__(self):
        self.rows = []

    def __call__(self, rows):
        self.rows += [tuple(row) for row in rows.tolist()]
        return added(rows)


def worst(rows):
    return added(np.asarray(rows)).mean(axis=0).max(axis=-1)


def test_finds_the_best_of_all_sets_among_few(model):
    measure = Counting()
    search = Search(keep=4, guided=200)
    found, known = search_guided.explore(model, Quantizer(), search, WEIGHTS, measure)
    sets = list(itertools.combinations(range(LAYERS), 4))
    every = lattice.protecting(sets, LAYERS)
    asked = found.rows[found.asked]
    assert len(asked) == known["measured"] <= 200 < len(every)
    assert worst(asked).min() == pytest.approx(worst(every).min())
    assert all((row == 0).sum() == 4 for row in asked)
    assert known["local_optimum"]
    # references, too, are measured once
    assert len(measure.rows) == len(set(measure.rows))


def test_what_it_says_of_the_rest_is_true(model):
    search = Search(keep=3, guided=150)
    found, known = search_guided.explore(
        model, Quantizer(), search, WEIGHTS, Counting()
    )
    every = lattice.protecting(list(itertools.combinations(range(LAYERS), 3)), LAYERS)
    measured = {tuple(row) for row in found.rows[found.asked].tolist()}
    others = np.array([row for row in every.tolist() if tuple(row) not in measured])
    alone = added(lattice.one_quantized(LAYERS)).mean(axis=0)
    predicted = ((others == 1) @ alone).max(axis=-1)
    assert predicted.min() >= known["floor_of_others"] - 1e-9
    best = worst(found.rows[found.asked]).min()
    assert known["error_needed"] == pytest.approx(known["floor_of_others"] - best)
    assert f"{known['measured']} sets were measured" in known["sentence"]


def test_says_when_nothing_is_left(model):
    _, known = search_guided.explore(
        model, Quantizer(), Search(keep=1, guided=128), WEIGHTS, Counting()
    )
    assert known["measured"] == LAYERS
    assert known["sentence"].endswith("These are all sets that are allowed.")


def test_stays_within_a_budget_of_several_quantizers(model):
    search = Search(budget="40%", bits=(4, 8), guided=128)
    found, _ = search_guided.explore(model, Quantizer(), search, WEIGHTS, Counting())
    made = (Quantizer(bits=4), Quantizer(bits=8))
    limit = search_guided._limit(model, made, search)
    asked = found.rows[found.asked]
    assert additive_bound.allowed(limit, asked).all()
    assert (asked == 2).any()


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (Search(keep=3, guided=100), "--guided 100: must be at least 128"),
        (Search(every=True, guided=200), "--guided needs --keep or --budget"),
        (
            Search(keep=3, objective="log_ratio", guided=200),
            "--guided knows no log-ratio",
        ),
    ],
)
def test_bad_requests(search, message):
    with pytest.raises(ValueError, match=message):
        search_guided.check(search)

"""Why sets rank as they do: made-up games whose shares and interactions are known."""

import itertools

import numpy as np
import pytest

from jaxdisp.measure import disparity
from jaxdisp.report import runs, search_explained, search_results
from jaxdisp.report.search_lattice import Lattice
from tests.report import test_search_results as of_results

LANGUAGES = of_results.LANGUAGES
SINGLE = np.array(
    [[1.0, 0.5, 2.0], [1.5, 0.25, 3.0], [0.5, 0.25, 1.0], [2.0, 4.0, 5.0], [1, 3, 2.5]]
)
TOGETHER = np.array([0.75, -0.5, 0.25])
"""What both of layers 0 and 4 quantized lose beyond the sum, by language."""
SCALE = 1e-3


def quantized(rows):
    return np.asarray(rows) != 0


def losses(rows, together=TOGETHER):
    q = quantized(rows).astype(float)
    return q @ SINGLE + np.outer(q[:, 0] * q[:, 4], together)


def game(rows=of_results.ROWS, together=TOGETHER, *, chosen=of_results.CONTRAST):
    """A search of sets of 5 layers, of which 0 and 4 interact."""
    found = of_results.measured(losses(rows, together) + SCALE * noise(rows))
    if chosen is None:
        weights = disparity.weights_of(None, LANGUAGES)
        return search_results.Measured(**vars(found) | {"weights": weights})
    return found


def noise(rows):
    """Of layers, so that it adds up, too: only between sentences do they differ."""
    draws = of_results.noise()[:, :5]
    return np.einsum("snl,rn->srl", draws, quantized(rows).astype(float))


def restricted(found, keep):
    """The same search, of some rows only."""
    rows = found.lattice.rows[keep]
    asked = np.flatnonzero((rows == 0).any(axis=1) & (rows != 0).any(axis=1))
    part = Lattice(rows=rows, asked=asked, n_bytes=found.lattice.n_bytes[keep])
    fields = {"lattice": part, "added": found.added[:, keep]}
    fields["effective_bits"] = found.effective_bits[keep]
    return search_results.Measured(**vars(found) | fields)


def explain(found):
    return runs.rounded(search_explained.explained(found))


@pytest.fixture(scope="module")
def content():
    return explain(game())


# noise of a thousandth adds up over five layers, and eight sentences
NEAR = 5e-3


def test_shares_are_those_of_the_game(content):
    assert (content["shapley_order"], content["shapley_truncated"]) == (5, False)
    shares = SINGLE.copy()
    shares[0] += TOGETHER / 2
    shares[4] += TOGETHER / 2
    assert [row["layer"] for row in content["layers"]] == [0, 1, 2, 3, 4]
    for row, expected in zip(content["layers"], shares, strict=True):
        assert row["shapley"] == pytest.approx(expected.mean(), abs=NEAR)
        assert row["shapley_low"] <= row["shapley"] <= row["shapley_high"]
        assert set(row["by_language"]) == set(LANGUAGES)
        for name, value in zip(LANGUAGES, expected, strict=True):
            each = row["by_language"][name]
            assert each["shapley"] == pytest.approx(value, abs=NEAR)
            assert each["low"] <= each["shapley"] <= each["high"]
    # all of the game is shared out
    assert list(content["shapley_residual"].values()) == pytest.approx(
        [0] * 3, abs=1e-5
    )


def test_interactions_are_those_of_the_game(content):
    rows = {tuple(row["layers"]): row for row in content["interactions"]}
    expected = {
        each for size in (2, 3) for each in itertools.combinations(range(5), size)
    }
    assert set(rows) == expected
    for layers, row in rows.items():
        assert row["size"] == len(layers)
        values = TOGETHER if layers == (0, 4) else 0 * TOGETHER
        # what both lose beyond the sum is what they save beyond it if both are kept
        found = [row["by_language"][name] for name in LANGUAGES]
        if layers == (0, 4):
            assert np.abs(found) == pytest.approx(np.abs(values), abs=NEAR)
        else:
            assert found == pytest.approx(values, abs=1e-5)
    assert [layers for layers, row in rows.items() if row["above_noise"]] == [(0, 4)]


def test_first_and_last_layer_together(content):
    both = content["synergy"]
    assert both["layers"] == [0, 4]
    for name in ("mean", "worst", "difference", "log_mean", "log_worst", "log_ratio"):
        assert both[f"{name}_low"] <= both[name] <= both[f"{name}_high"]
    assert abs(both["mean"]) == pytest.approx(TOGETHER.mean(), abs=NEAR)
    mean = f"{both['mean']:+.2f}"
    assert any(
        said.startswith(f"Protecting 0 and 4 together saves {mean} [")
        for said in content["sentences"]
    )


def test_what_adding_up_misses(content):
    one = content["surrogate"]
    # all sets with two or more quantized layers; the larger ones by the pair's share
    rows = of_results.ROWS[quantized(of_results.ROWS).sum(axis=1) >= 2]
    missed = losses(rows, 0 * TOGETHER).max(axis=1) - losses(rows).max(axis=1)
    assert one["n_sets"] == len(rows) == 26
    assert one["bias"] == pytest.approx(missed.mean(), abs=NEAR)
    assert one["rms"] == pytest.approx(np.sqrt((missed**2).mean()), abs=NEAR)
    assert 0.9 < one["rank_correlation"] <= 1
    # of sets of three, what adding up finds to be the best
    triples = of_results.ROWS[of_results.TRIPLES]
    best = triples[np.argmin(losses(triples, 0 * TOGETHER).max(axis=1))]
    assert one["picked"] == np.flatnonzero(best == 0).tolist()
    assert one["regret"] >= 0
    assert f"errs by {one['rms']:.2f} [" in one["sentence"]
    assert f"{{{', '.join(map(str, one['picked']))}}}, loses" in one["sentence"]


def test_ratios_rise_with_layers_below_the_average(content):
    added = losses(of_results.ROWS)
    everything = added[1]
    ratio = np.log(everything[2] / everything[1])
    assert [row["layer"] for row in content["mediant"]] == [0, 1, 2, 3, 4]
    for row in content["mediant"]:
        kept = [int(n != row["layer"]) for n in range(5)]
        (at,) = np.flatnonzero((np.array(kept) == of_results.ROWS).all(axis=1))
        after = np.log(added[at][2] / added[at][1])
        assert row["before"] == pytest.approx(ratio, rel=NEAR)
        assert row["after"] == pytest.approx(after, rel=NEAR)
        assert row["rises"] == (after > ratio)
        assert row["bounded"]
    seeming = [row for row in content["mediant"] if row["harmful_only_in_ratio"]]
    assert seeming  # layers 3 and 4 lose more in the high side than in the low one
    listed = ", ".join(
        f"{row['layer']} (to {np.exp(row['after']):.2f})" for row in seeming
    )
    assert any(
        f"Protecting layer {listed} alone raises the ratio of what the two sides lose, "
        f"{np.exp(ratio):.2f}, although" in said
        for said in content["sentences"]
    )


def test_without_a_contrast_there_is_no_ratio():
    found = explain(game(chosen=None))
    assert found["mediant"] == []
    assert found["synergy"]["mean"] is not None
    assert not any("raises the ratio" in said for said in found["sentences"])
    assert found["surrogate"]["sentence"]


def sizes(*wanted):
    kept = (of_results.ROWS == 0).sum(axis=1)
    return np.flatnonzero(np.isin(kept, wanted))


def test_shares_of_small_sets_are_truncated():
    found = explain(restricted(game(), sizes(0, 1, 2, 4, 5)))
    assert (found["shapley_order"], found["shapley_truncated"]) == (2, True)
    assert {row["size"] for row in found["interactions"]} == {2}


def test_what_was_not_measured_is_not_explained():
    """Full precision, nothing protected, single layers quantized; one set."""
    keep = np.append(sizes(0, 4, 5), of_results.CLAIMED)
    found = explain(restricted(game(), keep))
    assert found["layers"] == found["interactions"] == found["mediant"] == []
    assert found["shapley_reason"]
    assert found["synergy"] is None
    one = found["surrogate"]
    assert one["sentence"] == ""
    assert "at least 3 are needed" in one["reason"]
    assert found["sentences"] == []


def test_later_versions_take_no_part():
    """Rows with a second quantizer add nothing to what the first one explains."""
    usual = game()
    rows = np.concatenate([of_results.ROWS, [(2, 1, 1, 1, 1), (2, 0, 0, 0, 0)]])
    added = np.concatenate([usual.added, usual.added[:, 2:4]], axis=1)
    n_bytes = np.append(usual.lattice.n_bytes, [1000, 1400])
    wider = Lattice(rows=rows, asked=usual.lattice.asked, n_bytes=n_bytes)
    fields = {"lattice": wider, "added": added, "effective_bits": np.ones(34)}
    both = [
        explain(search_results.Measured(**vars(usual) | each)) for each in ({}, fields)
    ]
    for name in ("layers", "interactions", "synergy", "mediant"):
        assert both[0][name] == both[1][name]


def test_what_lies_outside_the_layers_is_no_layer_of_anyone():
    """Where embeddings are quantized, too, they add to full precision of layers."""
    found = game()
    shifted = search_results.Measured(**vars(found) | {"added": found.added + 2.0})
    one, other = explain(found), explain(shifted)
    for a, b in zip(one["layers"], other["layers"], strict=True):
        assert a["shapley"] == pytest.approx(b["shapley"], abs=1e-5)
    for a, b in zip(one["mediant"], other["mediant"], strict=True):
        assert a["after"] == pytest.approx(b["after"], abs=1e-5)
    logs = [content["synergy"]["log_mean"] for content in (one, other)]
    assert logs[0] == pytest.approx(logs[1], abs=1e-5)

"""How many directions a spectrum uses, and how its tail falls off."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import optimize, stats

from jaxdisp.stats import spectra
from tests.models import small

# far from where squares overflow or vanish
SPECTRA = hnp.arrays(
    np.float64, 7, elements=st.floats(0, 1e6).map(lambda x: x if x > 1e-6 else 0.0)
).filter(np.any)
COUNTS = (spectra.effective_rank, spectra.participation_ratio, spectra.stable_rank)


def rotated(values, rows=9):
    """A matrix whose singular values are known."""
    left = np.linalg.qr(small.normal("left", (rows, rows)).astype(np.float64))[0]
    right = np.linalg.qr(small.normal("right", (7, 7)).astype(np.float64))[0]
    return left[:, :7] @ np.diag(values) @ right


def test_counts_of_a_matrix_of_known_spectrum():
    known = np.array([5.0, 3.0, 2.0, 1.0, 0.5, 0.25, 0.125])
    found = np.linalg.svd(rotated(known), compute_uv=False)
    shares = known / 11.875
    # 1e-12: some hundred roundings of float64
    assert spectra.effective_rank(found) == pytest.approx(
        np.exp(stats.entropy(shares)), rel=1e-12
    )
    squares = [value**2 for value in known]
    whole = sum(squares)
    assert spectra.participation_ratio(found**2) == pytest.approx(
        whole**2 / sum(v**2 for v in squares), rel=1e-12
    )
    assert spectra.stable_rank(found**2) == pytest.approx(whole / 25, rel=1e-12)
    assert spectra.condition_number(found) == pytest.approx(40.0, rel=1e-12)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("rank", [1, 4, 7])
def test_equal_values_count_one_each(count, rank):
    values = np.zeros(7)
    values[:rank] = 3.5
    assert count(values) == pytest.approx(rank, rel=1e-12)


@hypothesis.given(SPECTRA, st.floats(1e-3, 1e3))
def test_counts_lie_between_one_and_the_rank_whatever_the_scale(values, scale):
    rank = np.count_nonzero(values)
    found = [count(values) for count in COUNTS]
    assert all(1 - 1e-9 <= one <= rank + 1e-9 for one in found)
    # the entropy counts more of the small values than the square does
    assert found[1] <= found[0] * (1 + 1e-9)
    np.testing.assert_allclose([count(scale * values) for count in COUNTS], found)
    np.testing.assert_allclose([count(values[::-1]) for count in COUNTS], found)


@pytest.mark.parametrize("rows", [7, 40])
def test_a_lost_direction_makes_the_condition_number_infinite(rows):
    lost = rotated(np.array([4.0, 3.0, 2.0, 1.0, 1.0, 1.0, 0.0]), rows)
    found = np.linalg.svd(lost, compute_uv=False)
    assert spectra.condition_number(found) == np.inf
    assert spectra.condition_number(np.array([2.0, 1e-9])) == pytest.approx(2e9)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.4, 1), (0.5, 1), (0.51, 2), (0.95, 4), (1.0, 4)]
)
def test_directions_that_explain_a_share(share, expected):
    assert spectra.explaining_dimension(np.array([1, 0, 5, 2, 2.0]), share) == expected


@hypothesis.given(SPECTRA, st.floats(0.01, 1.0))
def test_one_direction_less_explains_too_little(values, share):
    found = spectra.explaining_dimension(values, share)
    ordered = sorted(values, reverse=True)
    assert sum(ordered[:found]) >= share * sum(values) * (1 - 1e-9)
    assert sum(ordered[: found - 1]) < share * sum(values)


def power_values(exponent, n_values, least=2.0):
    """Quantiles of a power law at even places."""
    places = (np.arange(n_values) + 0.5) / n_values
    return least * (1 - places) ** (-1 / (exponent - 1))


@pytest.mark.parametrize("exponent", [1.8, 3.0, 5.0])
def test_exponent_of_quantiles_of_a_power_law(exponent):
    found = spectra.power_law(power_values(exponent, 2000))
    # places between quantiles are half a step off, and the largest is cut off
    assert found.exponent == pytest.approx(exponent, rel=0.02)
    assert found.distance < 0.01
    expected = (found.exponent - 1) / np.sqrt(found.n_tail)
    assert found.error == pytest.approx(expected)


def test_the_tail_begins_where_the_law_does():
    body = np.linspace(0.1, 2.0, 300)
    found = spectra.power_law(np.concatenate([body, power_values(2.5, 700)]))
    assert found.threshold == pytest.approx(2.0, rel=0.1)
    assert found.exponent == pytest.approx(2.5, rel=0.05)


def unlikeliness(exponent, tail, threshold):
    return -np.sum(
        np.log((exponent - 1) / threshold) - exponent * np.log(tail / threshold)
    )


def test_power_law_is_that_of_every_threshold_tried():
    values = np.exp(1.5 * small.normal("tail", (80,)).astype(np.float64))
    found = spectra.power_law(values)
    best = []
    for threshold in np.sort(values)[:-9]:
        tail = values[values >= threshold]
        fit = optimize.minimize_scalar(
            unlikeliness, bounds=(1.001, 60), args=(tail, threshold), method="bounded"
        )
        law = stats.pareto(fit.x - 1, scale=threshold)
        best.append((stats.kstest(tail, law.cdf).statistic, fit.x, threshold))
    distance, exponent, threshold = min(best)
    # the search stops within 1e-5 of the exponent
    assert found.exponent == pytest.approx(exponent, rel=1e-3)
    assert found.distance == pytest.approx(distance, rel=1e-3)
    assert found.threshold == pytest.approx(threshold, rel=1e-9)


@hypothesis.given(st.floats(1e-3, 1e3), st.integers(0, 20))
def test_power_law_follows_the_scale(scale, seed):
    values = np.exp(small.normal("tail", (60,), seed).astype(np.float64))
    one, other = spectra.power_law(values), spectra.power_law(scale * values)
    assert other.exponent == pytest.approx(one.exponent, rel=1e-6)
    assert other.threshold == pytest.approx(scale * one.threshold, rel=1e-6)


@pytest.mark.parametrize("count", [*COUNTS, spectra.condition_number])
@pytest.mark.parametrize(
    "values", [np.array([1.0, -1.0]), np.array([1.0, np.nan]), np.array([])]
)
def test_what_is_no_spectrum(count, values):
    with pytest.raises(ValueError, match="finite values of 0 or more"):
        count(values)
    with pytest.raises(ValueError, match="zeros has no shape"):
        count(np.zeros(3))


def test_what_has_no_tail():
    with pytest.raises(ValueError, match="at least 50 positive values, got 40"):
        spectra.power_law(np.concatenate([np.ones(40), np.zeros(30)]))
    with pytest.raises(ValueError, match="all equal"):
        spectra.power_law(np.ones(60))
    with pytest.raises(ValueError, match="share must be above 0"):
        spectra.explaining_dimension(np.ones(3), 0.0)

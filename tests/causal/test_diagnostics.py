"""Diagnostics of draws: against the formulas written out, and on planted problems."""

import hypothesis
import jax
import numpy as np
import pytest
import scipy.stats
from hypothesis import strategies as st

from jaxdisp.causal import diagnostics

CHAINS, DRAWS = 4, 1000


def normal(number, *shape):
    key = jax.random.key(number)
    return np.array(jax.random.normal(key, shape or (CHAINS, DRAWS)), np.float64)


def walk(persistence, number=0, draws=DRAWS):
    """An autoregression that begins in its stationary law."""
    noise = normal(number, CHAINS, draws)
    x = noise.copy()
    for t in range(1, draws):
        innovation = np.sqrt(1 - persistence**2) * noise[:, t]
        x[:, t] = persistence * x[:, t - 1] + innovation
    return x


def judge(draws, *, energy=None, diverging=None):
    energy = normal(99, *draws.shape) if energy is None else energy
    diverging = np.zeros(draws.shape, bool) if diverging is None else diverging
    return diagnostics.judge({"a": draws}, energy, diverging)


def rank_rhat(draws):
    """Vehtari et al. 2021, equations 1 to 4 and 14, written out chain by chain."""

    def of(x):
        scores = scipy.stats.norm.ppf(
            (scipy.stats.rankdata(x).reshape(x.shape) - 3 / 8) / (x.size + 1 / 4)
        )
        means = [chain.mean() for chain in scores]
        n = x.shape[1]
        between = n * np.var(means, ddof=1)
        within = np.mean([np.var(chain, ddof=1) for chain in scores])
        return np.sqrt(((n - 1) / n * within + between / n) / within)

    half = draws.shape[1] // 2
    split = np.concatenate([draws[:, :half], draws[:, half:]])
    return max(of(split), of(np.abs(split - np.median(split))))


@pytest.mark.parametrize("shift", [0.0, 0.1, 1.0])
def test_rhat_is_that_of_the_paper(shift):
    draws = normal(1) + shift * np.arange(CHAINS)[:, None]
    found = diagnostics.convergence("a", draws)
    assert found.rhat == pytest.approx(rank_rhat(draws), rel=1e-9)


def test_rhat_sees_scales_that_differ_where_means_agree():
    draws = normal(1) * np.array([1.0, 1.0, 1.0, 2.0])[:, None]
    assert diagnostics.convergence("a", draws).rhat > diagnostics.MOST_RHAT


@pytest.mark.parametrize("library", ["arviz-stats", "numpyro"])
@pytest.mark.parametrize("persistence", [0.0, 0.6, 0.9])
def test_effective_draws_of_an_autoregression(persistence, library, monkeypatch):
    if library == "numpyro":
        monkeypatch.setattr(diagnostics, "_arviz", lambda: None)
    draws = walk(persistence, draws=4000)
    found = diagnostics.convergence("a", draws)
    expected = draws.size * (1 - persistence) / (1 + persistence)
    # both estimators have a standard error of 5 to 8 % at this length
    assert found.bulk == pytest.approx(expected, rel=0.2)
    assert found.mcse == pytest.approx(expected**-0.5, rel=0.15)
    assert judge(draws).by == library


def test_tails_that_mix_slowly_are_seen():
    """Draws are new each time, but the chain's spread changes once in 250 draws."""
    spread = np.repeat(np.exp(1.5 * normal(2, CHAINS, 4)), 250, axis=1)
    found = diagnostics.convergence("a", normal(1) * spread)
    assert found.tail < 0.5 * found.bulk


@hypothesis.settings(max_examples=10)
@hypothesis.given(st.floats(0.1, 3), st.floats(-50, 50), st.permutations(range(CHAINS)))
def test_monotone_maps_and_orders_of_chains_change_nothing(by, shift, order):
    draws = walk(0.5, draws=200)
    first = diagnostics.convergence("a", draws)
    other = diagnostics.convergence("a", (np.exp(by * draws) + shift)[list(order)])
    assert other.rhat == pytest.approx(first.rhat, rel=1e-6)
    assert other.bulk == pytest.approx(first.bulk, rel=1e-6)


def test_energy_fraction_is_that_of_the_definition():
    energy = walk(0.9)
    for chain, found in zip(energy, diagnostics.energy_fractions(energy), strict=True):
        steps = sum((chain[t] - chain[t - 1]) ** 2 for t in range(1, DRAWS))
        around = sum((value - chain.mean()) ** 2 for value in chain)
        assert found == pytest.approx(steps / around, rel=1e-9)
        # 2 (1 - persistence) of an autoregression, within 3 standard errors
        assert found == pytest.approx(0.2, abs=0.08)


def test_good_draws_have_no_problems():
    found = judge(normal(1))
    assert found.problems == ()
    assert found.divergences == 0
    assert len(found.bfmi) == CHAINS


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"draws": normal(1) + np.arange(4.0)[:, None]}, "have not met: R-hat of a"),
        ({"draws": walk(0.95)}, "too few effective draws for the middle"),
        ({"draws": walk(0.95)}, "needed are 400 for 4 chains"),
        ({"draws": normal(1), "energy": walk(0.99)}, "hardly move between energies"),
        (
            {"draws": normal(1), "diverging": np.arange(4000).reshape(4, 1000) < 3},
            "3 of 4000 trajectories diverged",
        ),
    ],
)
def test_planted_problems_are_said(arguments, said):
    problems = judge(**arguments).problems
    assert any(said in problem for problem in problems)
    assert all("\n" not in problem for problem in problems)


def test_draws_that_are_not_numbers_are_a_problem():
    draws = normal(1)
    draws[0, 0] = np.nan
    assert len(judge(draws).problems) >= 2


def test_one_chain_and_constants():
    assert judge(normal(1, 1, 1000)).problems == ()
    found = diagnostics.convergence("a", np.ones((CHAINS, DRAWS)))
    assert (found.rhat, found.bulk, found.mcse) == (1.0, CHAINS * DRAWS, 0.0)


def test_too_few_draws():
    with pytest.raises(ValueError, match="a has 3 draws per chain; needed are at"):
        diagnostics.convergence("a", np.ones((4, 3)))

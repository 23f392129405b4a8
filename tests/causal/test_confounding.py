import dataclasses
import functools as ft
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpyro import distributions as dist
from numpyro.infer import MCMC, NUTS

from jaxdisp.causal import confounding, posterior
from jaxdisp.causal import graph as graphs
from tests.causal import serial

KEY = jax.random.key(3)
SAMPLING = posterior.Sampling(draws=500, tuning=200, chains=2)
NODES = ("T", "A", "R", "D")
SMALL = {"n_languages": 4, "n_sentences": 60}


@ft.cache
def fitted(**options):
    return posterior.fit(serial.made(**options), key=KEY, sampling=SAMPLING)


def respecified(found, **changes):
    """The same draws under another specification, which saves a fit."""
    specification = dataclasses.replace(found.design.specification, **changes)
    design = dataclasses.replace(found.design, specification=specification)
    return dataclasses.replace(found, design=design)


def fixed(coefficients, sigma, graph=graphs.FULL):
    """A posterior that is certain: one draw, of these values."""
    return dataclasses.replace(
        respecified(fitted(**SMALL), graph=graph),
        coefficients={
            arrow: np.full((1, 1), value) for arrow, value in coefficients.items()
        },
        sigma={node: np.full((1, 1), value) for node, value in sigma.items()},
    )


def population(coefficients, errors):
    """Covariances of T, A, R, D in a linear model with such errors."""
    arrows = np.zeros((4, 4))
    for (cause, effect), value in coefficients.items():
        arrows[NODES.index(effect), NODES.index(cause)] = value
    inverse = np.linalg.inv(np.eye(4) - arrows)
    return inverse @ errors @ inverse.T


def regression(covariances, effect, causes):
    """Coefficients, and the SD of what is left, of an infinite sample."""
    use = [NODES.index(cause) for cause in causes]
    place = NODES.index(effect)
    found = np.linalg.solve(covariances[np.ix_(use, use)], covariances[use, place])
    return found, np.sqrt(covariances[place, place] - found @ covariances[use, place])


COEFFICIENTS = st.lists(st.floats(-1, 1), min_size=6, max_size=6)
SDS = st.lists(st.floats(0.3, 2), min_size=4, max_size=4)


def regressions(coefficients, errors):
    """What a regression of each node on all its causes finds, as a posterior."""
    covariances = population(coefficients, errors)
    found, sigma = {}, {"T": np.sqrt(errors[0, 0])}
    for node, causes in {"A": "T", "R": "TA", "D": "TAR"}.items():
        slopes, sigma[node] = regression(covariances, node, causes)
        found |= {(cause, node): b for cause, b in zip(causes, slopes, strict=True)}
    return fixed(found, sigma)


@given(COEFFICIENTS, SDS, st.floats(-0.9, 0.9))
def test_correlated_errors_of_mediator_and_response(values, sds, rho):
    """In an infinite sample the formula gives the true effect back, whatever rho."""
    coefficients = dict(zip(graphs.FULL.edges, values, strict=True))
    errors = np.diag(np.square(sds))
    errors[2, 3] = errors[3, 2] = rho * sds[2] * sds[3]
    found = confounding.mediated(regressions(coefficients, errors), "R")
    to = coefficients["T", "R"] + coefficients["T", "A"] * coefficients["A", "R"]
    (row,) = confounding.curve(found, (rho,))
    # errors up to 1/sqrt(1 - .81) and SDs up to 7 times one another
    np.testing.assert_allclose(row["median"], to * coefficients["R", "D"], atol=1e-9)


@given(COEFFICIENTS, SDS, st.floats(-0.9, 0.9))
def test_correlated_errors_of_alignment_and_response(values, sds, rho):
    """R comes after A, so what D owes to R's own error is in the error of D."""
    coefficients = dict(zip(graphs.FULL.edges, values, strict=True))
    onward = coefficients["R", "D"]
    # the error of D given T and A alone is that of D and of R, through R
    whole = np.hypot(sds[3], onward * sds[2])
    errors = np.diag(np.square(sds))
    errors[1, 3] = errors[3, 1] = rho * sds[1] * whole
    if abs(errors[1, 3]) >= 0.99 * sds[1] * sds[3]:
        return
    covariances = population(coefficients, errors)
    (_, slope), spread = regression(covariances, "D", "TA")
    left = regression(covariances, "A", "T")[1]
    found = confounding.shifted(
        np.full((1, 1), slope), np.full((1, 1), spread / left), rho
    )
    true = coefficients["A", "D"] + coefficients["A", "R"] * onward
    np.testing.assert_allclose(found, true, atol=1e-9)


@given(COEFFICIENTS, SDS)
def test_what_comes_after_a_mediator(values, sds):
    """The slope and ratio for A are those of a regression without R."""
    coefficients = dict(zip(graphs.FULL.edges, values, strict=True))
    errors = np.diag(np.square(sds))
    found = confounding.mediated(regressions(coefficients, errors), "A")
    covariances = population(coefficients, errors)
    (_, slope), spread = regression(covariances, "D", "TA")
    np.testing.assert_allclose(found.onward, slope, atol=1e-9)
    np.testing.assert_allclose(found.ratio, spread / sds[1], rtol=1e-9)
    np.testing.assert_allclose(found.to, coefficients["T", "A"], atol=1e-9)


@given(st.floats(-3, 3), st.floats(0.2, 3), st.floats(0.2, 3), st.floats(-0.95, 0.95))
def test_published_formula(slope, sd_mediator, sd_response, rho):
    """Theorem 4: b2 s1 / s2 (r - rho sqrt((1 - r^2) / (1 - rho^2))), b2 = 1."""
    s1 = np.hypot(slope * sd_mediator, sd_response)
    r = slope * sd_mediator / s1
    published = s1 / sd_mediator * (r - rho * np.sqrt((1 - r**2) / (1 - rho**2)))
    b, ratio = np.full((1, 1), slope), np.full((1, 1), sd_response / sd_mediator)
    found = confounding.shifted(b, ratio, rho)
    np.testing.assert_allclose(found, published, atol=1e-9)
    zero = confounding.vanishing(b, ratio)
    np.testing.assert_allclose(zero, r, atol=1e-12)
    np.testing.assert_allclose(confounding.shifted(b, ratio, zero), 0, atol=1e-9)


@given(COEFFICIENTS, SDS, st.floats(-0.9, 0.9), st.floats(-0.9, 0.9))
def test_a_common_cause_of_t_and_d(values, sds, loading_t, loading_d):
    """An explicit U in an infinite sample: the coefficient shifts as stated."""
    coefficients = dict(zip(graphs.FULL.edges, values, strict=True))
    errors = np.diag(np.square(sds))
    errors[0, 3] = errors[3, 0] = loading_t * loading_d * sds[0] * sds[3]
    found = regressions(coefficients, errors)
    ratio = found.sigma["D"] / found.sigma["T"]
    slope = found.coefficients["T", "D"]
    true = confounding.shifted(slope, ratio, loading_t * loading_d)
    np.testing.assert_allclose(true, coefficients["T", "D"], atol=1e-9)
    for arrow in set(coefficients) - {("T", "D")}:
        np.testing.assert_allclose(
            found.coefficients[arrow], coefficients[arrow], atol=1e-9
        )


def explicit(values, language, strength):
    """U for every row; structural parameters with priors flat in logarithms."""
    t, a, r, d = values
    slopes = numpyro.sample("slopes", dist.Normal(0, 10).expand([3]))
    spread = numpyro.sample("spread", dist.Normal(0, 10).expand([2]))
    sd_t, sd_d = jnp.exp(spread[0]), jnp.exp(spread[1])
    with numpyro.plate("languages", int(language.max()) + 1):
        level_t = numpyro.sample("level_t", dist.Normal(0, 10))
        level_d = numpyro.sample("level_d", dist.Normal(0, 10))
    prior = dist.TruncatedNormal(0, strength, low=-1, high=1).expand([2])
    loading = numpyro.sample("loading", prior)
    with numpyro.plate("rows", len(t)):
        u = numpyro.sample("u", dist.Normal(0, 1))
    own = jnp.sqrt(1 - loading**2)
    at_t, at_d = level_t[language], level_d[language]
    mean_t = at_t + sd_t * loading[0] * u
    numpyro.sample("t", dist.Normal(mean_t, sd_t * own[0]), obs=t)
    mean_d = at_d + jnp.stack([t, a, r], axis=1) @ slopes + sd_d * loading[1] * u
    numpyro.sample("d", dist.Normal(mean_d, sd_d * own[1]), obs=d)


@pytest.mark.slow
def test_shortcut_against_a_posterior_with_u_in_it():
    """NUTS over every U, loading and coefficient: the same posterior of T>D."""
    strength, options = 0.5, {"n_languages": 3, "n_sentences": 20, "between": 0.3}
    found = fitted(confounding=(0.5, 0.5), **options)
    rows, _ = confounding.confounded(found, key=KEY, strengths=(0.0, strength))
    row = next(r for r in rows if (r["effect"], r["strength"]) == ("direct", strength))
    made = serial.made(confounding=(0.5, 0.5), **options)
    values = np.stack([np.log(made.columns[name]) for name in NODES])
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        sampler = MCMC(
            NUTS(explicit),
            num_warmup=300,
            num_samples=600,
            num_chains=2,
            chain_method="vectorized",
            progress_bar=False,
        )
        sampler.run(KEY, jnp.asarray(values, jnp.float32), made.language, strength)
        slopes = np.asarray(sampler.get_samples()["slopes"][:, 0])
    low, median, high = np.quantile(slopes, [0.025, 0.5, 0.975])
    spread = (high - low) / 4
    # some 300 effective draws: the median to 7 % of an SD, quantiles to 20 %
    assert abs(row["median"] - median) < 0.25 * spread
    assert abs(row["low"] - low) < 0.6 * spread
    assert abs(row["high"] - high) < 0.6 * spread
    plain = rows[0]
    assert row["high"] - row["low"] > 1.2 * (plain["high"] - plain["low"])


def test_sweep():
    found = fitted(**SMALL)
    rows, least = confounding.confounded(found, key=KEY)
    by_name = {(row["effect"], row["strength"]): row for row in rows}
    for name in ("direct", "total"):
        widths = [
            by_name[name, s]["high"] - by_name[name, s]["low"]
            for s in confounding.STRENGTHS
        ]
        # quantiles of some hundred draws: a small strength adds less than their noise
        assert all(b > 0.97 * a for a, b in itertools.pairwise(widths))
        assert widths[-1] > 1.2 * widths[0]
    draws = found.coefficients["T", "D"]
    low, median, high = np.quantile(draws, [0.025, 0.5, 0.975])
    plain = by_name["direct", 0.0]
    assert (plain["low"], plain["median"], plain["high"]) == (low, median, high)
    # the stronger effect stands more
    assert 0 < least["direct"] < 1
    assert least["total"] is None or least["total"] > least["direct"]
    # at the least strength the interval has just come to hold 0
    again = confounding.confounded(found, key=KEY, strengths=(least["direct"],))
    at = again[0][0]
    assert at["low"] <= 0 <= at["high"]
    assert min(abs(at["low"]), abs(at["high"])) < 0.01


def test_a_certain_effect_and_none():
    coefficients = dict.fromkeys(graphs.FULL.edges, 0.5)
    sigma = dict.fromkeys(NODES, 1.0)
    _, least = confounding.confounded(fixed(coefficients, sigma), key=KEY)
    # one draw of loadings, which do not reach the correlation needed
    assert set(least) == {"direct", "total"}
    found = fixed(coefficients | {("T", "D"): 0.0}, sigma)
    assert confounding.confounded(found, key=KEY)[1]["direct"] == 0


def test_mediators_of_a_posterior():
    curves, zeros, refused = confounding.mediators(fitted(**SMALL))
    assert refused == []
    assert {row["mediator"] for row in zeros} == {"A", "R"}
    for zero in zeros:
        rows = [row for row in curves if row["mediator"] == zero["mediator"]]
        medians = np.array([row["median"] for row in rows])
        # the effect through A and R is negative, and vanishes at the median of rho
        assert np.all(np.diff(medians) < 0)
        at = np.interp(0, medians[::-1], [row["rho"] for row in rows[::-1]])
        assert abs(at - zero["median"]) < 0.03
        assert zero["high"] < 0
    coefficients = {("T", "A"): 0.5, ("A", "D"): 0.5, ("T", "D"): 0.5}
    through = fixed(coefficients, dict.fromkeys(NODES, 1.0), graphs.read("T>A>D, T>D"))
    _, zeros, refused = confounding.mediators(through)
    assert [row["mediator"] for row in zeros] == ["A"]
    # one half over SDs of 1: .5 / sqrt(1.25)
    np.testing.assert_allclose(zeros[0]["median"], 0.2**0.5, rtol=1e-12)
    assert refused == ["correlation of errors of R and D: R is on no path from T to D"]


def test_refusals():
    full = fitted(**SMALL)
    rest = {arrow: b for arrow, b in full.coefficients.items() if arrow != ("T", "D")}
    with pytest.raises(ValueError, match="needs a model with the arrow T>D"):
        confounding.confounded(dataclasses.replace(full, coefficients=rest), key=KEY)
    with pytest.raises(ValueError, match=r"must not be negative, got -0\.5"):
        confounding.confounded(full, key=KEY, strengths=(0.1, -0.5))
    sigma = {node: sd for node, sd in full.sigma.items() if node != "T"}
    with pytest.raises(ValueError, match="needs a model of T"):
        confounding.confounded(dataclasses.replace(full, sigma=sigma), key=KEY)
    curves, _, refused = confounding.mediators(respecified(full, link="reciprocal"))
    assert curves == []
    assert "the reciprocal link gives the coefficients" in refused[0]


def test_the_shift_is_in_the_unit_of_the_coefficient():
    """It grows with the spread of D and shrinks with that of T."""
    coefficients = dict.fromkeys(graphs.FULL.edges, 0.5)

    def shift(sd_t, sd_d):
        sigma = {"T": sd_t, "A": 1.0, "R": 1.0, "D": sd_d}
        rows, _ = confounding.confounded(
            fixed(coefficients, sigma), key=KEY, strengths=(0.5,)
        )
        return rows[0]["median"] - 0.5

    np.testing.assert_allclose(shift(1.0, 3.0), 3 * shift(1.0, 1.0), rtol=1e-9)
    np.testing.assert_allclose(shift(3.0, 1.0), shift(1.0, 1.0) / 3, rtol=1e-9)

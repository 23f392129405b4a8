"""Thresholds for all languages under additive noise: exact, proved, and their laws."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.quant import fair_noise
from tests import strategies
from tests.quant import clipping_oracles, fair_oracles

LANGUAGES, GROUPS, VALUES = 3, 2, 12
SHAPE = GROUPS, VALUES
AIMS = "average", "minimax", "regret"
GAP = 1e-8  # where the search stops is 1e-9; rounding of float64 is far below

every_aim = pytest.mark.parametrize("aim", AIMS)
constants = st.integers(2, 8).map(lambda bits: 4.0 ** (1 - bits) / 12)
values = strategies.arrays(SHAPE)
masses = clipping_oracles.all_weights((LANGUAGES, *SHAPE))


def felt(x, weights):
    """As `fair_thresholds` wants it: no language feels only values that are 0."""
    deaf = ~(weights * x**2).any(axis=(1, 2))
    return x, np.where(deaf[:, None, None], 1.0, weights)


cases = st.builds(felt, values, masses)
problems = {"case": cases, "c": constants}
few = settings(max_examples=10)
noise_levels = jax.jit(fair_noise.noise_levels)
own_thresholds = jax.jit(fair_noise.own_thresholds)


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def double(*arrays):
    return tuple(jnp.asarray(array, np.float64) for array in arrays)


def solved(x, weights, c, aim):
    found = fair_noise.fair_thresholds(*double(x, weights, c), aim=aim)
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(np.float64)}
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
    return jax.tree.map(np.asarray, found)


def levels_at(x, weights, thresholds, c):
    return np.asarray(noise_levels(*double(x, weights, thresholds, c)))


def aimed(levels, aim):
    return levels.mean(axis=0) if aim == "average" else levels.max(axis=0)


def three_languages(groups=GROUPS):
    """Quantiles of a heavy law; languages that feel large and small values more."""
    count = VALUES if groups > 1 else GROUPS * VALUES
    x = fair_oracles.quantiles(scipy.stats.t(4), groups * count)
    x = x.reshape(count, groups).T * (1 + np.arange(groups))[:, None]
    return x, np.stack([np.ones_like(x), 1 + x**2, 1 / (0.2 + np.abs(x))])


# --- oracles ------------------------------------------------------------------------


@every_aim
@pytest.mark.parametrize("groups", [1, 2])
@few
@given(**problems)
def test_value_equals_a_nested_search(aim, groups, case, c):
    x, weights = case
    shape = groups, GROUPS * VALUES // groups
    x, weights = x.reshape(shape), weights.reshape(LANGUAGES, *shape)
    found = solved(x, weights, c, aim)
    expected = fair_oracles.least_noise(x, weights, c, aim)
    # The search stops within 1e-9; the oracle's outer search sees inner ones that are
    # off by 1e-15 of the largest value, where slopes may be a million times the least.
    assert found.value == pytest.approx(expected, rel=GAP, abs=1e-30)


@pytest.mark.parametrize("aim", AIMS[1:])
@pytest.mark.parametrize("bits", [2, 4])
def test_value_of_three_groups_equals_that_of_cutting_planes(aim, bits):
    c = 4.0 ** (1 - bits) / 12
    case = three_languages(3)
    found = solved(*case, c, aim)
    least, bound = fair_oracles.least_noise_of_many_groups(*case, c, aim)
    assert least - bound < 1e-6 * least
    assert bound * (1 - 1e-7) <= found.value <= least * (1 + GAP)


@given(**problems)
def test_own_thresholds_and_energies(case, c):
    x, weights = case
    at, lost = own_thresholds(*double(x, weights, c))
    expected, least = fair_oracles.own_noise(x, weights, c)
    np.testing.assert_allclose(lost, least, rtol=1e-12, atol=1e-30)
    felt = np.einsum("lgv,gv->lg", weights, np.abs(x)) > 0
    # The objective is flat where it is least: half the digits remain, of thresholds
    # far below the values fewer, since these are added up with them.
    np.testing.assert_allclose(
        np.where(felt, at, 0),
        np.where(felt, expected, 0),
        rtol=1e-4,
        atol=1e-11 * np.max(np.abs(x)),
    )
    np.testing.assert_allclose(
        fair_noise.energies(*double(x, weights)), fair_oracles.energy(x, weights), 1e-13
    )


@given(**problems, shares=st.tuples(st.floats(0, 2), st.floats(0, 2)))
def test_levels_at_any_thresholds(case, c, shares):
    x, weights = case
    at = np.array(shares) * np.abs(x).max(axis=1)
    expected = fair_oracles.noise(x, weights, at, c)
    np.testing.assert_allclose(levels_at(x, weights, at, c), expected, 1e-12, 1e-30)


# --- the proof ----------------------------------------------------------------------


@every_aim
@given(**problems, key=st.integers(0, 1000))
def test_bound_and_value_meet_and_hold(aim, case, c, key):
    x, weights = case
    found = solved(x, weights, c, aim)
    over = fair_oracles.denominators(x, weights, c, aim)
    lost = fair_oracles.noise(x, weights, found.thresholds, c)
    np.testing.assert_allclose(found.levels, lost / over, rtol=1e-9)
    own = fair_oracles.own_noise(x, weights, c)[1]
    np.testing.assert_allclose(found.own, own / over, rtol=1e-9, atol=1e-30)
    assert (found.own <= found.levels * (1 + 1e-12)).all()
    assert found.value == pytest.approx(aimed(found.levels, aim), rel=1e-15)
    assert -1e-12 <= found.gap <= 1e-6
    if found.value > 0:
        share = (found.value - found.bound) / found.value
        assert found.gap == pytest.approx(share, abs=1e-15)
    assert (found.mix >= 0).all()
    assert found.mix.sum() == pytest.approx(1, rel=1e-12)
    shares = jax.random.uniform(jax.random.key(key), (500, GROUPS), maxval=1.2)
    tried = np.asarray(shares) * np.abs(x).max(axis=1)
    others = fair_oracles.noise(x, weights, tried, c) / over[:, None]
    assert found.bound <= aimed(others, aim).min() * (1 + 1e-12)


@every_aim
@given(**problems)
def test_bound_is_that_of_the_mix(aim, case, c):
    x, weights = case
    # The least of the mixed language, by the oracle: what the dual variables say.
    found = solved(x, weights, c, aim)
    over = fair_oracles.denominators(x, weights, c, aim)
    mixed = np.einsum("l,lgv->gv", found.mix / over, weights)[None]
    (least,) = fair_oracles.own_noise(x, mixed, c)[1]
    assert found.bound <= least * (1 + 1e-12)
    assert found.bound >= least * (1 - GAP)


@pytest.mark.parametrize("aim", AIMS[1:])
def test_many_languages_and_groups_are_proved(aim):
    x, _ = three_languages(16)
    key, languages = jax.random.key(3), 12
    weights = np.asarray(jnp.exp(2 * jax.random.normal(key, (languages, *x.shape))))
    assert 0 <= solved(x, weights, 1 / 768, aim).gap <= GAP


def test_single_precision_is_solved_in_double():
    case = three_languages()
    double_found = solved(*case, 1 / 768, "minimax")
    with jax.enable_x64(False):
        args = (jnp.asarray(array, jnp.float32) for array in case)
        found = fair_noise.fair_thresholds(*args, 1 / 768, aim="minimax")
    for one, other in zip(*map(jax.tree.leaves, (found, double_found)), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)  # rounded once


# --- what the optimum is like -------------------------------------------------------


@every_aim
@given(**problems)
def test_thresholds_lie_between_those_of_the_languages(aim, case, c):
    x, weights = case
    found = solved(x, weights, c, aim)
    at, _ = own_thresholds(*double(x, weights, c))
    felt = (weights > 0).any(axis=2)
    low = np.where(felt, at, np.inf).min(axis=0)
    high = np.where(felt, at, 0).max(axis=0)
    some = felt.any(axis=0)
    slack = 1e-9 * high  # Newton's method from a mix nearby takes 8 steps
    assert (found.thresholds >= low - slack)[some].all()
    assert (found.thresholds <= high + slack)[some].all()
    assert (found.thresholds[~some] == 0).all()


@pytest.mark.parametrize("aim", AIMS[1:])
@given(**problems)
def test_one_language_or_two_that_tie_prove_the_optimum(aim, case, c):
    x, weights = case
    x, weights = x.reshape(1, -1), weights.reshape(LANGUAGES, 1, -1)
    found = solved(x, weights, c, aim)
    over = fair_oracles.denominators(x, weights, c, aim)
    slopes = fair_oracles.noise_slopes(x, weights, found.thresholds, c)[:, 0] / over
    proved = fair_oracles.bound_of_pairs(found.levels, found.own, slopes)
    assert proved >= found.value * (1 - 1e-6)


def test_two_languages_tie_with_opposite_slopes():
    x, weights = three_languages(1)
    found = solved(x, weights, 1 / 192, "regret")
    over = fair_oracles.denominators(x, weights, 1 / 192, "regret")
    slopes = (
        fair_oracles.noise_slopes(x, weights, found.thresholds, 1 / 192)[:, 0] / over
    )
    last, first, second = np.argsort(found.levels)
    assert found.levels[second] == pytest.approx(found.levels[first], rel=GAP)
    assert slopes[first] * slopes[second] < 0
    assert found.mix[last] < 1e-6 < found.levels[second] - found.levels[last]


@given(**problems, ends=st.tuples(*[st.floats(0, 2)] * 4), t=st.floats(0, 1))
def test_the_largest_level_is_convex(case, c, ends, t):
    x, weights = case
    tops = np.abs(x).max(axis=1)
    one, other = np.reshape(ends, (2, GROUPS)) * tops
    over = fair_oracles.denominators(x, weights, c, "minimax")
    first, between, last = (
        (levels_at(x, weights, at, c) / over).max()
        for at in (one, (1 - t) * one + t * other, other)
    )
    chord = (1 - t) * first + t * last
    assert between <= chord * (1 + 1e-12) + 1e-30


def test_the_ratio_of_two_languages_is_no_objective():
    # With weights that add up alike, both J end as c a^2: the ratio ends at 1, where
    # both languages lose far more than all they have. On the way it rises and falls.
    x, weights = three_languages(1)
    weights = weights[:2] / weights[:2].sum(axis=2, keepdims=True)
    c, top = 1 / 768, np.abs(x).max()
    tops = top * np.array([0.0, 0.1, 0.6, 0.9, 10.0, 1e3, 1e5])
    lost = np.array([levels_at(x, weights, [at], c) for at in tops])
    ratio = lost[:, 1] / lost[:, 0]
    assert ratio[-3:] == pytest.approx(1, abs=1e-12)
    assert (lost[-1] / fair_oracles.energy(x, weights) > 1e5).all()
    best = solved(x, weights, c, "minimax")
    assert abs(np.log(ratio[-1])) < abs(np.log(ratio[:4])).min()  # the fairest is worst
    assert (best.levels < 1).all()
    assert max(ratio[:4]) > 1.2 * max(ratio[0], ratio[-1])  # so not quasi-convex


@every_aim
@given(x=values, one=clipping_oracles.all_weights(SHAPE), c=constants)
def test_identical_languages_get_what_one_would(aim, x, one, c):
    weights = np.stack([one] * LANGUAGES)
    found = solved(x, weights, c, aim)
    np.testing.assert_allclose(found.levels, found.own, rtol=1e-9)
    assert found.value == pytest.approx(found.own[0], rel=1e-9)
    if aim == "regret" and (one * x**2).any():
        assert found.value == pytest.approx(1, rel=1e-9)


@every_aim
@given(**problems, power=st.integers(-20, 20), heavier=st.integers(-20, 20))
def test_scale_equivariance(aim, case, c, power, heavier):
    x, weights = case
    # Powers of two scale floats without rounding, so the equality is exact.
    factors = 2.0 ** np.array([heavier, 0, -heavier])
    one = solved(x, weights, c, aim)
    other = solved(x * 2.0**power, weights * factors[:, None, None], c, aim)
    np.testing.assert_array_equal(other.thresholds, one.thresholds * 2.0**power)
    if x.any():  # else there is nothing to divide by
        np.testing.assert_array_equal(other.levels, one.levels)
        assert (other.value, other.bound) == (one.value, one.bound)


@every_aim
@given(**problems, order=st.permutations(range(LANGUAGES)))
def test_the_order_of_languages_does_not_matter(aim, case, c, order):
    x, weights = case
    one = solved(x, weights, c, aim)
    other = solved(x, weights[order], c, aim)
    assert other.value == pytest.approx(one.value, rel=GAP, abs=1e-30)
    # The largest level bends at least as the noise of the languages does, so that
    # thresholds which lose a share of at most GAP are close to the best ones.
    over = fair_oracles.denominators(x, weights, c, aim)
    bend = 2 * c * (weights.sum(axis=2) / over[:, None]).min(axis=0)
    moved = np.sqrt(bend @ (one.thresholds - other.thresholds) ** 2)
    assert moved <= 2 * np.sqrt(2 * GAP * one.value)


@pytest.mark.parametrize("aim", AIMS[:2])  # of the other the denominators fall, too
@given(**problems)
def test_thresholds_by_group_are_no_worse_than_one(aim, case, c):
    x, weights = case
    one = solved(x.reshape(1, -1), weights.reshape(LANGUAGES, 1, -1), c, aim)
    each = solved(x, weights, c, aim)
    assert each.value <= one.value * (1 + GAP)
    assert (each.own <= one.own * (1 + 1e-12)).all()


@every_aim
def test_a_group_of_zeros_gets_threshold_0(aim):
    x, weights = three_languages()
    x[0] = 0
    found = solved(x, weights, 1 / 768, aim)
    assert found.thresholds[0] == 0 < found.thresholds[1]
    alone = fair_oracles.least_noise(x[1:], weights[:, 1:], 1 / 768, aim)
    assert found.value == pytest.approx(alone, rel=GAP)
    nothing = solved(0 * x, weights, 1 / 768, aim)
    assert nothing.value == nothing.gap == 0
    assert (nothing.thresholds == 0).all()


# --- mistakes -----------------------------------------------------------------------


@pytest.fixture
def unchecked():
    # With annotations enforced, a wrong word is refused before our own check.
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
def test_unknown_aim():
    with pytest.raises(
        ValueError, match=r"aim must be one of average, minimax, regret, got 'mean'"
    ):
        solved(*three_languages(), 1 / 768, "mean")

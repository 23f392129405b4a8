"""The exact test of a set of items, against permutations one by one."""

import itertools

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from jaxdisp.stats.outliers import set_contrast, sets_needed
from tests.models import small

VALUES = hnp.arrays(np.float64, 7, elements=st.integers(-20, 20).map(lambda x: x / 4))


def contrast(values, chosen):
    rest = [value for place, value in enumerate(values) if place not in chosen]
    return float(np.mean([values[place] for place in chosen]) - np.mean(rest))


def p_value(values, chosen):
    own = abs(contrast(values, chosen))
    sets = list(itertools.combinations(range(len(values)), len(chosen)))
    return np.mean([abs(contrast(values, s)) >= own - 1e-9 for s in sets])


def shifted(values, chosen, shift):
    found = values.copy()
    found[list(chosen)] -= shift
    return found


@hypothesis.given(VALUES, st.sampled_from([(0, 5, 6), (2,), (1, 3)]))
def test_contrast_rank_and_p_value(values, chosen):
    found = set_contrast(values, chosen)
    assert found.estimate == pytest.approx(contrast(values, chosen), abs=1e-12)
    assert found.p_value == pytest.approx(p_value(values, chosen))
    sets = itertools.combinations(range(7), len(chosen))
    larger = [s for s in sets if contrast(values, s) > found.estimate + 1e-9]
    assert found.rank == 1 + len(larger)


def test_p_value_is_scipys():
    values = small.normal("values", (9,)).astype(np.float64)
    found = set_contrast(values, (0, 6, 8))
    inside = np.isin(np.arange(9), (0, 6, 8))
    expected = stats.permutation_test(
        (values[inside], values[~inside]),
        lambda x, y: abs(np.mean(x) - np.mean(y)),
        permutation_type="independent",
        alternative="greater",
        n_resamples=np.inf,
        vectorized=False,
    )
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.n_sets == 84


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n_items", "level"), [(6, 0.85), (6, 0.8), (8, 0.8)])
def test_shifts_in_the_interval_are_those_not_rejected(seed, n_items, level):
    values = small.normal("values", (n_items,), seed).astype(np.float64)
    chosen = (0, 4, n_items - 1)
    found = set_contrast(values, chosen, level=level)
    shifts = found.estimate + np.linspace(-4, 4, 81)
    # the level itself, as far as floats can say it, rejects
    least = 1 - level + 1e-9
    kept = [p_value(shifted(values, chosen, d), chosen) > least for d in shifts]
    assert np.array_equal(kept, (shifts > found.low) & (shifts < found.high))
    assert found.low < found.estimate < found.high


@hypothesis.given(VALUES, st.integers(-8, 8).map(lambda x: x / 2))
def test_interval_moves_with_the_set(values, shift):
    chosen = (0, 5, 6)
    one = set_contrast(values, chosen)
    other = set_contrast(shifted(values, chosen, -shift), chosen)
    np.testing.assert_allclose(
        [other.estimate, other.low, other.high],
        np.array([one.estimate, one.low, one.high]) + shift,
        atol=1e-9,
    )


def test_interval_covers_the_shift_as_often_as_it_says():
    draws = np.asarray(jax.random.normal(jax.random.key(0), (400, 10)), np.float64)
    # 120 sets, so that exactly 6 of 120 values of the truth are left out
    found = [set_contrast(values, (0, 7, 9)) for values in draws]
    missed = np.mean([not one.low <= 0 <= one.high for one in found])
    # 0.05 expected; three standard errors of 400 draws
    assert abs(missed - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 400)


def test_too_few_sets_give_no_bounds():
    values = np.array([5.0, 0.1, 0.2, 0.3, 0.4])
    assert sets_needed(0.95) == 20
    assert sets_needed(0.99) == 100
    few = set_contrast(values, (0, 1, 2))  # 10 sets
    assert (few.low, few.high) == (-np.inf, np.inf)
    enough = set_contrast(np.append(values, [0.5, 0.6]), (0, 1, 2))
    assert np.isfinite([enough.low, enough.high]).all()


@pytest.mark.parametrize("chosen", [(), (0, 1, 2), (0, 0), (3,), (-1,)])
def test_what_is_no_set(chosen):
    with pytest.raises(ValueError, match="a set must have 1 to 2 of the items 0 to 2"):
        set_contrast(np.array([1.0, 2.0, 3.0]), chosen)


def test_what_cannot_be_compared():
    with pytest.raises(ValueError, match="finite"):
        set_contrast(np.array([1.0, np.nan, 2.0]), (0,))
    with pytest.raises(ValueError, match="sets, too many"):
        set_contrast(np.arange(40.0), range(20))

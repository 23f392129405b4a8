"""Disparity against float64, its invariants, and the case that it was made for."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.measure import disparity as disparities
from jaxdisp.stats import bootstrap
from tests.measure import cubes, oracles
from tests.measure.test_degradation import close

NAMES = ("mean", "worst", "max_min", "gini", "difference", "log_ratio")
CONTRAST = disparities.Contrast(low=("aa", "dd"), high=("bb",), rule="made up")
WEIGHTS = disparities.weights_of(CONTRAST, cubes.LANGUAGES)
LOSSES = st.lists(
    st.floats(0, 1e4, width=32, allow_subnormal=False), min_size=5, max_size=5
)


def measure(evaluation, weights=WEIGHTS, reference=None, groups=cubes.GROUPS):
    reference = cubes.reference() if reference is None else reference
    return disparities.disparity(
        evaluation, reference, groups, weights=weights, key=cubes.KEY
    )


def flat(*losses):
    """Configurations in which every sentence of a language loses the same."""
    rows = [np.repeat(np.array([row], float).T, 12, axis=1) for row in losses]
    return cubes.losing(*rows)


def test_estimates_and_intervals_equal_float64():
    level = np.array([[4.0], [2.0], [2.5], [3.0]])
    added = np.stack([level + cubes.noise("clear", 1), cubes.noise("noise", 2)])
    found = measure(cubes.losing(*added))
    counts = bootstrap.draw_counts(cubes.KEY, n_clusters=5)
    for config in range(2):
        for name in NAMES:

            def one(rows, config=config, name=name):
                losses = added[config][:, rows].mean(axis=1)
                return oracles.disparities(losses, low=(0, 3), high=(1,))[name]

            expected = oracles.measured(one, cubes.GROUPS, counts)
            interval = getattr(found, name)
            if np.isfinite(expected).all():
                close(interval, config, expected)
            else:
                assert np.isnan([interval.low[config], interval.high[config]]).all()
                assert np.isnan(interval.estimate[config]) == np.isnan(expected[0])
    assert np.isfinite(found.gini.low[0])
    assert np.isnan(found.gini.low[1])
    assert found.bounded.tolist() == [True, False]
    losses = added.mean(axis=-1)
    assert found.worst_language.tolist() == losses.argmax(axis=1).tolist()


def test_written_out():
    found = measure(flat([4.0, 1.0, 2.0, 3.0]))
    expected = {
        "mean": 2.5,
        "worst": 4.0,
        "max_min": 3.0,
        "gini": 0.25,  # gaps 3 2 1, 1 2, 1 in pairs: 20 / 16 / 5
        "difference": 2.5,  # (4 + 3) / 2 - 1
        "log_ratio": math.log(3.5),
    }
    for name, value in expected.items():
        interval = getattr(found, name)
        # no spread over texts, but a mean of 12 float32 may round
        for bound in (interval.estimate, interval.low, interval.high):
            assert bound[0] == pytest.approx(value, rel=1e-6), name
    assert found.bounded.tolist() == [True]
    assert found.worst_language.tolist() == [0]


@settings(max_examples=2)  # each compiles
@given(added=cubes.ADDED)
def test_hardness_of_a_language_its_unit_and_its_place_do_not_matter(added):
    one = measure(cubes.losing(added, 4 * added))
    harder = np.float32([[0.0], [8.0], [64.0], [0.5]])
    nll = np.asarray(cubes.losing(added, 4 * added).nll)
    moved = measure(
        cubes.evaluation(nll + harder[None]), reference=cubes.reference() + harder
    )
    order = np.array([2, 0, 3, 1])
    permuted = measure(
        cubes.evaluation(nll[:, order]),
        weights=WEIGHTS[:, order],
        reference=cubes.reference()[order],
    )
    for name in NAMES:
        scale = 1 if name in ("gini", "log_ratio") else 4
        for bound in ("estimate", "low", "high"):
            value = np.asarray(getattr(getattr(one, name), bound))
            np.testing.assert_array_equal(
                value, getattr(getattr(moved, name), bound), err_msg=name
            )
            # powers of 2 are exact; a logarithm of a ratio near 1 rounds
            np.testing.assert_allclose(
                value[1], scale * value[0], rtol=1e-6, atol=1e-6, err_msg=name
            )
            # sums over languages in another order: roundings of numbers up to 20, and
            # of their share in a mean that may be near 0
            permuted_value = np.asarray(getattr(getattr(permuted, name), bound))
            np.testing.assert_allclose(
                permuted_value[0], value[0], rtol=1e-3, atol=1e-4, err_msg=name
            )
    losses = added.mean(axis=1)
    assert losses[int(one.worst_language[0])] == losses.max()
    assert losses[order][int(permuted.worst_language[0])] == losses.max()


def test_without_a_contrast_only_its_measures_are_missing():
    weights = disparities.weights_of(None, cubes.LANGUAGES)
    found = measure(flat([4.0, 1.0, 2.0, 3.0]), weights=weights)
    for name in ("difference", "log_ratio"):
        assert np.isnan(getattr(found, name).estimate).all()
    assert not found.bounded.any()
    assert found.max_min.estimate[0] == pytest.approx(3.0)


def test_log_ratio_is_unbounded_unless_both_sides_lose():
    found = measure(
        flat(
            [4.0, 0.0, 2.0, 3.0],  # the high side loses nothing
            [4.0, -1.0, 2.0, 3.0],  # or gains
            [-4.0, 1.0, 2.0, 3.0],  # or the low side gains
            [-4.0, -1.0, -2.0, -3.0],  # or both do, and the ratio would look harmless
        )
    )
    assert np.isnan(found.log_ratio.estimate).all()
    assert not found.bounded.any()
    assert np.isfinite(found.difference.estimate).all()


def test_log_ratio_is_unbounded_where_a_side_is_not_above_noise():
    added = np.full((4, 12), 2.0)
    added[1] = [2, 2, 2, -3, -3, 1, 1, 1, 1, 9, -2, -2]  # mean above 0, in some texts
    found = measure(cubes.losing(added))
    assert np.isfinite(found.log_ratio.estimate).all()
    assert found.bounded.tolist() == [False]


@given(losses=LOSSES)
def test_gini_lies_from_0_to_1_and_equals_float64(losses):
    found = float(disparities.gini(jnp.asarray(losses, jnp.float32)))
    expected = oracles.gini([float(x) for x in losses])
    if math.isnan(expected):
        assert math.isnan(found)
        return
    assert 0 <= found < 1
    # 25 gaps are summed in float32
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
    # a fixed sum of powers of two scales exactly, anything else to roundings
    scaled = disparities.gini(jnp.asarray(losses, jnp.float32) * jnp.float32(8))
    assert float(scaled) == pytest.approx(found, rel=1e-6)


@given(value=st.floats(2**-20, 2**20, width=32))
def test_gini_of_equals_is_0(value):
    # five equal numbers have gaps of exactly 0
    assert float(disparities.gini(jnp.full(5, value, jnp.float32))) == 0


@pytest.mark.parametrize("losses", [[0.0] * 5, [-1.0, 2.0, 2.0, 2.0, 2.0], [-1.0] * 5])
def test_gini_is_undefined_where_a_language_gains_or_none_loses(losses):
    assert np.isnan(disparities.gini(jnp.asarray(losses, jnp.float32)))


def test_gini_of_one_loser_is_largest():
    found = disparities.gini(jnp.asarray([0, 0, 0, 0, 3], jnp.float32))
    assert float(found) == pytest.approx(0.8)  # (n - 1) / n


def test_levelling_down_is_flagged():
    found = measure(
        flat(
            [1.0, 0.25, 0.5, 0.5],  # the one compared with
            [1.0, 0.75, 0.5, 0.5],  # more equal only because bb loses more
            [0.5, 0.25, 0.5, 0.5],  # more equal because aa loses less
            [1.25, 1.0, 1.0, 1.0],  # more equal and all worse
            [2.0, 0.25, 0.5, 0.5],  # less equal
            [0.75, 0.375, 0.375, 0.375],  # bb, the high side, pays for the others
        )
    )
    assert disparities.levels_down(found, 0).tolist() == [
        False,
        True,
        False,
        True,
        False,
        True,
    ]


def test_measures_stay_finite_and_ordered_where_a_ratio_of_percentages_explodes():
    """The run for which 213.8x and 2.39x were both reported.

    In `mild` bb loses next to nothing, in `severe` every language loses more than in
    `mild`. The old measure, the percentage by which perplexity grows in aa over that in
    bb, falls from thousands to 4: it says that the severe one is far more equal.
    """
    mild = [2.0, 0.001, 1.0, 1.0]
    severe = [6.0, 2.0, 3.0, 3.0]
    tokens = 8  # per sentence, about
    percent = [np.expm1(np.array(row) / tokens) for row in (mild, severe)]
    old = [grown[0] / grown[1] for grown in percent]
    assert old[0] > 2000 > 5 > old[1]
    added = [np.array([row]).T + cubes.noise("tiny", 0.25) for row in (mild, severe)]
    pair = disparities.Contrast(low=("aa",), high=("bb",), rule="made up")
    weights = disparities.weights_of(pair, cubes.LANGUAGES)
    found = measure(cubes.losing(*added), weights=weights)
    for name in ("mean", "worst", "difference", "max_min"):
        interval = getattr(found, name)
        values = np.stack([interval.low, interval.estimate, interval.high])
        assert np.isfinite(values).all(), name
        assert np.abs(values).max() < 8  # nats, not thousands
        # each bound of the severe one is above that of the mild one
        assert np.all(values[:, 1] > values[:, 0]), name
    # the only ratio on offer says nothing where its denominator is noise
    assert found.bounded.tolist() == [False, True]
    expected = np.log(
        (6 + cubes.noise("tiny", 0.25)[0].mean())
        / (2 + cubes.noise("tiny", 0.25)[1].mean())
    )
    assert found.log_ratio.estimate[1] == pytest.approx(expected, rel=1e-5)


SIZES = {"aa": 10, "bb": 4000, "cc": 200, "dd": 200, "ee": 3000}


@pytest.mark.parametrize(
    ("languages", "reference", "low", "high"),
    [
        (("aa", "bb", "cc"), "bb", ("aa", "cc"), ("bb",)),
        (("xx", "bb"), "bb", ("xx",), ("bb",)),  # its size need not be known
        (("bb", "aa"), None, ("aa",), ("bb",)),
        (("ee", "dd", "cc", "bb", "aa"), None, ("aa", "cc"), ("ee", "bb")),
    ],
)
def test_contrasts(languages, reference, low, high):
    found = disparities.contrast(languages, SIZES, reference)
    assert found is not None
    assert (found.low, found.high) == (low, high)
    weights = disparities.weights_of(found, languages)
    for side, row in zip((low, high), weights, strict=True):
        expected = [(name in side) / len(side) for name in languages]
        np.testing.assert_allclose(row, expected)


@pytest.mark.parametrize("languages", [("aa", "xx"), ("aa",)])
def test_no_contrast_where_training_text_is_unknown(languages):
    assert disparities.contrast(languages, SIZES) is None


@pytest.mark.parametrize("languages", [("aa", "bb"), ("cc",)])
def test_references_that_cannot_be_compared_with(languages):
    message = r"^reference cc: must be one of at least two measured languages; measured"
    with pytest.raises(ValueError, match=message):
        disparities.contrast(languages, SIZES, "cc")


CHANGES = ("mean", "worst", "max_min")


def change(evaluation, target=0):
    return disparities.disparity_change(
        evaluation, cubes.reference(), cubes.GROUPS, target=target, key=cubes.KEY
    )


def test_changes_and_their_intervals_equal_float64():
    added = np.stack([cubes.noise("one", 2), cubes.noise("other", 2) + 1])
    found = change(cubes.losing(*added))
    assert set(found) == set(CHANGES)
    counts = bootstrap.draw_counts(cubes.KEY, n_clusters=5)
    for name in CHANGES:

        def one(rows, name=name):
            values = [
                oracles.disparities(a[:, rows].mean(axis=1), low=(0,), high=(1,))[name]
                for a in added.astype(np.float64)
            ]
            # float64 quotients, too, may round a tie with the estimate apart
            return round(values[0] - values[1], 9)

        close(found[name], 1, oracles.measured(one, cubes.GROUPS, counts))


def test_changes_are_differences_and_none_from_the_target_to_itself():
    added = [cubes.noise(name, 2) for name in ("a", "b", "c")]
    evaluation = cubes.losing(*added)
    levels = measure(evaluation)
    for target in (0, 2):
        found = change(evaluation, target)
        for name in CHANGES:
            estimate = np.asarray(getattr(levels, name).estimate)
            # one rounding of each
            np.testing.assert_allclose(
                found[name].estimate, estimate[target] - estimate, rtol=0, atol=1e-6
            )
            for bound in ("estimate", "low", "high"):
                assert getattr(found[name], bound)[target] == 0.0


def test_what_all_configurations_lose_alike_cancels_in_changes():
    """Resamples are paired: whatever is common has no part in the interval."""
    added = [cubes.noise(name, 2) for name in ("a", "b")]
    common = cubes.noise("common", 1)[:1] * 8  # one number per sentence
    before = change(cubes.losing(*added))
    after = change(cubes.losing(*(one + common for one in added)))
    for name in CHANGES:
        for bound in ("estimate", "low", "high"):
            # losses are larger by up to 30 nats, whose float32 sums round
            np.testing.assert_allclose(
                getattr(after[name], bound),
                getattr(before[name], bound),
                rtol=0,
                atol=2e-5,
            )
    wide = measure(cubes.losing(*(one + common for one in added)))
    width = wide.mean.high - wide.mean.low
    assert np.all(width > 3 * (after["mean"].high - after["mean"].low))

"""Effects of interventions: means, ratios, placebos, and their intervals over texts."""

import dataclasses

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

from jaxdisp.causal.interventions import measured_effects
from jaxdisp.causal.interventions.intervention import Intervention

KEY = jax.random.key(3)
LANGUAGES = ("de", "en", "ru")
GROUPS = (0, 0, 1, 2, 2, 2, 3, 4, 5, 5, 6, 7)


def noise(seed, shape=(3, 12)):
    return np.asarray(jax.random.normal(jax.random.key(seed), shape), np.float64)


def intervention(*, seed=0, effect=0.5, placebo=False, before=None):
    before = before or {"T": 1 + noise(seed) ** 2, "D": 4 + noise(seed + 1)}
    after = {
        name: value + effect * (1 + np.arange(3)[:, None]) + 0.1 * noise(seed + 2)
        for name, value in before.items()
    }
    return Intervention(
        target="T",
        kind="merge dropout",
        amount=0.1,
        unit="probability",
        placebo=placebo,
        languages=LANGUAGES,
        groups=GROUPS,
        before=before,
        after=after,
    )


def expected(found, name, scale):
    after, before = found.after[name].mean(axis=1), found.before[name].mean(axis=1)
    return np.log(after / before) if scale == "log ratio" else after - before


@pytest.mark.parametrize("scale", measured_effects.SCALES)
@pytest.mark.parametrize("subtracted", [False, True])
def test_an_effect_is_a_difference_of_means_or_its_logarithm(scale, subtracted):
    done = intervention()
    placebo = intervention(seed=7, effect=0.2, placebo=True, before=done.before)
    found = measured_effects.measure_effects(
        done, placebo if subtracted else None, key=KEY, scale=scale
    )
    assert (found.scale, found.beyond_placebo) == (scale, subtracted)
    for name in ("T", "D"):
        wanted = expected(done, name, scale)
        if subtracted:
            wanted = wanted - expected(placebo, name, scale)
        by_language, overall = found.by_language[name], found.overall[name]
        # float32 sums of twelve numbers of about 5
        assert np.allclose(by_language.estimate, wanted, rtol=0, atol=3e-6)
        assert np.isclose(overall.estimate, wanted.mean(), rtol=0, atol=3e-6)
        assert np.all(by_language.low < by_language.high)
        assert overall.low < overall.estimate < overall.high


def test_intervals_are_of_texts_not_of_sentences():
    of_texts = noise(5, (4,))
    change = np.repeat(of_texts, 3)
    done = intervention(effect=0.0)
    done = dataclasses.replace(
        done,
        groups=tuple(np.repeat(np.arange(4), 3).tolist()),
        after={name: value + change for name, value in done.before.items()},
    )
    found = measured_effects.measure_effects(done, key=KEY, draws=4000)
    # of sentences it would be smaller by the square root of 3
    wanted = np.full(3, np.std(of_texts) / np.sqrt(4))
    # 4000 draws know a standard deviation to 1.1 %
    assert found.by_language["D"].standard_error == pytest.approx(wanted, rel=0.05)
    # one text for all languages: their mean is no more certain than each
    assert np.allclose(
        found.overall["D"].standard_error,
        np.asarray(found.by_language["D"].standard_error),
        rtol=1e-3,
    )


def test_intervals_are_those_of_scipy_where_each_sentence_is_a_text():
    done = dataclasses.replace(intervention(), groups=tuple(range(12)))
    found = measured_effects.measure_effects(done, key=KEY, draws=8000)
    change = (done.after["D"] - done.before["D"])[1]
    theirs = stats.bootstrap(
        (change,), np.mean, n_resamples=8000, method="BCa", rng=0
    ).confidence_interval
    # ours are wider for the number of clusters: sqrt(12 / 11) t(11) / z
    wider = np.sqrt(12 / 11) * stats.t.ppf(0.975, 11) / stats.norm.ppf(0.975)
    ours = found.by_language["D"]
    assert (ours.high - ours.low)[1] == pytest.approx(
        wider * (theirs.high - theirs.low), rel=0.1
    )  # quantiles of 8000 draws in the tails, of both


def test_what_has_no_logarithm_has_no_bounds():
    done = intervention()
    after = done.after["D"].copy()
    after[1] = -1.0
    done = dataclasses.replace(done, after=done.after | {"D": after})
    found = measured_effects.measure_effects(done, key=KEY, scale="log ratio")
    assert np.isnan(found.by_language["D"].low).tolist() == [False, True, False]
    assert np.isnan(found.overall["D"].low)
    assert np.isfinite(found.overall["T"].low)


@hypothesis.settings(max_examples=10)
@hypothesis.given(
    scale=st.sampled_from(measured_effects.SCALES), seed=st.integers(0, 9)
)
def test_an_intervention_has_no_effect_beyond_itself(scale, seed):
    done = intervention(seed=seed)
    found = measured_effects.measure_effects(
        done, dataclasses.replace(done, placebo=True), key=KEY, scale=scale, draws=100
    )
    for name in ("T", "D"):
        for bound in ("estimate", "low", "high"):
            assert np.allclose(getattr(found.by_language[name], bound), 0, atol=1e-7)


def test_what_cannot_be_compared_is_refused():
    done = intervention()
    others = dataclasses.replace(done, groups=GROUPS[::-1])
    with pytest.raises(ValueError, match="placebo has other groups"):
        measured_effects.measure_effects(done, others, key=KEY)
    fewer = dataclasses.replace(done, after={"D": done.after["D"]})
    with pytest.raises(ValueError, match="variables differ: T, D before, D elsewhere"):
        measured_effects.measure_effects(fewer, key=KEY)
    with pytest.raises(ValueError, match="must be one of change, log ratio, got sum"):
        measured_effects.measure_effects(done, key=KEY, scale="sum")


def test_placebos_belong_to_what_they_follow():
    first, second = intervention(), intervention(seed=1)
    placebos = [intervention(seed=seed, placebo=True) for seed in (2, 3)]
    found = measured_effects.with_placebos([first, *placebos, second])
    assert found == ((first, tuple(placebos)), (second, ()))
    with pytest.raises(ValueError, match="merge dropout is a placebo of nothing"):
        measured_effects.with_placebos([placebos[0], first])
    assert measured_effects.with_placebos([]) == ()

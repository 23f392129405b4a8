"""Information that quantized states keep: against known noise and direct formulas."""

import jax
import numpy as np
import pytest

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import kept_information as kept
from jaxdisp.measure import states
from jaxdisp.models import model as models
from jaxdisp.models.quantized import Quantizer, quantize

KEY = jax.random.key(2)
N, WIDTH, TEXTS = 1200, 24, 6


def normal(number, shape):
    key = jax.random.fold_in(KEY, number)
    return np.asarray(jax.random.normal(key, shape))


def planted(noise):
    """Three layers of independent channels of unequal size, and noise in proportion."""
    scale = np.linspace(3, 1, WIDTH, dtype=np.float32)
    full = normal(0, (3, N, WIDTH)) * scale
    power = np.array(noise, np.float32)[:, None, None]
    return full, full + power * scale * normal(1, (3, N, WIDTH))


def measured(full, rounded):
    group = np.arange(N) * TEXTS // N
    return kept.kept_information(full, rounded, group, n_groups=TEXTS, key=KEY)


def test_known_noise_gives_the_bits_of_a_gaussian_channel():
    noise = np.array([0.1, 0.5, 2.0])
    found = measured(*planted(noise))
    # the error of a component's mutual information is about sqrt(2 / n) nats
    near = {"rtol": 0, "atol": 0.03}
    np.testing.assert_allclose(found.bits, 0.5 * np.log2(1 + noise**-2), **near)
    np.testing.assert_allclose(found.signal, -np.log2(noise), **near)
    np.testing.assert_allclose(found.noise, noise, rtol=0.03)
    assert np.all(found.moved < found.noise)
    assert np.all(np.diff(found.moved) > 0)


def test_independent_states_keep_nothing():
    full, _ = planted([1, 1, 1])
    found = measured(full, normal(7, full.shape))
    # uncorrected, it would be 16 / (2 n ln 2) = 0.01
    np.testing.assert_allclose(found.bits, 0, atol=0.004)
    assert np.all(found.signal < 0)


def test_a_linear_map_is_noise_to_effective_bits_and_no_loss_of_information():
    full, rounded = planted([0.1, 0.5, 2.0])
    found, mapped = measured(full, rounded), measured(full, 0.5 * rounded + 1)
    np.testing.assert_allclose(mapped.bits, found.bits, atol=1e-5)
    assert np.all(mapped.signal[:2] < found.signal[:2] - 0.4)


def test_each_text_is_left_out():
    full, rounded = planted([0.1, 0.5, 2.0])
    found = measured(full, rounded)
    both = kept.components(full[1], rounded[1])
    assert both.shape == (N, 2 * kept.COMPONENTS)
    rest = np.cov(both[N // TEXTS :].T)
    count, n = kept.COMPONENTS, N - N // TEXTS
    parts = [rest[:count, :count], rest[count:, count:], rest]
    sizes = [np.linalg.slogdet(part)[1] for part in parts]
    raw = (sizes[0] + sizes[1] - sizes[2]) / (2 * count * np.log(2))
    # the correction is about a half of the channels of the other side over n, in nats
    expected = raw - count / (2 * n * np.log(2))
    assert found.left_out[0, 1] == pytest.approx(expected, abs=1e-3)
    assert found.left_out.shape == (TEXTS, 3)


def test_equal_states_keep_everything_and_constant_ones_are_no_number():
    full, _ = planted([1, 1, 1])
    same = measured(full, full)
    assert np.all(same.bits > 15)  # as many as float64 can tell
    assert np.all(same.signal == np.inf)
    np.testing.assert_array_equal(same.moved, 0)
    constant = measured(full[:1], full[:1])
    assert constant.bits.shape == (1,)


def test_neighbours_agree_with_the_gaussian_where_states_are_gaussian():
    full, rounded = planted([0.5, 0.5, 0.5])
    found = kept.check_neighbours(full[0], rounded[0])
    truth = 0.5 * np.log2(1 + 4)
    # sampling error of 1000 tokens, and what neighbours fall short by
    assert found.gaussian == pytest.approx(truth, abs=0.1)
    assert found.neighbours == pytest.approx(truth, abs=0.12)
    few = kept.check_neighbours(full[0, :20], rounded[0, :20])
    assert np.isnan(few.neighbours)
    assert np.isnan(few.gaussian)


def test_two_more_bits_of_a_word_keep_about_two_more_bits():
    """The embedded model: steps of 31 levels against 7 are 2.15 binary digits finer."""
    text = corpora.spread(corpora.load_corpus(languages=["en"]), 16)
    model = models.load()
    taps = []
    for bits in (None, 4, 6):
        rounded = () if bits is None else (quantize(model, Quantizer(bits=bits)),)
        versions = rounded or (model.params,)
        ((_, found),) = states.language_states(
            model, text, versions=versions, assignment=[int(bits is not None)] * 12
        )
        taps.append(found.values[1:, found.place > 0])
    group = np.arange(taps[0].shape[1]) * 4 // taps[0].shape[1]
    coarse, fine = (
        kept.kept_information(taps[0], each, group, n_groups=4, key=KEY)
        for each in taps[1:]
    )
    gained = fine.signal - coarse.signal
    # errors of layers add up, and 4 bits are no longer small noise
    np.testing.assert_allclose(gained, np.log2(31 / 7), rtol=0, atol=0.35)
    assert np.all(fine.bits > coarse.bits + 1.5)

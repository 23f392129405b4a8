"""Schemes of a tiny model: losses one by one, sizes by hand, and what is chosen."""

import dataclasses
import math

import numpy as np
import pytest

from jaxdisp.claims import losses, schemes
from jaxdisp.measure import cube
from tests.claims.subject import tiny

WORDS = (8, 2)


@pytest.fixture(scope="module")
def found():
    return schemes.measured(tiny(), WORDS)


def test_losses_and_scores_one_by_one(found):
    subject = tiny()
    n_tokens = np.asarray(cube.sizes(subject.model, subject.few)[0], float)
    low, high = (subject.few.languages.index(name) for name in ("ru", "en"))
    full = losses.evaluate(subject, np.zeros((1, 3), int))[0]
    place = 1
    for bits in WORDS:
        changed = dataclasses.replace(
            subject, quantizer=dataclasses.replace(subject.quantizer, bits=bits)
        )
        for sites in ([1, 1, 1], [0, 1, 0]):
            nll = losses.evaluate(changed, np.array([sites]))[0]
            added = nll - full
            # single precision
            assert found.worst[place] == pytest.approx(
                added.mean(axis=1).max(), abs=1e-4
            )
            assert found.mean[place] == pytest.approx(added.mean(), abs=1e-4)
            sums = [added[x].sum() / n_tokens[x].sum() for x in (low, high)]
            if min(sums) > 1e-4:
                gain = 16 / found.bits[place]
                expected = math.sqrt(gain * sums[1] / sums[0])
                assert found.score[place, 0] == pytest.approx(expected, rel=1e-2)
                expected = math.sqrt(gain * math.expm1(sums[1]) / math.expm1(sums[0]))
                assert found.score[place, 1] == pytest.approx(expected, rel=1e-2)
            place += 1
    uniform = n_tokens * math.log(subject.model.config.vocabulary) - full
    assert found.worst[-1] == pytest.approx(uniform.mean(axis=1).max(), rel=1e-5)


def test_sizes(found):
    assert found.names == (
        "full precision",
        "8 bits",
        "8 bits, ends kept",
        "2 bits",
        "2 bits, ends kept",
        "1 bit, noise",
    )
    assert (found.bits[0], found.bits[-1]) == (16.0, 1.0)
    # one of three layers is rounded; 16-bit scales of small matrices count
    assert found.bits[2] == pytest.approx((2 * 16 + found.bits[1]) / 3)
    assert 8 < found.bits[1] < 8.5
    assert found.n_bytes[0] == 16 * found.n_bytes[-1]


def test_scores_of_full_precision_and_of_noise(found):
    np.testing.assert_array_equal(found.score[0], [1, 1])
    np.testing.assert_array_equal(found.score[-1], [4, 4])


def planted():
    """The third scheme is the smallest and fairest, and useless."""
    return schemes.Schemes(
        names=("full precision", "small", "1 bit, noise"),
        bits=np.array([16.0, 4.0, 1.0]),
        n_bytes=np.array([16.0, 4.0, 1.0]),
        worst=np.array([0.0, 1.0, 90.0]),
        mean=np.array([0.0, 0.5, 90.0]),
        score=np.array([[1.0, 1.0], [1.2, 0.8], [4.0, np.nan]]),
    )


def test_score_chooses_noise_and_the_floor_does_not():
    one = planted()
    assert schemes.first_by_score(one, "nats") == "1 bit, noise"
    assert schemes.turned_round(one) == (1, 1)
    chosen = schemes.choose(one, 2.0)
    assert chosen.front.tolist() == [True, True, False]
    assert (chosen.smallest, chosen.fairest) == (1, 0)


def test_needs_to_know_the_sides():
    subject = tiny()
    model = dataclasses.replace(subject.model, training_bytes={})
    with pytest.raises(ValueError, match="trained on"):
        schemes.measured(dataclasses.replace(subject, model=model), WORDS)

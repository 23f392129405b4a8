"""Ratios in four units against the notes' table, and against sums typed out."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.measure.loss_ratios import UNITS, Size, nats, ratios

HEBREW = Size(tokens=46.0, bytes=67.0, sentences=1.0)
ENGLISH = Size(tokens=9.0, bytes=44.0, sentences=1.0)


def test_equals_the_published_runs():
    # exp034_result.json: per cent of perplexity of Hebrew and English; the ratios are
    # recomputed with math.log from the perplexities themselves
    baseline, rounded = (9.098283767700195, 162.47152709960938), (88412.4140625, 7545.5)
    low, high = (
        math.log(after / before)
        for after, before in zip(rounded, baseline, strict=True)
    )
    percent = np.array([971648.258461368]), np.array([4544.200465563847])
    found = ratios(*map(nats, percent), low_size=HEBREW, high_size=ENGLISH)
    # English after rounding is given to six digits
    assert found.token[0] == pytest.approx(low / high, rel=1e-6)
    assert found.sentence[0] == pytest.approx(46 * low / (9 * high), rel=1e-6)
    assert found.byte[0] == pytest.approx((46 * low / 67) / (9 * high / 44), rel=1e-6)
    assert found.perplexity[0] == pytest.approx(213.8216097253107, rel=1e-12)


LOSS = st.floats(1e-3, 20.0)


@settings(max_examples=50, deadline=None)
@given(LOSS, LOSS, st.floats(1.0, 50.0), st.floats(1.0, 200.0))
def test_equal_texts_have_one_ratio_but_for_perplexity(low, high, tokens, size):
    same = Size(tokens=tokens, bytes=size, sentences=2.0)
    found = ratios(np.array([low]), np.array([high]), low_size=same, high_size=same)
    for unit in UNITS[1:]:
        assert getattr(found, unit)[0] == pytest.approx(low / high, rel=1e-12)
    # the exponential exaggerates, whichever side loses more
    assert abs(math.log(found.perplexity[0])) >= abs(math.log(low / high)) - 1e-9


@given(st.floats(-99.0, 1e6))
def test_nats_undo_per_cent(percent):
    back = 100 * math.expm1(nats(np.array([percent]))[0])
    assert back == pytest.approx(percent, rel=1e-9, abs=1e-9)


def test_refuses():
    one = np.ones(1)
    with pytest.raises(ValueError, match="above -100"):
        nats(np.array([5.0, -100.0]))
    with pytest.raises(ValueError, match="high side"):
        ratios(one, 0 * one, low_size=HEBREW, high_size=ENGLISH)

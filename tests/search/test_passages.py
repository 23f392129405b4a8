"""Passages list the places where a token is predicted, and no other."""

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.search import passages


@st.composite
def batches(draw):
    """Rows padded on the right, with noise there, of which all is scored or the end."""
    n_devices = draw(st.integers(1, 3))
    n_sentences, n_tokens = n_devices * draw(st.integers(1, 3)), draw(st.integers(1, 6))
    shape = (n_sentences, n_tokens)
    tokens = draw(hnp.arrays(np.int32, shape, elements=st.integers(1, 99)))
    sizes = hnp.arrays(int, n_sentences, elements=st.integers(0, n_tokens))
    places = np.arange(n_tokens)
    given_ = hnp.arrays(int, n_sentences, elements=st.integers(1, 3))
    scored = (places < draw(sizes)[:, None]) & (places >= draw(given_)[:, None])
    return n_devices, tokens, scored


def predicted(tokens, scored, device, n_devices):
    """Place among the device's tokens, number of the sentence and token, by loops."""
    each = len(tokens) // n_devices
    found = []
    for sentence in range(device * each, (device + 1) * each):
        for token in range(tokens.shape[1] - 1):
            if scored[sentence, token + 1]:
                place = (sentence - device * each) * tokens.shape[1] + token
                found.append((place, sentence, int(tokens[sentence, token + 1])))
    return found


@given(batches(), st.integers(0, 4))
def test_rows_are_those_of_loops(batch, spare):
    n_devices, tokens, scored = batch
    expected = [predicted(tokens, scored, n, n_devices) for n in range(n_devices)]
    needed = passages.rows_needed(scored, n_devices)
    assert needed == max(map(len, expected))
    found = passages.passage(tokens, scored, n_rows=needed + spare, n_devices=n_devices)
    sentences = passages.sentences(found)
    assert found.tokens is tokens
    for device, rows in enumerate(expected):
        n = len(rows)
        assert found.counted[device].tolist() == [True] * n + [False] * (
            needed + spare - n
        )
        listed = zip(
            found.rows[device, :n].tolist(),
            sentences[device, :n].tolist(),
            found.targets[device, :n].tolist(),
            strict=True,
        )
        assert list(listed) == rows
        assert not found.rows[device, n:].any()
        assert not found.targets[device, n:].any()


@given(batches())
def test_what_is_not_scored_never_matters(batch):
    n_devices, tokens, scored = batch
    noisy = np.where(scored, tokens, 7)
    n_rows = passages.rows_needed(scored, n_devices)
    options = {"n_rows": n_rows, "n_devices": n_devices}
    found = passages.passage(tokens, scored, **options)
    again = passages.passage(noisy, scored, **options)
    np.testing.assert_array_equal(found.rows, again.rows)
    np.testing.assert_array_equal(found.targets, again.targets)
    # every token that is scored is predicted once
    rows = passages.sentences(found)[found.counted]
    counts = np.bincount(rows, minlength=len(scored))
    np.testing.assert_array_equal(counts, scored.sum(axis=1))

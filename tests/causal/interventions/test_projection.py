"""Projection onto leading directions: the algebra in float64, and what is measured."""

import functools as ft
import pathlib
import tempfile

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxdisp
from jaxdisp.causal.interventions import projection
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import states
from jaxdisp.models.quantized import Quantizer
from tests.measure import tiny

TAP = 2


@ft.cache
def inputs():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        texts = {name: lines[:4] for name, lines in tiny.TEXTS.items()}
        tiny.write_corpus(directory / "corpus", texts, tiny.GROUPS[:4])
        model = jaxdisp.models.load(tiny.write_model(directory / "model"))
        lines = corpora.load_corpus(directory / "corpus")
    return model, lines


@ft.cache
def found():
    return projection.spread(*inputs(), tap=TAP)


@ft.cache
def rows():
    each = [own for _, own in states.language_states(*inputs())]
    return np.concatenate([own.values[TAP][own.place > 0] for own in each]).astype(
        float
    )


def test_directions_are_those_of_a_singular_value_decomposition():
    mean = rows().mean(axis=0)
    np.testing.assert_allclose(found().mean, mean, atol=1e-6)
    _, sizes, directions = np.linalg.svd(rows() - mean)
    np.testing.assert_allclose(
        found().variances, sizes**2 / len(rows()), atol=1e-6 * sizes[0] ** 2
    )
    alike = np.abs(np.sum(found().directions * directions.T, axis=0))
    np.testing.assert_allclose(alike, 1, atol=1e-5)  # signs are free


@settings(max_examples=30)
@given(
    sizes=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=8),
    share=st.floats(0.01, 1),
)
def test_no_fewer_directions_would_do(sizes, share):
    variances = np.sort(np.array(sizes))[::-1]
    count = projection.directions_kept(variances, share)
    held = variances[:count].sum() / variances.sum()
    assert held >= share - 1e-9
    assert count == 1 or variances[: count - 1].sum() / variances.sum() < share


@settings(max_examples=10)
@given(share=st.floats(0.05, 0.9), seed=st.integers(0, 99))
def test_random_directions_hold_the_variance_asked_for(share, seed):
    lost = share * float(found().variances.sum())
    drawn = projection.random_directions(found(), lost, key=jax.random.key(seed))
    np.testing.assert_allclose(drawn.T @ drawn, np.eye(drawn.shape[1]), atol=1e-6)
    centred = rows() - rows().mean(axis=0)
    along = np.mean((centred @ drawn) ** 2, axis=0)
    # no direction more or less would come nearer, up to the last one's own variance
    assert abs(along.sum() - lost) <= max(float(found().variances[0]), along[-1])


def test_states_keep_what_is_left_and_their_mean():
    gone, kept = found().directions[:, 5:], found().directions[:, :5]
    edit = projection.removal(found(), gone, tap=TAP, shape=(3, 4))
    assert (edit.tap, edit.shift.shape) == (TAP, (3, 4, len(gone)))
    after = rows() @ edit.linear + edit.shift[2, 1]
    # float32, states of about 10
    np.testing.assert_allclose((after - found().mean) @ gone, 0, atol=1e-4)
    np.testing.assert_allclose(after @ kept, rows() @ kept, atol=1e-4)


def test_what_is_carried_out():
    model, corpus = inputs()
    whole, placebo_of_whole, part, placebo = (
        *carried(share=1.0),
        *carried(share=0.7),
    )
    for name in "TARD":
        # nothing is taken away: float32 products with the identity
        np.testing.assert_allclose(
            whole.after[name], whole.before[name], atol=2e-4, rtol=1e-4
        )
    assert (whole.amount, placebo_of_whole.placebo) == (0, True)
    kept = projection.directions_kept(found().variances, 0.7)
    assert part.amount == model.config.width - kept
    assert 0 < placebo.amount < part.amount
    np.testing.assert_array_equal(part.after["T"], part.before["T"])
    for each in (part, placebo):
        assert np.all(each.after["R"] != each.before["R"])
        assert np.all(each.after["D"] != each.before["D"])
    assert part.languages == corpus.languages


def carried(share):
    return projection.carry_out(
        *inputs(),
        Quantizer(bits=3),
        tap=TAP,
        reference=1,
        key=jax.random.key(0),
        shares=(share,),
    )


def test_what_is_refused():
    with pytest.raises(ValueError, match="tap must be from 0 to 3, got 4"):
        projection.spread(*inputs(), tap=4)
    with pytest.raises(ValueError, match="at most 1, got 0"):
        projection.directions_kept(np.ones(3), 0.0)
    with pytest.raises(ValueError, match="at least one share"):
        projection.carry_out(
            *inputs(),
            Quantizer(),
            tap=1,
            reference=0,
            key=jax.random.key(0),
            shares=(),
        )

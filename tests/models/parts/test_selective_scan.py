import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as Spec

from jaxdisp.models.parts import selective_scan as scans
from tests.models import small

SENTENCES, TOKENS, STATE = 2, 11, 3
CHANNELS = 4
HEADS, GROUPS = 4, 2
NAMES = ("value", "step", "rate", "write", "read", "skip")
SHAPES = {
    "by channel": (
        (SENTENCES, TOKENS, CHANNELS),
        (SENTENCES, TOKENS, CHANNELS),
        (CHANNELS, STATE),
        (SENTENCES, TOKENS, STATE),
        (SENTENCES, TOKENS, STATE),
        (CHANNELS,),
    ),
    "by head": (
        (SENTENCES, TOKENS, HEADS, CHANNELS),
        (SENTENCES, TOKENS, HEADS),
        (HEADS,),
        (SENTENCES, TOKENS, GROUPS, STATE),
        (SENTENCES, TOKENS, GROUPS, STATE),
        (HEADS,),
    ),
}
LENGTHS = (4, 16)  # of chunks: 4 does not divide the tokens, 16 is more
BY_CHANNEL = {"token by token": scans.by_token} | {
    f"chunks of {length}": ft.partial(scans.by_chunk, chunk=length)
    for length in LENGTHS
}
BY_HEAD = {
    f"heads, chunks of {length}": ft.partial(scans.dual_scan, chunk=length)
    for length in LENGTHS
}
FORMS = {
    name: (form, "by channel" if name in BY_CHANNEL else "by head")
    for name, form in (BY_CHANNEL | BY_HEAD).items()
}
each_form = pytest.mark.parametrize(("form", "kind"), FORMS.values(), ids=FORMS)


def floats(low, high):
    return st.floats(low, high, width=32, allow_subnormal=False)


@st.composite
def inputs(draw, kind, longest=4.0, fastest=8.0):
    """Values, steps, rates, writes, reads and skips."""
    elements = dict.fromkeys(NAMES, floats(-4, 4))
    elements |= {"step": floats(0, longest), "rate": floats(-fastest, -1 / 64)}
    return tuple(
        draw(hnp.arrays(np.float32, shape, elements=elements[name]))
        for name, shape in zip(NAMES, SHAPES[kind], strict=True)
    )


def loops(value, step, rate, write, read, skip):
    """One number of the state after another, in float64."""
    value, step, rate, write, read, skip = (
        np.asarray(each, np.float64) for each in (value, step, rate, write, read, skip)
    )
    found = skip * value
    for sentence, channel, place in np.ndindex(SENTENCES, value.shape[2], STATE):
        state = 0.0
        for token in range(TOKENS):
            dt, x = step[sentence, token, channel], value[sentence, token, channel]
            state *= np.exp(dt * rate[channel, place])
            state += dt * write[sentence, token, place] * x
            found[sentence, token, channel] += read[sentence, token, place] * state
    return found


def expected(arguments, kind):
    """What `loops` give; those of a head channel by channel, all of one rate."""
    if kind == "by channel":
        return loops(*arguments)
    value, step, rate, write, read, skip = arguments
    found = np.zeros(value.shape)
    for head in range(HEADS):
        group = head // (HEADS // GROUPS)
        found[:, :, head] = loops(
            value[:, :, head],
            np.repeat(step[:, :, head, None], CHANNELS, axis=2),
            np.full((CHANNELS, STATE), rate[head]),
            write[:, :, group],
            read[:, :, group],
            np.full(CHANNELS, skip[head]),
        )
    return found


@each_form
def test_equal_to_loops(form, kind):
    function = jax.jit(form)

    @given(arguments=inputs(kind))
    def equal(arguments):
        sizes = [np.abs(each) for each in arguments]
        sizes[2] = 0 * arguments[2]
        # float32 has 24 bits, sums have 11 terms; a decay to exp(-s) is off by a share
        # of s, so by no more than a rounding error of what has not decayed
        bound = 2e-6 * expected(sizes, kind) + 1e-30
        off = np.abs(function(*arguments) - expected(arguments, kind))
        assert np.all(off <= bound)

    equal()


@each_form
def test_no_digits_are_lost_by_what_has_passed_before(form, kind):
    arguments = [
        small.normal(name, shape)
        for name, shape in zip(NAMES, SHAPES[kind], strict=True)
    ]
    arguments[1] = np.full(SHAPES[kind][1], 1 / 64, np.float32)
    arguments[1][:, :8] = 50.0
    arguments[2] = -8 - np.abs(arguments[2])
    found, exact = (
        f(*arguments) for f in (jax.jit(form), lambda *a: expected(a, kind))
    )
    # of about 30; differences of sums of about 4000 would be off by 1e-4 of them
    np.testing.assert_allclose(found[:, 8:], exact[:, 8:], rtol=0, atol=1e-4)


@each_form
def test_later_tokens_change_nothing(form, kind):
    function = jax.jit(form)

    @given(arguments=inputs(kind), others=inputs(kind), cut=st.integers(1, TOKENS - 1))
    def equal(arguments, others, cut):
        later = np.arange(TOKENS) >= cut
        mixed = tuple(
            np.where(later.reshape(1, -1, *(1,) * (one.ndim - 2)), other, one)
            if name in ("value", "step", "write", "read")
            else one
            for name, one, other in zip(NAMES, arguments, others, strict=True)
        )
        before, after = function(*arguments), function(*mixed)
        np.testing.assert_array_equal(before[:, :cut], after[:, :cut])

    equal()


@each_form
def test_derivatives_are_finite_whatever_decays(form, kind):
    def total(*arguments):
        return jnp.sum(jnp.sin(form(*arguments)))

    gradient = jax.jit(jax.grad(total, argnums=range(6)))

    @given(arguments=inputs(kind, longest=128.0, fastest=1024.0))
    def finite(arguments):
        for slope, argument in zip(gradient(*arguments), arguments, strict=True):
            assert slope.shape == argument.shape
            assert np.all(np.isfinite(slope))

    finite()


@each_form
def test_devices_may_divide_the_sentences(form, kind):
    mesh = jax.make_mesh((1,), ("device",), axis_types=(AxisType.Auto,))
    by_sentence = [name in ("value", "step", "write", "read") for name in NAMES]
    divided = jax.shard_map(
        form,
        mesh=mesh,
        in_specs=tuple(Spec("device") if each else Spec() for each in by_sentence),
        out_specs=Spec("device"),
    )
    drawn = [
        small.normal(name, shape)
        for name, shape in zip(NAMES, SHAPES[kind], strict=True)
    ]
    drawn[1], drawn[2] = np.abs(drawn[1]), -np.abs(drawn[2])
    np.testing.assert_array_equal(jax.jit(divided)(*drawn), jax.jit(form)(*drawn))


@pytest.mark.parametrize("length", [4, 16])
def test_derivatives_do_not_depend_on_the_form(length):
    def gradient(form):
        def total(*arguments):
            return jnp.sum(jnp.square(form(*arguments)))

        return jax.jit(jax.grad(total, argnums=range(6)))

    forms = [
        gradient(form)
        for form in (scans.by_token, ft.partial(scans.by_chunk, chunk=length))
    ]

    @given(arguments=inputs("by channel"))
    def equal(arguments):
        for one, other in zip(*(form(*arguments) for form in forms), strict=True):
            scale = 1 + np.max(np.abs(one))
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * scale)

    equal()


@pytest.mark.parametrize(
    ("backend", "name"), [("cpu", "by_token"), ("gpu", "by_chunk")]
)
def test_the_form_follows_the_backend(backend, name, monkeypatch):
    arguments = tuple(jnp.ones(shape) for shape in SHAPES["by channel"])
    called = []
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(scans, name, lambda *given: called.append(given) or given[0])
    assert scans.selective_scan(*arguments) is arguments[0]
    assert called == [arguments]


def test_what_is_held(monkeypatch):
    assert scans.held(6, 4, 8) == 2 * 6 * 4 / 8
    assert scans.held(5, 1, 8) == 2
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert scans.held(6, 4, 64) == 4 * scans.TOKENS_AT_ONCE * 6 * 4 / 64
    assert scans.held(6, 4, 8) == 4 * 6 * 4
    assert scans.dual_held(3, 5, 4, 8) == 3 * 2 * 8
    assert scans.dual_held(3, 5, 4, 8, chunk=4) == 3 * (2 * 4 + 2 * 5 * 4 / 8)

"""Every patch against a forward pass of its own, and what patching cannot change."""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.models import Quantizer, decoder, patching, quantize
from tests.models.architectures import drawn, every

KINDS = ("gpt2", "gemma2", "mamba")
LENGTHS = np.array([6, 9, 4])
FULL, ROUNDED = np.array([0, 0, 0, 0]), np.array([1, 1, 1, 0])
N_LAYERS = 3


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Models that are rounded coarsely, so that patches matter."""

    @ft.cache
    def one(kind):
        directory = tmp_path_factory.mktemp(kind)
        model = drawn.load(directory, every.entries(kind))
        return model, (model.params, quantize(model, Quantizer(bits=2)))

    return one


def sheet(patches):
    """Three sentences of unequal length with patches `(name of field: values)`."""
    n_tokens = int(LENGTHS.max())
    mask = np.arange(n_tokens) < LENGTHS[:, None]
    tokens = np.where(mask, 1 + np.arange(3 * n_tokens).reshape(3, -1) * 7 % 250, 0)
    arrays = {name: np.asarray(values, np.int32) for name, values in patches.items()}
    return patching.Sheet(
        tokens=tokens.astype(np.int32), mask=mask, patches=patching.Patches(**arrays)
    )


def one_patch(**changes):
    known = {"recipient": 1, "tap": 2, "site": 0, "sentence": 0, "donor": 0}
    values = known | {"start": 0, "stop": 9} | changes
    return sheet({name: [value] for name, value in values.items()})


def drawn_patches(seed, number):
    """Random patches of all kinds."""
    bits = jax.random.bits(jax.random.key(seed), (7, number), np.uint32)
    draws = np.asarray(bits, np.int64)
    sentence = draws[3] % 3
    start = draws[5] % LENGTHS[sentence]
    return sheet(
        {
            "recipient": draws[0] % 2,
            "tap": 1 + draws[1] % N_LAYERS,
            "site": draws[2] % len(patching.SITES),
            "sentence": sentence,
            "donor": np.where(draws[4] % 3, sentence, draws[4] % 7 % 3),
            "start": start,
            "stop": start + 1 + draws[6] % (LENGTHS[sentence] - start),
        }
    )


def trace(model, versions, given_, runs=(FULL, ROUNDED), rows=9):
    args = (model.architecture, model.config, versions, np.stack(runs))
    return patching.trace(*args, [given_], rows=rows)[0]


@ft.cache
def forward(architecture, config):
    """States and losses of a run, perhaps patched, as `decoder` has them."""

    def one(versions, site, tokens, mask, values, where):
        args = (architecture, config, versions, site, tokens)
        logits = decoder.patched_logits(*args, values, where)
        losses = decoder.token_losses(logits, tokens, mask)
        return decoder.hidden_states(*args)[0], losses

    return jax.jit(one)


def run(model, versions, given_, site, put=None, where=None):
    width, shape = model.config.width, (N_LAYERS + 1, *given_.tokens.shape)
    put = np.zeros((*shape, width), np.float32) if put is None else put
    where = np.zeros(shape, bool) if where is None else where
    arrays = map(jnp.asarray, (given_.tokens, given_.mask, put, where))
    site = jnp.asarray(site, jnp.int32)
    states, losses = forward(model.architecture, model.config)(versions, site, *arrays)
    return np.asarray(states, np.float64), np.asarray(losses, np.float64)


def one_by_one(model, versions, given_, runs):
    """The changes by a forward pass for each patch."""
    found = [run(model, versions, given_, site) for site in runs]
    states = np.stack([each for each, _ in found])
    before = np.stack([losses.sum(1) for _, losses in found])
    changes = []
    for n in range(len(given_.patches.tap)):
        one = {k: int(v[n]) for k, v in vars(given_.patches).items()}
        r, tap, s, u = (one[k] for k in ("recipient", "tap", "sentence", "donor"))
        place = np.minimum(np.arange(given_.tokens.shape[1]), LENGTHS[u] - 1)
        theirs, ours = states[1 - r][:, u, place], states[r][:, u, place]
        values = {
            "state": theirs[tap],
            "update": states[r, tap - 1, s] + theirs[tap] - theirs[tap - 1],
            "correction": states[r, tap, s] + theirs[tap] - ours[tap],
        }[patching.SITES[one["site"]]]
        put = np.zeros(states.shape[1:], np.float32)
        where = np.zeros(put.shape[:-1], bool)
        put[tap, s] = values
        where[tap, s, one["start"] : one["stop"]] = True
        after = run(model, versions, given_, runs[r], put, where)[1].sum(1)
        changes.append(after[s] - before[r, s])
    return np.array(changes), before


@pytest.mark.parametrize("kind", KINDS)
def test_equals_a_forward_pass_for_every_patch(kind, models):
    model, versions = models(kind)
    given_ = drawn_patches(3, 40)
    found = trace(model, versions, given_, rows=45)  # 5 at a time
    expected, losses = one_by_one(model, versions, given_, (FULL, ROUNDED))
    # sums of up to 60 nats in float32, in another order: found 2e-5 apart
    np.testing.assert_allclose(found.losses, losses, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.changes, expected, rtol=0, atol=1e-4)
    assert np.median(np.abs(expected)) > 1e-3  # most patches do something


def test_mixed_runs_and_parameters_outside_the_layers(models):
    model = models("gpt2")[0]
    every_one = Quantizer(bits=2, include=("all",))
    versions = (model.params, quantize(model, every_one))
    runs = (np.array([0, 1, 0, 1]), np.array([1, 0, 0, 0]))
    given_ = drawn_patches(3, 40)
    found = trace(model, versions, given_, runs, rows=45)
    expected, losses = one_by_one(model, versions, given_, runs)
    np.testing.assert_allclose(found.losses, losses, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.changes, expected, rtol=0, atol=1e-4)


@settings(max_examples=5)
@given(
    tap=st.integers(0, N_LAYERS),
    sentence=st.integers(0, 2),
    recipient=st.integers(0, 1),
)
def test_everything_patched_is_the_donor_from_there(models, tap, sentence, recipient):
    model, versions = models("gpt2")
    same = {"sentence": sentence, "donor": sentence}
    given_ = one_patch(recipient=recipient, tap=tap, **same)
    found = trace(model, versions, given_)
    runs = (FULL, ROUNDED)
    mixed = np.where(np.arange(4) < tap, runs[1 - recipient], runs[recipient])
    expected = run(model, versions, given_, mixed)[1][sentence].sum()
    patched = found.losses[recipient, sentence] + found.changes[0]
    # two sums of some 60 nats in float32
    np.testing.assert_allclose(patched, expected, rtol=0, atol=1e-4)


def test_nothing_patched_and_a_run_patched_by_itself_change_nothing(models):
    model, versions = models("gpt2")
    assert trace(model, versions, one_patch(start=3, stop=3)).changes == 0.0
    for site in range(3):
        given_ = one_patch(site=site, start=2, stop=5)
        same = trace(model, versions, given_, (ROUNDED, ROUNDED))
        np.testing.assert_allclose(same.changes, 0.0, rtol=0, atol=1e-4)  # roundings


def test_the_last_tap_restores_the_token_after_it_alone(models):
    model, versions = models("gpt2")
    given_ = sheet(
        {
            "recipient": [1] * 6,
            "tap": [3] * 6,
            "site": [0] * 6,
            "sentence": [0] * 6,
            "donor": [0] * 6,
            "start": [0, 1, 2, 3, 4, 5],
            "stop": [1, 2, 3, 4, 5, 6],
        }
    )
    found = trace(model, versions, given_, rows=54)
    full, rounded = (
        run(model, versions, given_, site)[1][0] for site in (FULL, ROUNDED)
    )
    np.testing.assert_allclose(found.changes, (full - rounded)[:6], rtol=0, atol=1e-5)
    assert found.changes[5] == 0.0  # nothing is predicted from the last token


def test_patches_may_come_in_any_order_and_on_several_sheets(models):
    model, versions = models("gpt2")
    given_ = drawn_patches(3, 40)
    order = np.asarray(jax.random.permutation(jax.random.key(0), 40))
    moved = {name: values[order] for name, values in vars(given_.patches).items()}
    args = (model.architecture, model.config, versions, np.stack([FULL, ROUNDED]))
    found, other = patching.trace(*args, [given_, sheet(moved)], rows=45)
    # in other company, a matrix product may round otherwise
    np.testing.assert_allclose(other.changes, found.changes[order], rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipient": 2}, "recipient of a patch must be between 0 and 1, got 2 to 2"),
        ({"tap": 4}, "tap of a patch must be between 0 and 3"),
        ({"site": 3}, "site of a patch must be between 0 and 2"),
        ({"sentence": 3}, "sentence of a patch must be between 0 and 2"),
        ({"donor": -1}, "donor of a patch must be between 0 and 2, got -1"),
        ({"stop": 10}, "stop of a patch must be between 0 and 9, got 10"),
        ({"tap": 0, "site": 1}, "no layer comes before tap 0"),
    ],
)
def test_patches_that_are_none(changes, message):
    with pytest.raises(ValueError, match=message):
        patching.check_patches(one_patch(**changes), N_LAYERS)


def test_there_must_be_two_runs_and_a_patch(models):
    model, versions = models("gpt2")
    with pytest.raises(ValueError, match=r"2 runs of 4 sites, got \(2, 3\)"):
        trace(model, versions, one_patch(), (FULL[:3], ROUNDED[:3]))
    with pytest.raises(ValueError, match="nothing to patch"):
        patching.check_patches(drawn_patches(0, 0), N_LAYERS)

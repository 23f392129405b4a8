"""Duplicated channels against wide matrices that are really laid out, in float64."""

import functools as ft
import pathlib
import tempfile

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxdisp
from jaxdisp.causal.interventions import duplication
from jaxdisp.causal.interventions.duplication_errors import duplication_errors
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import cube, redundancy
from jaxdisp.models import decoder
from jaxdisp.models.architectures import registry
from jaxdisp.models.quantized import Quantizer, quantize
from tests.measure import tiny
from tests.models import small
from tests.models.architectures import drawn, every

DOWN = ("blocks", "mlp", "down", "weight")
LAYERS = 3


@ft.cache
def inputs(count=4):
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        texts = {name: lines[:count] for name, lines in tiny.TEXTS.items()}
        tiny.write_corpus(directory / "corpus", texts, tiny.GROUPS[:count])
        model = jaxdisp.models.load(tiny.write_model(directory / "model"))
        lines = corpora.load_corpus(directory / "corpus")
    return model, lines


def doubled(model, quantizer, copies, seed=0, **options):
    options = {"rounding": "stochastic"} | options
    key = jax.random.key(seed)
    return duplication.duplicated(model, quantizer, copies=copies, key=key, **options)


def weights(params, path=DOWN):
    return np.asarray(decoder.leaf(params, path), np.float64)


def laid_out(weight, copies, bits, size, uniform):
    """The wide matrix, rounded on its own grid, runs of `size` inputs by themselves.

    `uniform` are the draws of each copy, as `[copy, input, output]`.
    """
    wide = np.concatenate([weight / copies] * copies)
    draws = np.concatenate(uniform)
    rounded = np.zeros_like(wide)
    for output in range(wide.shape[1]):
        for first in range(0, len(wide), size):
            run = slice(first, first + size), output
            top = np.abs(wide[run]).max() if size < len(wide) else None
            if top is None:
                top = np.abs(wide[:, output]).max()
            step = top / (2 ** (bits - 1) - 1)
            below = np.floor(wide[run] / step)
            rounded[run] = step * (below + (draws[run] < wide[run] / step - below))
    return rounded


@pytest.mark.parametrize("copies", [2, 3])
@pytest.mark.parametrize("granularity", ["channel", "group"])
def test_outputs_are_those_of_the_wide_matrix_on_its_own_grid(granularity, copies):
    model, _ = inputs()
    quantizer = Quantizer(bits=3, granularity=granularity, group_size=4)
    found = weights(doubled(model, quantizer, copies, seed=5))
    plain = weights(model.params)
    tensors = model.architecture.tensors(model.config)
    number = [t.path for t in tensors].index(DOWN)
    keys = jax.random.split(jax.random.fold_in(jax.random.key(5), number), LAYERS)
    n_inputs, n_outputs = plain.shape[1:]
    size = 4 if granularity == "group" else copies * n_inputs
    runs = n_inputs // 4 if granularity == "group" else 1
    for layer in range(LAYERS):
        uniform = [
            np.asarray(
                jax.random.uniform(
                    jax.random.fold_in(keys[layer], copy),
                    (n_outputs * runs, n_inputs // runs),
                )
            )
            .reshape(n_outputs, n_inputs)
            .T
            for copy in range(copies)
        ]
        wide = laid_out(plain[layer], copies, 3, size, uniform)
        x = small.normal("x", (7, n_inputs), seed=layer).astype(float)
        expected = np.tile(x, (1, copies)) @ wide
        # float32 weights of about 1, sums over 48 inputs
        np.testing.assert_allclose(x @ found[layer], expected, atol=2e-5)
        assert np.abs(x @ plain[layer] - expected).max() > 0.1


@pytest.mark.parametrize("copies", [2, 3, 8])
def test_rounding_to_nearest_makes_one_error_however_many_copies(copies):
    model, _ = inputs()
    for quantizer in (Quantizer(bits=3), Quantizer(bits=4, granularity="group")):
        once = quantize(model, quantizer)
        found = doubled(model, quantizer, copies, rounding="deterministic")
        if copies & (copies - 1) == 0:  # dividing by powers of two loses nothing
            jax.tree.map(np.testing.assert_array_equal, found, once)
        else:
            assert jax.tree.all(
                jax.tree.map(lambda a, b: np.allclose(a, b, atol=1e-6), found, once)
            )


@settings(max_examples=8)
@given(copies=st.integers(1, 9), bits=st.integers(2, 8), seed=st.integers(0, 1000))
def test_never_further_than_a_step_and_nearer_with_copies(copies, bits, seed):
    model, _ = inputs()
    found = doubled(model, Quantizer(bits=bits), copies, seed)
    error = weights(found) - weights(model.params)
    top = np.abs(weights(model.params)).max(axis=(1, 2), keepdims=True)
    step = top / (2 ** (bits - 1) - 1)
    assert np.all(np.abs(error) <= step * 1.0001)
    # 1728 weights: f(1 - f) <= 1/4 in squared steps, half as much again for chance
    assert np.mean((error / step) ** 2) <= 1.5 / 4 / copies


@pytest.mark.parametrize("kind", registry.ARCHITECTURES)
def test_shapes_of_every_family(kind, tmp_path):
    model = drawn.load(tmp_path, every.entries(kind))
    found = jax.eval_shape(
        lambda key: duplication.duplicated(
            model,
            Quantizer(include=("all",)),
            copies=3,
            rounding="stochastic",
            key=key,
        ),
        jax.random.key(0),
    )
    expected = jax.tree.map(lambda x: (x.shape, model.dtype), model.params)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), found) == expected


@pytest.mark.parametrize("kind", ["llama", "mamba"])
def test_all_that_reads_channels_is_duplicated_and_nothing_else(kind, tmp_path):
    model = drawn.load(tmp_path, every.entries(kind))
    quantizer = Quantizer(bits=4, include=("all",))
    once, often = (doubled(model, quantizer, copies) for copies in (1, 16))
    sizes, smaller = [], []
    for tensor in model.architecture.tensors(model.config):
        plain, first, mean = (
            np.asarray(decoder.leaf(params, tensor.path), np.float64)
            for params in (model.params, once, often)
        )
        if tensor.role in ("matrix", "head"):
            sizes.append(np.sum((first - plain) ** 2))
            smaller.append(np.sum((mean - plain) ** 2))
        else:
            np.testing.assert_array_equal(first, mean)
            assert (tensor.role == "bias") == bool(np.all(first == plain))
    # some thousand weights: the ratio of sums of squares is good to some percent
    assert sum(smaller) / sum(sizes) == pytest.approx(1 / 16, rel=0.15)


@ft.cache
def errors():
    model, corpus = inputs()
    return duplication_errors(
        model,
        corpus,
        Quantizer(bits=6, granularity="channel"),
        key=jax.random.key(1),
        copies=(1, 4, 16),
        draws=6,
    )


def test_errors_of_outputs_fall_as_one_over_copies():
    found = errors()
    assert set(found.outputs) == {
        "attention/query_key_value/weight",
        "attention/output/weight",
        "mlp/up/weight",
        "mlp/down/weight",
        "layer",
    }
    ratio = found.relative / found.relative[:, :1]
    for place, copies in enumerate(found.copies):
        shares = copies * ratio[0, place]
        # one output's error has some 60 degrees of freedom, so that a ratio is off by
        # 25 %: 6 % over six draws and three layers, 3 % over all outputs
        np.testing.assert_allclose(shares.mean(axis=1), 1, atol=0.2)
        assert shares.mean() == pytest.approx(1, abs=0.1)
        np.testing.assert_array_equal(ratio[1, place], 1)
    np.testing.assert_allclose(found.correlation[1], 1, atol=1e-5)
    assert np.abs(found.correlation[0].mean(axis=1)).max() < 0.1


def test_the_foretold_share():
    rho = np.array([0.0, 0.1, 0.5, 1.0])
    # the numbers of a variance of a mean of m equal variables, by enumeration
    for copies in (1, 2, 5):
        cov = rho[:, None, None] * np.ones((copies, copies))
        cov = np.where(np.eye(copies, dtype=bool), 1.0, cov)
        expected = cov.mean(axis=(1, 2))
        found = duplication.predicted_share(rho, copies)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    observed = (errors().relative[:, -1] / errors().relative[:, 0]).mean(axis=-1)
    expected = duplication.predicted_share(errors().correlation.mean(axis=-1), 16)
    np.testing.assert_allclose(observed, expected, atol=0.1)


def test_only_some_matrices():
    model, _ = inputs()
    some = doubled(model, Quantizer(), 4, only=[DOWN])
    every_one, single = doubled(model, Quantizer(), 4), doubled(model, Quantizer(), 1)
    up = ("blocks", "mlp", "up", "weight")
    np.testing.assert_array_equal(weights(some), weights(every_one))
    np.testing.assert_array_equal(weights(some, up), weights(single, up))
    assert np.any(weights(single, up) != weights(every_one, up))


@pytest.fixture(scope="module")
def done():
    model, corpus = inputs(2)
    return duplication.carry_out(
        model,
        corpus,
        Quantizer(bits=4),
        tap=1,
        reference=1,
        key=jax.random.key(2),
        copies=(2, 16),
    )


def test_what_is_carried_out(done):
    two, many, nearest, placebo = done
    assert [each.amount for each in done] == [2, 16, 16, 1]
    assert [each.placebo for each in done] == [False, False, False, True]
    for each in done:
        assert (each.target, each.unit) == ("R", "copies")
        for name in "TA":
            np.testing.assert_array_equal(each.before[name], each.after[name])
        np.testing.assert_allclose(
            each.after["R"], each.amount * each.before["R"], rtol=1e-12
        )
    np.testing.assert_array_equal(nearest.before["D"], nearest.after["D"])
    np.testing.assert_array_equal(two.before["D"], placebo.before["D"])
    assert np.any(placebo.after["D"] != placebo.before["D"])
    # squares, because what a random model loses has either sign
    sizes = [np.mean(each.after["D"] ** 2) for each in (placebo, two, many)]
    assert sizes[2] < sizes[0] / 3


def test_costs_are_means_over_draws_of_the_cube(done):
    model, corpus = inputs(2)
    keys = jax.random.split(jax.random.split(jax.random.key(2))[0], 2)
    versions = [
        duplication.duplicated(
            model, Quantizer(bits=4), copies=16, rounding="stochastic", key=key
        )
        for key in keys
    ]
    sites = [[version] * LAYERS for version in range(3)]
    nll = np.asarray(cube.evaluate(model, corpus, sites, versions).nll, float)
    expected = (nll[1] + nll[2]) / 2 - nll[0]
    # float32 losses of up to 200 nats
    np.testing.assert_allclose(done[1].after["D"], expected, atol=1e-4)


@settings(max_examples=20)
@given(copies=st.integers(1, 6), seed=st.integers(0, 50))
def test_participation_of_a_readout_of_copies(copies, seed):
    gradient, states = (small.normal(name, (5, 12), seed) for name in ("g", "h"))
    once = redundancy.readout_participation(gradient, states)
    wide = redundancy.readout_participation(
        np.tile(gradient / copies, (1, copies)), np.tile(states, (1, copies))
    )
    assert wide == pytest.approx(copies * once, rel=1e-6)


def test_what_is_refused():
    model, corpus = inputs()
    key = jax.random.key(0)
    duplicate = ft.partial(duplication.duplicated, model, Quantizer(), key=key)
    with pytest.raises(ValueError, match="copies must be at least 1, got 0"):
        duplicate(copies=0, rounding="stochastic")
    path = ("blocks", "mlp", "up", "bias")
    with pytest.raises(ValueError, match=r"mlp/up/bias is no matrix .* allowed: block"):
        duplicate(copies=2, rounding="stochastic", only=[path])
    run = ft.partial(
        duplication.carry_out,
        model,
        corpus,
        Quantizer(),
        tap=1,
        reference=0,
        key=key,
    )
    with pytest.raises(ValueError, match=r"copies must be at least 2, got \[1, 2\]"):
        run(copies=[1, 2])
    measure = ft.partial(duplication_errors, model, corpus, Quantizer(), key=key)
    with pytest.raises(ValueError, match=r"must ascend from 1, got \[2, 4\]"):
        measure(copies=[2, 4])
    with pytest.raises(ValueError, match="draws must be at least 1, got 0"):
        measure(draws=0)

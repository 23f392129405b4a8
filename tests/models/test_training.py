import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp.models import checkpoint, decoder, training, training_run
from jaxdisp.models.architectures import gpt2
from tests.models import numpy_gpt2, small

CONFIG = gpt2.read_config(small.ENTRIES)
MASK = np.arange(7)[None] < np.array([7, 4])[:, None]
FULL = np.ones((6, 16), bool)  # the shape of every batch of the tiny recipe


def run_loss(params, key, dropout, mask=MASK):
    return training.loss(
        params,
        key,
        small.tokens(),
        jnp.asarray(mask),
        architecture=gpt2.ARCHITECTURE,
        config=CONFIG,
        dropout=dropout,
    )


loss = jax.jit(run_loss, static_argnums=2)


def read(directory, arrays):
    small.write(directory, arrays=arrays)
    return checkpoint.read_parameters(directory, gpt2.ARCHITECTURE, CONFIG)


def test_initial_parameters_are_shaped_as_listed():
    config = gpt2.read_config(small.entries(tie_word_embeddings=False, n_inner=7))
    key = jax.random.key(0)
    shapes = jax.eval_shape(
        lambda key: training.initial_parameters(key, gpt2.ARCHITECTURE, config), key
    )
    listed = gpt2.tensors(config)
    assert len(jax.tree.leaves(shapes)) == len(listed)
    for tensor in listed:
        stack = (3,) if tensor.stacked else ()
        found = decoder.leaf(shapes, tensor.path)
        assert (found.shape, found.dtype) == (stack + tensor.shape, jnp.float32)


def test_initial_parameters_are_as_wide_as_defined(config):
    key = jax.random.key(0)
    params = training.initial_parameters(key, gpt2.ARCHITECTURE, config)
    closing = 0.02 / np.sqrt(2 * 2)
    expected = {"query_key_value": 0.02, "up": 0.02, "output": closing, "down": closing}
    found = [decoder.leaf(params, t.path) for t in gpt2.tensors(config)]
    for tensor, value in zip(gpt2.tensors(config), found, strict=True):
        if tensor.role == "norm":
            assert np.all(value == 1)
        elif tensor.role == "bias":
            assert np.all(value == 0)
        else:
            deviation = expected.get(tensor.path[-2], 0.02)
            # of n normal values, the estimate's relative error is 1 / sqrt(2 n)
            error = 5 / np.sqrt(2 * value.size)
            assert np.std(value) == pytest.approx(deviation, rel=error)
    drawn = [float(np.ravel(value)[0]) for value in found if np.std(value) > 0]
    assert len(set(drawn)) == len(drawn) == 6  # no two share their numbers


def test_without_dropout_the_loss_is_the_mean_of_the_token_losses(tmp_path):
    arrays = small.tensors(small.ENTRIES)
    params = read(tmp_path, arrays)
    logits = numpy_gpt2.logits(small.ENTRIES, arrays, small.tokens())
    losses = numpy_gpt2.token_losses(logits, small.tokens(), MASK)
    expected = np.sum(losses) / 9  # 6 + 3 tokens are predicted
    found = loss(params, jax.random.key(0), 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)  # float32, mean of 9


def test_a_batch_of_padding_costs_nothing(tmp_path):
    params = read(tmp_path, small.tensors(small.ENTRIES))
    assert loss(params, jax.random.key(0), 0.0, np.zeros((2, 7), bool)) == 0


def test_the_gradient_is_the_slope_of_the_loops(tmp_path):
    arrays = small.tensors(small.ENTRIES)
    direction = small.tensors(small.ENTRIES, seed=5)

    def reference(step):
        moved = {
            name: array.astype(np.float64) + step * direction[name]
            for name, array in arrays.items()
        }
        logits = numpy_gpt2.logits(small.ENTRIES, moved, small.tokens())
        return np.sum(numpy_gpt2.token_losses(logits, small.tokens(), MASK)) / 9

    # a central difference is off by about step**2 = 1e-8
    expected = (reference(1e-4) - reference(-1e-4)) / 2e-4
    gradient = jax.jit(jax.grad(run_loss), static_argnums=2)(
        read(tmp_path / "a", arrays), jax.random.key(0), 0.0
    )
    along = jax.tree.map(jnp.vdot, gradient, read(tmp_path / "b", direction))
    # float32, summed over 6,000 parameters of either sign
    assert float(sum(jax.tree.leaves(along))) == pytest.approx(expected, abs=1e-3)
    assert abs(expected) > 0.1


def logit_of_a_stub(update, readout, dropout, width=4096):
    """The logit that `readout` makes of a state of 1 plus `update` in each layer."""
    architecture = decoder.Architecture(
        name="stub",
        models="none",
        prefix="",
        buffers=(),
        read_config=lambda _: None,
        held=lambda *_: 1,
        tensors=lambda _: (),
        embed=lambda *_: jnp.ones((1, 2, width)),
        block=lambda _layer, state, *_: (state + update, {}),
        readout=lambda _outside, state, _config: jnp.stack(
            [readout(state), jnp.zeros((1, 2))], axis=-1
        ),
    )

    @jax.jit
    def run(key):
        return training.loss(
            {"blocks": jnp.zeros(3), "outside": {}},
            key,
            jnp.zeros((1, 2), jnp.int32),
            jnp.ones((1, 2), bool),
            architecture=architecture,
            config=CONFIG,
            dropout=dropout,
        )

    # the loss is log(1 + exp(-logit))
    return lambda key: -np.log(np.expm1(float(run(key))))


def test_dropout_keeps_the_mean_and_follows_the_key():
    run = logit_of_a_stub(1.0, lambda state: jnp.mean(state, axis=-1), 0.25)
    one, same, other = (run(jax.random.key(seed)) for seed in (0, 0, 1))
    # 1 and three updates of 1, each of variance p / (1 - p) over 4096 values
    error = 5 * np.sqrt(4 * (0.25 / 0.75) / 4096)
    assert [one, other] == pytest.approx([4, 4], abs=error)
    assert one == same
    assert one != other


def test_dropout_drops_as_many_as_it_says():
    run = logit_of_a_stub(0.0, lambda s: jnp.mean(s == 0, axis=-1), 0.25)
    error = 5 * np.sqrt(0.25 * 0.75 / 4096)
    assert run(jax.random.key(0)) == pytest.approx(0.25, abs=error)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    return small.recipe(tmp_path_factory.mktemp("recipe"))[0]


@pytest.fixture(scope="module")
def config(recipe):
    # of the same shape as in test_training_run, so that a step is compiled once
    return training_run.configuration(recipe, small.tokenizer(recipe.vocabulary))


def take_steps(recipe, config, mask, n_steps):
    """The parameters and the average after every step, and the losses."""
    tokens = np.asarray(small.tokens({"vocab_size": config.vocabulary}, *mask.shape))
    key = jax.random.key(0)
    state = training.start(key, recipe, gpt2.ARCHITECTURE, config)
    history = [jax.tree.map(np.array, (state.params, state.average))]
    losses = []
    for _ in range(n_steps):
        state, value = training.step(
            state,
            key,
            tokens,
            mask,
            recipe=recipe,
            architecture=gpt2.ARCHITECTURE,
            config=config,
        )
        history.append(jax.tree.map(np.array, (state.params, state.average)))
        losses.append(float(value))
    assert int(state.step) == n_steps
    return history, losses


def test_the_average_is_that_of_all_steps_at_first(recipe, config):
    history, losses = take_steps(recipe, config, FULL, 5)
    params = [params for params, _ in history[1:]]
    mean = jax.tree.map(lambda *leaves: np.mean(leaves, axis=0), *params)
    # float32 numbers of at most about 1, averaged step by step
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-6),
        history[-1][1],
        mean,
    )
    assert np.all(np.isfinite(losses))
    # an untrained model spreads its bets over all tokens; 0.1 is the noise of 0.02
    assert losses[0] == pytest.approx(np.log(config.vocabulary), abs=0.1)


def test_only_matrices_decay(recipe, config):
    # nothing to learn from padding, so what changes is the decay
    history, losses = take_steps(recipe, config, ~FULL, 3)
    assert losses == [0, 0, 0]
    # the rate rises from 0 over 4 steps: 0, 1/4 and 1/2 of the peak
    shrink = np.prod([1 - 0.1 * 0.02 * part for part in (0, 1 / 4, 1 / 2)])
    for tensor in gpt2.tensors(config):
        before, after = (decoder.leaf(history[n][0], tensor.path) for n in (0, 3))
        expected = before * (shrink if tensor.role == "matrix" else 1)
        # three roundings of float32
        np.testing.assert_allclose(after, expected, rtol=1e-6)


def test_the_rate_starts_at_zero_and_every_parameter_learns(recipe, config):
    history, losses = take_steps(recipe, config, FULL, 3)
    assert losses[0] != losses[1]  # the same parameters, but other values dropped
    for tensor in gpt2.tensors(config):
        start, first, last = (
            decoder.leaf(history[n][0], tensor.path) for n in (0, 1, 3)
        )
        np.testing.assert_array_equal(start, first)
        assert np.any(start != last), tensor.source

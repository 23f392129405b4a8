"""Training a decoder with the same functions that the measurements use."""

import functools as ft
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray
from optax import contrib

from jaxdisp.models import decoder, mixture
from jaxdisp.result import result


@result
class State:
    """Where a training run stands: parameters, optimizer, their running average."""

    params: Any
    average: Any
    optimizer: Any
    step: Int[Array, ""]


def initial_parameters(
    key: PRNGKeyArray, architecture: decoder.Architecture, config: Any
) -> decoder.Parameters:
    """Draws the parameters of an untrained decoder.

    Definition: matrices and tables from N(0, 0.02^2), those that write to the residual
    stream divided by sqrt(2 layers); norm gains 1 and biases 0.

    Args:
        key: randomness.
        architecture: the family.
        config: its configuration.

    Reference: Radford et al. 2019, section 2.3.
    """
    leaves = {}
    for number, tensor in enumerate(architecture.tensors(config)):
        stack = (config.n_layers,) if tensor.stacked else ()
        shape = stack + tensor.shape
        if tensor.role == "norm":
            value = jnp.ones(shape)
        elif tensor.role == "bias":
            value = jnp.zeros(shape)
        else:
            noise = jax.random.normal(jax.random.fold_in(key, number), shape)
            closing = tensor.path[-2] in ("output", "down")
            value = noise * (0.02 / (2 * config.n_layers) ** 0.5 if closing else 0.02)
        leaves[tensor.path] = value
    return decoder.assemble(leaves)


def optimizer(
    recipe: mixture.Recipe, architecture: decoder.Architecture, config: Any
) -> optax.GradientTransformation:
    """Builds the optimizer: Muon for matrices, Adam for the rest, cosine decay.

    Definition: the rate rises linearly over `warmup` steps and falls on a cosine to a
    fiftieth; gradients are clipped to norm 1; only matrices are decayed.

    Args:
        recipe: gives rates and steps.
        architecture: the family.
        config: its configuration.

    Reference: Jordan 2024 (Muon); Liu et al. 2025, arXiv:2502.16982 (its scaling).
    """

    def schedule(peak: float) -> optax.Schedule:
        return optax.warmup_cosine_decay_schedule(
            0.0, peak, recipe.warmup, recipe.steps, end_value=peak / 50
        )

    per_layer = contrib.MuonDimensionNumbers(reduction_axis=(1,), output_axis=(2,))
    dimensions = decoder.assemble(
        {
            tensor.path: per_layer if tensor.role == "matrix" else None
            for tensor in architecture.tensors(config)
        }
    )
    muon = contrib.muon(
        schedule(recipe.learning_rate),
        adam_learning_rate=schedule(recipe.table_learning_rate),
        weight_decay=recipe.weight_decay,
        adam_b2=0.98,
        muon_weight_dimension_numbers=dimensions,
        consistent_rms=0.2,
    )
    return optax.chain(optax.clip_by_global_norm(1.0), muon)


def loss(
    params: decoder.Parameters,
    key: PRNGKeyArray,
    tokens: Int[Array, "sentence token"],
    mask: Bool[Array, "sentence token"],
    *,
    architecture: decoder.Architecture,
    config: Any,
    dropout: float,
) -> Float[Array, ""]:
    """Returns the mean loss per token in nats, with dropout on every layer's update.

    Definition: `h[i + 1] = h[i] + keep / (1 - p) * (block_i(h[i]) - h[i])`.

    Args:
        params: full-precision parameters.
        key: randomness of the dropout.
        tokens: token numbers, the start token first.
        mask: which tokens are real.
        architecture: the family.
        config: its configuration.
        dropout: probability of dropping a value.

    Reference: Srivastava et al. 2014, applied to the residual update.
    """

    def drop(key: PRNGKeyArray, update: Array) -> Array:
        if dropout == 0:
            return update
        threshold = round(256 * dropout)
        kept = jax.random.bits(key, update.shape, jnp.uint8) >= threshold
        return jnp.where(kept, update / (1 - threshold / 256), 0.0)

    @jax.checkpoint  # recomputing a layer is cheaper on the CPU than keeping it
    def layer(state: Array, step: tuple[Array, Array, Any]) -> tuple[Array, None]:
        index, layer_key, block = step
        update = architecture.block(block, state, index, config)[0] - state
        return state + drop(layer_key, update), None

    keys = jax.random.split(key, config.n_layers + 1)
    state = drop(keys[-1], architecture.embed(params["outside"], tokens, config))
    steps = (jnp.arange(config.n_layers), keys[:-1], params["blocks"])
    state, _ = jax.lax.scan(layer, state, steps)
    predictions = architecture.readout(params["outside"], state, config)
    losses = decoder.token_losses(predictions, tokens, mask)
    count = jnp.maximum(jnp.sum(mask[:, 1:]), 1)
    return jnp.sum(losses) / count.astype(losses.dtype)


def start(
    key: PRNGKeyArray,
    recipe: mixture.Recipe,
    architecture: decoder.Architecture,
    config: Any,
) -> State:
    """Returns the state before the first step.

    Args:
        key: randomness of the parameters.
        recipe: the training recipe.
        architecture: the family.
        config: its configuration.

    Reference: our own definition.
    """
    params = initial_parameters(key, architecture, config)
    return State(
        params=params,
        average=jax.tree.map(jnp.copy, params),
        optimizer=optimizer(recipe, architecture, config).init(params),
        step=jnp.int32(0),
    )


@ft.partial(
    jax.jit, static_argnames=("recipe", "architecture", "config"), donate_argnums=0
)
def step(
    state: State,
    key: PRNGKeyArray,
    tokens: Int[Array, "sentence token"],
    mask: Bool[Array, "sentence token"],
    *,
    recipe: mixture.Recipe,
    architecture: decoder.Architecture,
    config: Any,
) -> tuple[State, Float[Array, ""]]:
    """Takes one training step and returns the loss before it.

    Definition: the running average moves by `max(1 / (step + 1), 1 / 200)`.

    Args:
        state: where the run stands; given up to the result.
        key: randomness of the whole run; the step number is folded in.
        tokens: token numbers, the start token first.
        mask: which tokens are real.
        recipe: the training recipe.
        architecture: the family.
        config: its configuration.

    Reference: averaging as in Polyak and Juditsky 1992, over a moving window.
    """
    value, gradient = jax.value_and_grad(loss)(
        state.params,
        jax.random.fold_in(key, state.step),
        tokens,
        mask,
        architecture=architecture,
        config=config,
        dropout=recipe.dropout,
    )
    chain = optimizer(recipe, architecture, config)
    with jax.numpy_dtype_promotion("standard"):  # Muon raises floats to integers
        updates, inner = chain.update(gradient, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    speed = jnp.maximum(1 / (state.step.astype(jnp.float32) + 1), 1 / 200)
    average = jax.tree.map(lambda a, p: a + speed * (p - a), state.average, params)
    after = State(params=params, average=average, optimizer=inner, step=state.step + 1)
    return after, value

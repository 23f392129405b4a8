"""Four things that have been called the effective kurtosis of a weight, kept apart.

With `w` the weights, `a` the size of the activation that each is multiplied with, and
everything an excess over the Gaussian's:

    product   kurtosis of w a: of the terms that are summed
    tilted    sum p w^4 / (sum p w^2)^2 - 3 with p proportional to a^2: of the weights,
              about 0, as often as their error is felt; the one tied to clipping
    layers    mean of the layers' kurtoses, weighted by each layer's activation
    mixture   kurtosis of all layers' weights thrown together

None of them determines a clipping threshold: that takes the whole tail.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxdisp.quant import moments as moment

TOP_SHARE = 1e-3
"""The share of values that may not carry half of the fourth moment."""


def product_kurtosis(
    w: Float[Array, " value"], activation: Float[Array, " value"]
) -> Float[Array, ""]:
    """Measures the excess kurtosis of weights times activations.

    Args:
        w: weights.
        activation: root mean square of the activation each is multiplied with.

    Reference: our own definition; the research notes' first definition.
    """
    return moment.excess_kurtosis(moment.moments(w * activation))


def tilted_kurtosis(
    w: Float[Array, " value"], activation: Float[Array, " value"]
) -> Float[Array, ""]:
    """Measures the excess kurtosis about 0 of weights, counted by squared activation.

    Formula: `sum p w^4 / (sum p w^2)^2 - 3` with `p = a^2 / sum a^2`; 0 where all
    counted weights are 0.

    Args: as `product_kurtosis`.

    Reference: our own definition.
    """
    with jax.enable_x64(True):
        w, share = w.astype(jnp.float64), activation.astype(jnp.float64) ** 2
        squares, fourths = jnp.sum(share * w**2), jnp.sum(share * w**4)
        some = squares > 0
        ratio = jnp.sum(share) * fourths / jnp.where(some, squares, 1.0) ** 2
        return jnp.where(some, ratio - 3.0, 0.0)


def layer_kurtosis(
    kurtoses: Float[Array, " layer"], activation: Float[Array, " layer"]
) -> Float[Array, ""]:
    """Averages the layers' excess kurtoses, weighted by each layer's activation.

    Formula: `sum a k / sum a`; 0 where all activations are 0.

    Args:
        kurtoses: excess kurtosis of each layer's weights.
        activation: root mean square of each layer's inputs.

    Reference: our own definition; the research notes' second definition.
    """
    total = jnp.sum(activation)
    mean = jnp.sum(activation * kurtoses) / jnp.where(total > 0, total, 1.0)
    return jnp.where(total > 0, mean, 0.0)


def mixture_kurtosis(layers: moment.Moments) -> Float[Array, ""]:
    """Measures the excess kurtosis of all layers' weights together.

    Definition: that of the merged moments; each layer counts by its total weight.

    Args:
        layers: moments of each layer, on a leading axis.

    Reference: our own definition; the research notes' third definition.
    """
    n_layers = layers.weight.shape[0]
    merged = jax.tree.map(lambda leaf: leaf[0], layers)
    for number in range(1, n_layers):
        layer = jax.tree.map(lambda leaf, at=number: leaf[at], layers)
        merged = moment.merge(merged, layer)
    return moment.excess_kurtosis(merged)


def rests_on_few(x: Float[Array, " value"]) -> Bool[Array, ""]:
    """Flags values of which one per mille carry half of the fourth moment.

    Definition: whether the `ceil(n / 1000)` largest magnitudes hold more than half of
    `sum x^4`. The kurtosis then describes these values and not the others.

    Args:
        x: values, in any unit.

    Reference: our own definition.
    """
    largest = jnp.max(jnp.abs(x))
    fourths = (x / jnp.where(largest > 0, largest, 1.0)) ** 4
    n_few = -(-x.shape[0] // round(1 / TOP_SHARE))
    few = jax.lax.top_k(fourths, n_few)[0]
    return jnp.sum(few) > 0.5 * jnp.sum(fourths)

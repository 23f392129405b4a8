"""Similarity of representations: sentence by sentence, and of whole clouds.

All take states `[sentence, channel]`, row by row the same sentence on both sides: two
languages that say the same, or two versions of a model that read the same. A batch of
layers or of pairs is the caller's `vmap`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

MIN_FOR_CKA = 4
"""Sentences below which no unbiased estimate of HSIC exists."""


@jax.jit
def directions(x: Float[Array, "sentence channel"]) -> Float[Array, "sentence channel"]:
    """Removes the mean over sentences and scales every sentence to length one.

    Definition: `(x_s - mean x) / |x_s - mean x|`; 0 where a sentence is at the mean.
    The inner product of two languages' directions is their mean-centred cosine.

    Args:
        x: states of one language, in any unit.

    Reference: our own definition; means carry the language rather than the meaning
        (Libovicky, Rosa and Fraser 2020, arXiv:2004.05160, section 3).
    """
    return _unit(_centred(x))


@jax.jit
def cosines(
    x: Float[Array, "sentence channel"], y: Float[Array, "other channel"]
) -> Float[Array, "sentence other"]:
    """Compares all sentences of one language with all of another.

    Definition: `directions(x) directions(y)'`.

    Args:
        x: states of one language, in any unit.
        y: states of the other.

    Reference: our own definition; see `directions`.
    """
    return _product(directions(x), directions(y).T)


@jax.jit
def margins(
    cosine: Float[Array, "sentence sentence"],
) -> Float[Array, " sentence"]:
    """Measures how much closer each sentence is to its translation than to others.

    Definition: `c[s, s] - (mean of c[s, t] + mean of c[t, s]) / 2` over all `t != s`.
    The mean over sentences is the mean cosine of translations minus that of all pairs
    that are none. Linear in the cosines: means over languages may be taken before.

    Args:
        cosine: of every sentence with every one of the other language, in order.

    Raises:
        ValueError: if there are fewer than 2 sentences.

    Reference: our own definition; with the means of all others in place of those of the
        nearest, as in Artetxe and Schwenk 2019, arXiv:1811.01136, equation 1.
    """
    n = _checked(len(cosine), 2, "a margin")
    true = jnp.diagonal(cosine)
    both = jnp.sum(cosine, axis=0) + jnp.sum(cosine, axis=1) - 2 * true
    return true - both / (2 * (n - 1))


@jax.jit
def retrieval(cosine: Float[Array, "sentence sentence"]) -> Float[Array, " sentence"]:
    """Says whether each sentence's translation is the nearest of all, in both ways.

    Definition: half of `[c[s, s] is the largest of c[s, :]]` and of `c[:, s]`; with k
    equally near, the k-th part. Chance is one over the number of sentences.

    Args:
        cosine: of every sentence with every one of the other language, in order.

    Raises:
        ValueError: if there are fewer than 2 sentences.

    Reference: Artetxe and Schwenk 2019, arXiv:1812.10464, section 4.3 (similarity
        search), both directions averaged.
    """
    _checked(len(cosine), 2, "retrieval")

    def found(table: Array) -> Array:
        largest = jnp.max(table, axis=1, keepdims=True)
        nearest = (table == largest).astype(table.dtype)
        return jnp.diagonal(nearest) / jnp.sum(nearest, axis=1)

    return (found(cosine) + found(cosine.T)) / 2


@jax.jit
def gram(x: Float[Array, "sentence channel"]) -> Float[Array, "sentence sentence"]:
    """Multiplies all sentences of a language with one another, after centring.

    Definition: `(x - mean x)(x - mean x)'`, which `unbiased` takes to what it would
    make of `x x'`, without the loss of digits that a large mean brings.

    Args:
        x: states, in any unit.

    Reference: our own definition.
    """
    centred = _centred(x)
    return _product(centred, centred.T)


@jax.jit
def unbiased(
    gram: Float[Array, "sentence sentence"],
) -> Float[Array, "sentence sentence"]:
    """Centres a Gram matrix so that its products are unbiased estimates.

    Definition: off the diagonal `K_ij - r_i / (n - 2) - r_j / (n - 2) +
    r / ((n - 1)(n - 2))`, with K the Gram matrix without its diagonal, r_i its row sums
    and r their sum; 0 on the diagonal. `sum U V / (n (n - 3))` is HSIC_1.

    Args:
        gram: inner products of sentences.

    Raises:
        ValueError: if there are fewer than 4 sentences.

    Reference: Szekely and Rizzo 2014, arXiv:1310.2926, definition 2; equal to Song et
        al. 2012, JMLR 13, equation 5.
    """
    n = _checked(len(gram), MIN_FOR_CKA, "an unbiased estimate")
    off = ~jnp.eye(n, dtype=bool)
    hollow = jnp.where(off, gram, 0.0)
    rows = jnp.sum(hollow, axis=1)
    share = rows / (n - 2)
    middle = jnp.sum(rows) / ((n - 1) * (n - 2))
    return jnp.where(off, hollow - share[:, None] - share[None, :] + middle, 0.0)


@jax.jit
def alignment(
    one: Float[Array, "sentence sentence"], other: Float[Array, "sentence sentence"]
) -> Float[Array, ""]:
    """Correlates two centred Gram matrices.

    Definition: `sum U V / (|U| |V|)`; 0 where either is 0.

    Args:
        one: from `unbiased`.
        other: from `unbiased`, of the same sentences.

    Reference: Nguyen, Raghu and Kornblith 2021, arXiv:2010.15327, equation 1.
    """
    return jnp.sum(_scaled(one) * _scaled(other))


@jax.jit
def linear_cka(
    x: Float[Array, "sentence channel"], y: Float[Array, "sentence feature"]
) -> Float[Array, ""]:
    """Measures debiased centred kernel alignment with linear kernels.

    Definition: `HSIC_1(x, y) / sqrt(HSIC_1(x, x) HSIC_1(y, y))`: 1 for clouds that are
    equal up to rotation, size and place; 0 on average for independent ones, and as
    often below as above, with however many channels.

    Args:
        x: states, in any unit.
        y: states of the same sentences, with as many channels as it likes.

    Raises:
        ValueError: if there are fewer than 4 sentences.

    Reference: Nguyen, Raghu and Kornblith 2021, arXiv:2010.15327, equations 1 to 3.
    """
    return alignment(unbiased(gram(x)), unbiased(gram(y)))


@jax.jit
def rotation(
    x: Float[Array, "sentence channel"], y: Float[Array, "sentence channel"]
) -> Float[Array, "channel channel"]:
    """Finds the rotation or reflection that takes one cloud closest to another.

    Definition: the orthogonal R that minimizes `|X R - Y|_F`, with X and Y centred:
    `U V'` of the singular value decomposition of `X' Y`.

    Args:
        x: states of one language, in any unit.
        y: states of the other.

    Reference: Schoenemann 1966, Psychometrika 31.
    """
    left, _, right = jnp.linalg.svd(_product(_centred(x).T, _centred(y)))
    return _product(left, right)


@jax.jit
def procrustes_residual(
    x: Float[Array, "sentence channel"],
    y: Float[Array, "sentence channel"],
    turn: Float[Array, "channel channel"],
) -> Float[Array, ""]:
    """Measures what of a cloud another one, turned and scaled, leaves unexplained.

    Definition: `min over c >= 0 of |Y - c X R|_F^2 / |Y|_F^2`, with X and Y centred:
    `1 - max(0, <X R, Y>)^2 / (|X|^2 |Y|^2)`; 1 where either is 0. Where R was found on
    the same sentences it is too small, the more so the fewer they are for the channels:
    then find it on other texts.

    Args:
        x: states of one language, in any unit.
        y: states of the other.
        turn: R, from `rotation`.

    Reference: Gower 1975, Psychometrika 40 (Procrustes analysis with scaling).
    """
    turned = _scaled(_product(_centred(x), turn))
    return 1 - jnp.maximum(jnp.sum(turned * _scaled(_centred(y))), 0.0) ** 2


@jax.jit
def cosine_distance(
    x: Float[Array, "token channel"], y: Float[Array, "token channel"]
) -> Float[Array, " token"]:
    """Measures how far apart two states of each token point; nothing is centred.

    Definition: `1 - cos(x_t, y_t)`, taken as `|x_t / |x_t| - y_t / |y_t||^2 / 2`, which
    keeps its digits where states are nearly the same.

    Args:
        x: states of tokens, in any unit.
        y: other states of the same tokens.

    Reference: our own definition.
    """
    return jnp.sum((_unit(x) - _unit(y)) ** 2, axis=1) / 2


def without(
    x: Float[np.ndarray, "sentence channel"],
    covariates: Float[np.ndarray, "sentence covariate"],
) -> Float[np.ndarray, "sentence channel"]:
    """Removes from states what is linear in something known of the sentences.

    Definition: residuals of least squares on a constant and the covariates, in float64.
    Sentences and their translations are alike in length, and states tell how long a
    sentence is: without this, alignment would be that of lengths.

    Args:
        x: states of one language, in any unit.
        covariates: of its sentences, such as their number of tokens.

    Raises:
        ValueError: if there are no more sentences than covariates and one.

    Reference: our own definition; Frisch and Waugh 1933, Econometrica 1.
    """
    n, n_covariates = covariates.shape
    _checked(n, n_covariates + 2, f"what {n_covariates} covariates leave")
    design = np.column_stack([np.ones(n), covariates - covariates.mean(axis=0)])
    design[:, 1:] /= np.maximum(np.abs(design[:, 1:]).max(axis=0), 1e-300)
    real = np.asarray(x, np.float64)
    return real - design @ np.linalg.lstsq(design, real)[0]


def _product(x: Array, y: Array) -> Array:
    return jnp.matmul(x, y, precision="float32")


def _centred(x: Array) -> Array:
    return x - jnp.mean(x, axis=0, keepdims=True)


def _unit(x: Array) -> Array:
    length = jnp.linalg.norm(x, axis=1, keepdims=True)
    return x / jnp.where(length > 0, length, 1.0)


def _scaled(x: Array) -> Array:
    length = jnp.linalg.norm(x)
    return x / jnp.where(length > 0, length, 1.0)


def _checked(n: int, least: int, what: str) -> int:
    if n < least:
        raise ValueError(f"{what} needs at least {least} sentences, got {n}")
    return n

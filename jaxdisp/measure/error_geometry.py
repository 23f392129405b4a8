"""Correlations of the errors that layers make at the logits, against random signs."""

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray


def correlations(
    products: Float[np.ndarray, "*batch layer layer"],
) -> Float[np.ndarray, "*batch layer layer"]:
    """Divides inner products of errors by the errors' sizes.

    Definition: `G_ij / sqrt(G_ii G_jj)`; 0 where a layer makes no error.

    Args:
        products: sums over tokens.

    Reference: textbook definition; not centred, since the sum of errors matters.
    """
    size = np.sqrt(np.diagonal(products, axis1=-2, axis2=-1))
    scale = size[..., :, None] * size[..., None, :]
    return np.where(scale > 0, products / np.where(scale > 0, scale, 1.0), 0.0)


def pairs(
    table: Float[np.ndarray, "*batch layer layer"],
) -> Float[np.ndarray, "*batch pair"]:
    """Lists the entries above the diagonal, row by row.

    Args:
        table: one value per pair of layers.

    Reference: our own definition.
    """
    row, column = np.triu_indices(table.shape[-1], 1)
    return table[..., row, column]


def squared_correlation(
    products: Float[np.ndarray, "text layer layer"],
) -> Float[np.ndarray, ""]:
    """Estimates the mean square of the correlations over pairs, without its bias.

    Definition: the mean over pairs of `sum over texts g != h of G^g_ij G^h_ij / (G_ii
    G_jj)`, times `n / (n - 1)`, with G the sum over texts. Products of different texts
    have mean 0 if signs are random, so that independent errors give 0 and not the noise
    of finite text.

    Args:
        products: sums over the tokens of each of n texts.

    Raises:
        ValueError: if there are fewer than 2 texts.

    Reference: Hoeffding 1948, Annals of Mathematical Statistics 19 (U-statistics).
    """
    n = len(products)
    if n < 2:
        raise ValueError(f"needs at least 2 texts, got {n}")
    total = products.sum(axis=0)
    crossed = pairs(total**2 - np.sum(products**2, axis=0))
    size = np.diagonal(total)
    scale = pairs(size[:, None] * size[None, :])
    ratio = np.where(scale > 0, crossed / np.where(scale > 0, scale, 1.0), 0.0)
    return np.asarray(ratio.mean() * n / (n - 1))


def random_signs(
    products: Float[np.ndarray, "sentence layer layer"],
    *,
    key: PRNGKeyArray,
    draws: int = 500,
) -> Float[np.ndarray, "draw pair"]:
    """Gives the error of every layer and sentence a random sign.

    Definition: correlations of `G_ij = sum_s t_si t_sj G^s_ij`, signs t independent.

    Args:
        products: sums over the tokens of each sentence.
        key: of the signs.
        draws: how many.

    Reference: our own definition; a randomization test as in Fisher 1935, section 21.
    """
    n_sentences, n_layers = products.shape[:2]
    drawn = jax.random.bernoulli(key, 0.5, (draws, n_sentences, n_layers))
    signs = 2.0 * np.asarray(drawn) - 1.0
    totals = [np.sum(products * t[:, :, None] * t[:, None, :], axis=0) for t in signs]
    return pairs(correlations(np.stack(totals)))


def by_text(
    values: Float[np.ndarray, " sentence *column"],
    groups: Int[np.ndarray, " sentence"],
) -> Float[np.ndarray, " text *column"]:
    """Adds up the sentences of each text.

    Args:
        values: of each sentence, in any unit.
        groups: the text that each sentence belongs to.

    Reference: our own definition.
    """
    texts = np.unique(groups)
    return np.stack([values[groups == text].sum(axis=0) for text in texts])

"""Causal attention: which tokens see which, and what they take from them."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


def visible(
    n_tokens: int, window: Int[Array, ""] | int | None = None
) -> Bool[Array, "token source"]:
    """Says which tokens each token attends to.

    Definition: token `t` sees `u` iff `u <= t` and, with a window, `t - u < window`.
    Sentences are padded on the right, so that no token sees padding.

    Args:
        n_tokens: length of the sentences.
        window: how many tokens are seen, the token itself included; None is all.

    Reference: Vaswani et al. 2017, section 3.2.3; windows as in Beltagy et al. 2020,
        arXiv:2004.05150.
    """
    place = jnp.arange(n_tokens)
    distance = place[:, None] - place[None, :]
    seen = distance >= 0
    return seen if window is None else seen & (distance < window)


def attend(
    query: Float[Array, "sentence token head channel"],
    key: Float[Array, "sentence token group channel"],
    value: Float[Array, "sentence token group out"],
    seen: Bool[Array, "token token"],
    *,
    scale: float | Float[Array, ""],
    bias: Float[Array, "head token token"] | None = None,
    soft_cap: float | None = None,
) -> Float[Array, "sentence token width"]:
    """Lets every token gather the values of the tokens it sees.

    Definition: per head `softmax(cap tanh(scale q k^T / cap) + bias) v` over the tokens
    seen (without the cap `softmax(scale q k^T + bias) v`), with heads side by side;
    head `h` uses the keys and values of group `h // (heads / groups)`.

    Args:
        query: what each token asks for.
        key: what each token offers, by group of heads.
        value: what each token gives, by group of heads.
        seen: which tokens each token attends to.
        scale: of the scores.
        bias: added to the scores.
        soft_cap: bound of the scores' size before the bias.

    Reference: Vaswani et al. 2017, equation 1; groups as in Ainslie et al. 2023,
        arXiv:2305.13245; soft caps as in Gemma 2, arXiv:2408.00118, section 2.
    """
    n_sentences, n_tokens, n_heads, channels = query.shape
    groups = key.shape[2]
    split = (n_sentences, n_tokens, groups, n_heads // groups, channels)
    scores = jnp.einsum("stgrc,sugc->sgrtu", query.reshape(split), key)
    scores = scores.astype(jnp.float32) * scale
    if soft_cap is not None:
        scores = soft_cap * jnp.tanh(scores / soft_cap)
    if bias is not None:
        scores = scores + bias.reshape(1, groups, -1, n_tokens, n_tokens)
    scores = jnp.where(seen[None, None, None], scores, -jnp.inf)
    weights = jax.nn.softmax(scores, axis=-1).astype(value.dtype)
    gathered = jnp.einsum("sgrtu,sugc->stgrc", weights, value)
    return gathered.reshape(n_sentences, n_tokens, -1)

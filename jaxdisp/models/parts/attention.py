"""Causal attention: which tokens see which, and what they take from them."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxdisp.models.decoder import UNLIMITED


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


def layer_windows(
    kinds: Any, n_layers: int, window: int | None
) -> tuple[int, ...] | None:
    """Says of each layer how many tokens each token sees.

    Definition: `window` in layers of kind `sliding_attention`, everything in those of
    kind `full_attention`; None if no layer is of the first kind.

    Args:
        kinds: the entry `layer_types`, one name per layer.
        n_layers: how many there must be.
        window: tokens that are seen, the token itself included.

    Raises:
        ValueError: if a kind is unknown, one is missing, or there is no window for it.

    Reference: names as in transformers' `layer_types`.
    """
    allowed = ("full_attention", "sliding_attention")
    if not isinstance(kinds, list) or len(kinds) != n_layers:
        raise ValueError(f"layer_types must name the kinds of {n_layers} layers")
    for kind in kinds:
        if kind not in allowed:
            raise ValueError(
                f"layer_types {kind!r} is not supported; allowed: {', '.join(allowed)}"
            )
    if "sliding_attention" not in kinds:
        return None
    if window is None:
        raise ValueError(
            "layer_types has sliding_attention, but sliding_window is not set"
        )
    return tuple(window if kind == allowed[1] else UNLIMITED for kind in kinds)


def attend(
    query: Float[Array, "sentence token head channel"],
    key: Float[Array, "sentence token group channel"],
    value: Float[Array, "sentence token group out"],
    seen: Bool[Array, "token token"],
    *,
    scale: float | Float[Array, ""],
    bias: Float[Array, "head token token"] | None = None,
    soft_cap: float | None = None,
) -> tuple[
    Float[Array, "sentence token width"], Float[Array, "sentence head token source"]
]:
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

    Returns:
        What is gathered, and the weights that it is gathered by, which add up to 1 over
        the sources of each token.

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
    shape = (n_sentences, n_heads, n_tokens, n_tokens)
    return gathered.reshape(n_sentences, n_tokens, -1), weights.reshape(shape)

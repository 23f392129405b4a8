"""Selective state spaces: linear recurrences whose coefficients follow from the text.

Every token decays the state, writes to it and reads from it. In the papers' letters:
`x` is the value, `dt` the step, `A` the rate, `B` the write, `C` the read and `D` the
skip. Rates are negative and steps are not, so that no decay exceeds 1. All are float32.
States start as `zeros_like` what is scanned: devices may divide the sentences.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

TOKENS_AT_ONCE = 16
"""Length of the chunks in which `by_chunk` holds the states of all tokens."""

CHUNK = 128
"""Most tokens of the chunks of `dual_scan`, by default."""


def selective_scan(
    value: Float[Array, "sentence token channel"],
    step: Float[Array, "sentence token channel"],
    rate: Float[Array, "channel state"],
    write: Float[Array, "sentence token state"],
    read: Float[Array, "sentence token state"],
    skip: Float[Array, " channel"],
) -> Float[Array, "sentence token channel"]:
    """Runs a state of several numbers per channel over the tokens.

    Definition: `h[t] = exp(dt[t] A) h[t - 1] + dt[t] B[t] x[t]`, with `h` 0 before the
    first token, and `y[t] = C[t] h[t] + D x[t]`, computed `by_token` on a CPU and
    `by_chunk` elsewhere.

    Args:
        value: what is written.
        step: how much time passes at each token; at least 0.
        rate: at which each number of the state decays; negative.
        write: where in the state values go.
        read: how the state is read.
        skip: how much of the value passes by the state.

    Reference: Gu and Dao 2023, arXiv:2312.00752, equation 2 and algorithm 2, with the
        simpler discretization of `B` that is in their code.
    """
    scan = by_token if jax.default_backend() == "cpu" else by_chunk
    return scan(value, step, rate, write, read, skip)


def by_token(
    value: Float[Array, "sentence token channel"],
    step: Float[Array, "sentence token channel"],
    rate: Float[Array, "channel state"],
    write: Float[Array, "sentence token state"],
    read: Float[Array, "sentence token state"],
    skip: Float[Array, " channel"],
) -> Float[Array, "sentence token channel"]:
    """Computes `selective_scan` token after token, so that the state stays in cache.

    Args: as `selective_scan`.

    Reference: as `selective_scan`.
    """
    across = rate.T[None]  # channels last, along which the CPU computes several at once

    @jax.checkpoint  # its derivative keeps one state per token, and not its making
    def token(state: Array, inputs: tuple[Array, ...]) -> tuple[Array, Array]:
        x, dt, b, c = inputs
        decay = jnp.exp(dt[:, None] * across)
        state = decay * state + (dt * x)[:, None] * b[..., None]
        return state, jnp.sum(state * c[..., None], axis=1)

    n_sentences, _, channels = value.shape
    start = jnp.zeros_like(value, shape=(n_sentences, write.shape[-1], channels))
    along = tuple(jnp.moveaxis(each, 1, 0) for each in (value, step, write, read))
    _, found = jax.lax.scan(token, start, along)
    return jnp.moveaxis(found, 0, 1) + skip[None, None] * value


def by_chunk(
    value: Float[Array, "sentence token channel"],
    step: Float[Array, "sentence token channel"],
    rate: Float[Array, "channel state"],
    write: Float[Array, "sentence token state"],
    read: Float[Array, "sentence token state"],
    skip: Float[Array, " channel"],
    *,
    chunk: int = TOKENS_AT_ONCE,
) -> Float[Array, "sentence token channel"]:
    """Computes `selective_scan` with many tokens at once, as accelerators want it.

    Definition: a token's `h -> a h + b` and the next one's `h -> a' h + b'` make
    `h -> a' a h + a' b + b'`; within a chunk these are composed by a parallel scan, and
    chunks follow one another.

    Args: as `selective_scan`, and
        chunk: tokens whose states are held together.

    Reference: Blelloch 1990, section 1.4; Gu and Dao 2023, arXiv:2312.00752, section
        3.3.2.
    """
    n_sentences, n_tokens, channels = value.shape
    size = min(chunk, n_tokens)

    def compose(first: tuple[Array, Array], then: tuple[Array, Array]) -> Any:
        return then[0] * first[0], then[0] * first[1] + then[1]

    @jax.checkpoint
    def tokens(state: Array, inputs: tuple[Array, ...]) -> tuple[Array, Array]:
        x, dt, b, c = (jnp.moveaxis(each, 1, 0) for each in inputs)
        decay = jnp.exp(dt[:, :, None] * rate.T[None, None])
        added = (dt * x)[:, :, None] * b[..., None]
        decays, states = jax.lax.associative_scan(compose, (decay, added))
        states = states + decays * state[None]
        return states[-1], jnp.sum(states * c[..., None], axis=2)

    start = jnp.zeros_like(value, shape=(n_sentences, write.shape[-1], channels))
    along = tuple(
        jnp.moveaxis(_chunked(each, size), 1, 0) for each in (value, step, write, read)
    )
    _, found = jax.lax.scan(tokens, start, along)
    found = jnp.moveaxis(found.reshape(-1, n_sentences, channels), 0, 1)[:, :n_tokens]
    return found + skip[None, None] * value


def dual_scan(
    value: Float[Array, "sentence token head channel"],
    step: Float[Array, "sentence token head"],
    rate: Float[Array, " head"],
    write: Float[Array, "sentence token group state"],
    read: Float[Array, "sentence token group state"],
    skip: Float[Array, " head"],
    *,
    chunk: int = CHUNK,
) -> Float[Array, "sentence token head channel"]:
    """Runs states that decay alike within a head over the tokens, by matrix products.

    Definition: per head `h[t] = exp(dt[t] A) h[t - 1] + dt[t] x[t] B[t]^T`, with `h` 0
    before the first token, and `y[t] = h[t] C[t] + D x[t]`; head `h` uses the writes
    and reads of group `h // (heads / groups)`. With `s[t]` the sum of `dt A` up to `t`,
    `y[t]` gathers `exp(s[t] - s[u]) (C[t] B[u]) dt[u] x[u]` from the tokens `u <= t` of
    its chunk, and the state before the chunk adds `exp(s[t]) h C[t]`.

    Args:
        value: what is written.
        step: how much time passes at each token; at least 0.
        rate: at which the state of each head decays; negative.
        write: where in the state values go.
        read: how the state is read.
        skip: how much of the value passes by the state.
        chunk: most tokens of a chunk.

    Reference: Dao and Gu 2024, arXiv:2405.21060, section 6 and listing 1.
    """
    n_sentences, n_tokens, n_heads, channels = value.shape
    groups, n_state = write.shape[2:]
    split = (n_sentences, n_tokens, groups, n_heads // groups)
    n_chunks = -(-n_tokens // chunk)
    size = -(-n_tokens // n_chunks)  # of nearly equal length, for the least padding
    along = tuple(
        jnp.moveaxis(_chunked(each, size), 1, 0)
        for each in (
            (step * rate[None, None]).reshape(split),
            (value * step[..., None]).reshape(*split, channels),
            write,
            read,
        )
    )
    if n_chunks == 1:
        found = _within(*_by_head(*(each[0] for each in along)))[None]
    else:
        width = n_heads // groups * channels
        start = jnp.zeros_like(value, shape=(n_sentences, groups, n_state, width))
        _, found = jax.lax.scan(_next_chunk, start, along, unroll=4)
    found = jnp.moveaxis(found, 0, 1).reshape(n_sentences, -1, n_heads, channels)
    return found[:, :n_tokens] + skip[None, None, :, None] * value


def _by_head(
    steps: Float[Array, "sentence token group head"], *others: Array
) -> tuple[Array, ...]:
    """Moves tokens behind groups, and those of the steps behind heads, too."""
    return jnp.moveaxis(steps, 1, -1), *(jnp.moveaxis(each, 1, 2) for each in others)


def _within(
    steps: Float[Array, "sentence group head token"],
    written: Float[Array, "sentence group token head channel"],
    writes: Float[Array, "sentence group token state"],
    reads: Float[Array, "sentence group token state"],
) -> Float[Array, "sentence token group head channel"]:
    """What every token reads of what the tokens of its chunk have written."""
    scores = jnp.matmul(reads, jnp.swapaxes(writes, -1, -2))[:, :, None]
    decays = jnp.exp(_sums_between(steps))
    found = jnp.matmul(decays * scores, jnp.moveaxis(written, 2, 3))
    return jnp.moveaxis(found, 3, 1)


def _sums_between(
    steps: Float[Array, "*batch token"],
) -> Float[Array, "*batch token token"]:
    """Adds up the steps after each token, up to each token that sees it.

    Differences of sums from the start would be faster by little, but lose digits where
    much has passed before; `cumsum` XLA's CPU compiler repeats for every pair.
    """
    place = jnp.arange(steps.shape[-1])
    token, source = place[:, None], place[None, :]
    counted = (place[:, None, None] > source[None]) & (
        place[:, None, None] <= token[None]
    )
    sums = jnp.tensordot(steps, counted.astype(steps.dtype), 1, precision="highest")
    seen = (token >= source).reshape((1,) * (steps.ndim - 1) + (place.size, place.size))
    return jnp.where(seen, sums, -jnp.inf)


@jax.checkpoint
def _next_chunk(
    state: Float[Array, "sentence group state width"], inputs: tuple[Array, ...]
) -> tuple[
    Float[Array, "sentence group state width"],
    Float[Array, "sentence token group head channel"],
]:
    """State after a chunk, and what its tokens read; heads side by side in the state.

    So there is one large product for each group, and not a small one for each head.
    """
    steps, written, writes, reads = _by_head(*inputs)
    up_to = jnp.triu(jnp.ones(2 * steps.shape[-1:], steps.dtype))
    sums = (jnp.matmul(steps, each, precision="highest") for each in (up_to, 1 - up_to))
    passed, rest = (jnp.moveaxis(jnp.exp(each), 2, 3) for each in sums)
    before = passed[..., None] * jnp.matmul(reads, state).reshape(written.shape)
    found = _within(steps, written, writes, reads) + jnp.moveaxis(before, 1, 2)
    kept = (written * rest[..., None]).reshape(*reads.shape[:3], -1)
    added = jnp.matmul(jnp.swapaxes(writes, -1, -2), kept)
    decay = jnp.repeat(passed[:, :, -1], written.shape[-1], axis=-1)[:, :, None]
    return decay * state + added, found


def _chunked(
    along: Float[Array, "sentence token ..."], size: int
) -> Float[Array, "sentence chunk size ..."]:
    """Cuts tokens into chunks; steps of 0 fill the last one, and leave its state."""
    n_sentences, n_tokens, *rest = along.shape
    missing = -n_tokens % size
    filled = jnp.pad(along, ((0, 0), (0, missing), *((0, 0) for _ in rest)))
    return filled.reshape(n_sentences, -1, size, *rest)


def held(channels: int, n_state: int, n_tokens: int) -> int:
    """Counts the numbers per token that `selective_scan` holds at once.

    Definition: one state per sentence before and after a token; where chunks of tokens
    are scanned in parallel, decays and states of all of their tokens before and after.

    Args:
        channels: per token.
        n_state: numbers in the state of a channel.
        n_tokens: length of the sentences.

    Reference: our own definition.
    """
    at_once = 1 if jax.default_backend() == "cpu" else 2 * min(TOKENS_AT_ONCE, n_tokens)
    return -(-2 * at_once * channels * n_state // n_tokens)


def dual_held(
    n_heads: int, channels: int, n_state: int, n_tokens: int, *, chunk: int = CHUNK
) -> int:
    """Counts the numbers per token that `dual_scan` holds at once.

    Definition: sums of steps and decayed scores for each pair of tokens of a chunk; and
    where there are several chunks, the states before and after one.

    Args:
        n_heads: per token.
        channels: of a head.
        n_state: numbers in the state of a channel.
        n_tokens: length of the sentences.
        chunk: most tokens of a chunk.

    Reference: our own definition.
    """
    n_chunks = -(-n_tokens // chunk)
    size = -(-n_tokens // n_chunks)
    states = 2 * channels * n_state if n_chunks > 1 else 0
    return n_heads * (2 * size + -(-states // n_tokens))

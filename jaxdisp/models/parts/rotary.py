"""Rotary positions: queries and keys turned by an angle for every position.

A checkpoint names one of several rules for the speeds of the turning. All of them give
one speed for each pair of channels, so that is all that is kept of them.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdisp.models import entries

COMMON = ("rope_type", "type", "rope_theta", "partial_rotary_factor")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rotary:
    """Speeds in radians per position, and what cosines and sines are multiplied by.

    `context` is how many positions these speeds are meant for.
    """

    speeds: tuple[float, ...]
    factor: float
    context: int


def parameters(
    source: Mapping[str, Any], base: float, names: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Collects what a checkpoint says about rotary positions, in new and old configs.

    Definition: the dict `rope_parameters` or, in older ones, `rope_scaling`, completed
    with `rope_theta` and `partial_rotary_factor` from beside it.

    Args:
        source: the content of `config.json`.
        base: `rope_theta` where none is given.
        names: of the two entries beside it, where a family has others.

    Raises:
        ValueError: if it is no dict.

    Reference: names as in transformers' `RopeParameters`.
    """
    given = source.get("rope_parameters") or source.get("rope_scaling") or {}
    if not isinstance(given, Mapping):
        raise ValueError(f"rope_parameters must be an object, got {given!r}")
    beside = {"rope_theta": "rope_theta", "partial_rotary_factor": ""} | dict(
        names or {}
    )
    found = {"rope_theta": base}
    for name, other in beside.items():
        if source.get(other) is not None:
            found[name] = source[other]
    return found | {name: x for name, x in given.items() if x is not None}


def read(given: Mapping[str, Any], channels: int, context: int) -> Rotary:
    """Computes the speeds that a checkpoint asks for.

    Args:
        given: as from `parameters`.
        channels: of one head.
        context: longest sequence the model takes, `max_position_embeddings`.

    Raises:
        ValueError: if the rule or one of its entries is unknown or out of range.

    Reference: Su et al. 2021, arXiv:2104.09864; the rules as in each function.
    """
    kind = given.get("rope_type", given.get("type", "default"))
    if not isinstance(kind, str) or kind not in RULES:
        raise ValueError(
            f"rope_type {kind!r} is not supported; allowed: {', '.join(RULES)}"
        )
    rule, known = RULES[kind]
    unknown = [name for name in given if name not in (*COMMON, *known)]
    if unknown:
        raise ValueError(
            f"the entries {', '.join(unknown)} of rope_parameters mean nothing to "
            f"rope_type {kind!r}; allowed: {', '.join((*COMMON, *known))}"
        )
    share = entries.positive(given, "partial_rotary_factor", 1.0)
    rotated = int(channels * share)
    if rotated % 2 or not 2 <= rotated <= channels:
        raise ValueError(
            f"rotary positions turn {rotated} of {channels} channels of a head; they "
            "must be an even number of at least 2"
        )
    base = entries.positive(given, "rope_theta")
    plain = base ** (-np.arange(0, rotated, 2) / rotated)
    speeds, factor, meant_for = rule(given, plain, context)
    return Rotary(
        speeds=tuple(np.asarray(speeds, np.float32).tolist()),
        factor=float(factor),
        context=meant_for,
    )


Rule = Callable[
    [Mapping[str, Any], Float[np.ndarray, " pair"], int],
    tuple[Float[np.ndarray, " pair"], float, int],
]


def _default(_given: Mapping[str, Any], plain: np.ndarray, context: int) -> Any:
    """Su et al. 2021, section 3.2.2."""
    return plain, 1.0, context


def _linear(given: Mapping[str, Any], plain: np.ndarray, context: int) -> Any:
    """Chen et al. 2023, arXiv:2306.15595, equation 4."""
    return plain / entries.positive(given, "factor"), 1.0, context


def _dynamic(given: Mapping[str, Any], plain: np.ndarray, context: int) -> Any:
    """As `default`: only texts beyond the context are turned more slowly.

    Those are read in windows here, lest what a text loses depend on the longest text
    beside it.
    """
    entries.positive(given, "factor")
    return plain, 1.0, context


def _llama3(given: Mapping[str, Any], plain: np.ndarray, context: int) -> Any:
    """Llama 3.1: slow turns divided by a factor, fast ones kept, a ramp between."""
    factor = entries.positive(given, "factor")
    low = entries.positive(given, "low_freq_factor")
    high = entries.positive(given, "high_freq_factor")
    if not low < high:
        raise ValueError(f"low_freq_factor {low} must be below high_freq_factor {high}")
    turns = _original(given, context) * plain / (2 * np.pi)
    kept = np.clip((turns - low) / (high - low), 0, 1)
    return (1 - kept) * plain / factor + kept * plain, 1.0, context


def _yarn(given: Mapping[str, Any], plain: np.ndarray, context: int) -> Any:
    """Peng et al. 2023, arXiv:2309.00071, equations 17 to 22."""
    original = _original(given, context)
    factor = entries.positive(given, "factor", context / original)
    base, pairs = entries.positive(given, "rope_theta"), len(plain)
    if not base > 1:
        raise ValueError(f"rope_theta must be above 1 with yarn, got {base}")

    def pair_of(turns: float) -> float:
        return pairs * math.log(original / (turns * 2 * math.pi)) / math.log(base)

    first = pair_of(entries.positive(given, "beta_fast", 32.0))
    last = pair_of(entries.positive(given, "beta_slow", 1.0))
    if entries.flag(given, "truncate", default=True):
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, 2 * pairs - 1)
    width = last - first if last != first else 0.001
    slowed = np.clip((np.arange(pairs) - first) / width, 0, 1)
    speeds = slowed * plain / factor + (1 - slowed) * plain
    over, under = (
        entries.positive(given, name) if given.get(name) else None
        for name in ("mscale", "mscale_all_dim")
    )
    if over is not None and under is not None:
        scale = _yarn_scale(factor, over) / _yarn_scale(factor, under)
    else:
        scale = _yarn_scale(factor, 1.0)
    return speeds, entries.positive(given, "attention_factor", scale), context


def _yarn_scale(factor: float, weight: float) -> float:
    return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0


def _longrope(given: Mapping[str, Any], plain: np.ndarray, context: int) -> Any:
    """Ding et al. 2024, arXiv:2402.13753, with the factors for short texts.

    Longer texts would need the other factors, for all of their tokens; they are read
    in windows of the original context instead, lest padding change what a text loses.
    """
    original = _original(given, context)
    short = given.get("short_factor")
    if not isinstance(short, list) or len(short) != len(plain):
        raise ValueError(f"short_factor must be a list of {len(plain)} numbers")
    slowed = [
        entries.positive({"short_factor": each}, "short_factor") for each in short
    ]
    if original < 2:
        raise ValueError(f"{ORIGINAL} must be at least 2 with longrope, got {original}")
    factor = entries.positive(given, "factor", context / original)
    scale = 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(original))
    scale = entries.positive(given, "attention_factor", scale)
    return plain / np.array(slowed), scale, min(original, context)


def _original(given: Mapping[str, Any], context: int) -> int:
    return entries.count(given, "original_max_position_embeddings", context)


ORIGINAL = "original_max_position_embeddings"
RULES: dict[str, tuple[Rule, tuple[str, ...]]] = {
    "default": (_default, ()),
    "linear": (_linear, ("factor",)),
    "dynamic": (_dynamic, ("factor", ORIGINAL)),
    "llama3": (_llama3, ("factor", "low_freq_factor", "high_freq_factor", ORIGINAL)),
    "yarn": (
        _yarn,
        (
            "factor",
            "attention_factor",
            "beta_fast",
            "beta_slow",
            "mscale",
            "mscale_all_dim",
            "truncate",
            ORIGINAL,
        ),
    ),
    "longrope": (
        _longrope,
        ("factor", "attention_factor", "short_factor", "long_factor", ORIGINAL),
    ),
}
"""Rules by `rope_type`, and the entries that each of them reads."""


def angles(
    rotary: Rotary, n_tokens: int
) -> tuple[Float[Array, "token pair"], Float[Array, "token pair"]]:
    """Computes cosines and sines for every position.

    Definition: `factor * cos(t speed[i])` and `factor * sin(t speed[i])`, `t` from 0.

    Args:
        rotary: speeds and factor.
        n_tokens: how many positions.

    Reference: Su et al. 2021, arXiv:2104.09864, equation 15.
    """
    place = jnp.arange(n_tokens).astype(jnp.float32)
    phase = place[:, None] * jnp.array(rotary.speeds, jnp.float32)[None]
    factor = jnp.float32(rotary.factor)
    return jnp.cos(phase) * factor, jnp.sin(phase) * factor


def rotate(
    state: Float[Array, "sentence token head channel"],
    cosine: Float[Array, "token pair"],
    sine: Float[Array, "token pair"],
) -> Float[Array, "sentence token head channel"]:
    """Turns pairs of channels of every head.

    Definition: channels `i` and `i + n`, of `n` pairs, become `x[i] cos - x[i + n] sin`
    and `x[i + n] cos + x[i] sin`; channels beyond `2 n` stay as they are.

    Args:
        state: queries or keys.
        cosine: of each position and pair.
        sine: of each position and pair.

    Reference: Su et al. 2021, arXiv:2104.09864, equation 34, with the pairs of
        GPT-NeoX, Black et al. 2022, arXiv:2204.06745.
    """
    pairs = cosine.shape[-1]
    first, second = state[..., :pairs], state[..., pairs : 2 * pairs]
    cosine = cosine.astype(state.dtype)[None, :, None]
    sine = sine.astype(state.dtype)[None, :, None]
    turned = (first * cosine - second * sine, second * cosine + first * sine)
    return jnp.concatenate((*turned, state[..., 2 * pairs :]), axis=-1)

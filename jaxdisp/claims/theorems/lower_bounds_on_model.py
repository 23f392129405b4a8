"""What protection and bits can reach on a model, by the losses of its single layers.

Losses of layers are taken as additive; negative ones count as 0. Two sides of languages
are compared where training text is known, the low side with the high one.
"""

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.claims.theorems import layer_draws
from jaxdisp.models import storage
from jaxdisp.quant import (
    attainable_ratio,
    bit_allocation,
    protection_certificate,
    worst_language_floor,
)

LIMITS = (1.0, 1.1)
LAYERS = 3
"""That the notes protect."""
BITS_RANGE = (2.0, 8.0)
DRAWS = 200
"""Of those resampled, for what takes a solver for each of them."""
NO_SIDES = (
    "needs languages of which training text is known, and a high side that loses "
    "something, in every resample"
)

ADDITIVE = "losses of single layers, added up; percentiles over resampled texts"
NEEDED = "theory gap, section 4 (needed derivation)"
PROTECTION = Claim(
    id="5.1",
    statement="Protecting as many weights as three layers have is enough for both "
    "sides to lose the same.",
    source="theory development, theory 3",
    unit="share of the layers' weights, three layers minus the least share",
    method=ADDITIVE,
)
BITS = Claim(
    id="5.2",
    statement="At the bits there are, the low side must lose more than the high side, "
    "unless the high side loses more than now.",
    source=NEEDED,
    unit="bits per weight, least for equal losses minus those there are",
    method=f"{ADDITIVE}; from 2 to 8 bits by layer, chosen and judged by the same "
    "texts",
)
FLOOR = Claim(
    id="5.3",
    statement="Other bits by layer, of the same mean, spare the worst language a "
    "tenth of its loss.",
    source=NEEDED,
    unit="log of the worst language's loss at equal bits over the least possible",
    method=f"{ADDITIVE}; bits are chosen and judged by the same texts",
    support=-math.log(0.9),
    least=-math.log(0.9),
)
LEAST_RATIO = Claim(
    id="5.4",
    statement="However badly both are served, the low side loses more than the high "
    "side.",
    source="theory investigation, hypothesis H4.1",
    unit="nats per sentence, low minus high side, least layer",
    method="losses of single layers; band of all layers over resampled texts",
)


def _sizes(evidence: Evidence) -> Float[np.ndarray, " layer"]:
    """What protecting each layer costs, in bytes: proportional to its weights."""
    subject = evidence.subject
    each = storage.layer_bytes(subject.model, [subject.quantizer])
    return (each[:, 0] - each[:, 1]).astype(np.float64)


def _of_sides(
    evidence: Evidence,
) -> tuple[Float[np.ndarray, "draw layer"], Float[np.ndarray, "draw layer"]] | None:
    """What each layer costs the low and the high side, at least 0; the data first."""
    weights = layer_draws.sides(evidence)
    if weights is None:
        return None
    both = layer_draws.resampled(evidence).alone @ weights.T
    low, high = np.moveaxis(both.clip(0), -1, 0)
    if not np.all(high.sum(axis=1) > 0):
        return None
    return low, high


def _summary(values: Float[np.ndarray, " draw"]) -> dict[str, Any]:
    """The data's value and its interval; row 0 is the data."""
    return {"estimate": float(values[0]), "bounds": layer_draws.bounds(values[1:])}


def _missing(claim: Claim, evidence: Evidence) -> Finding:
    return not_applicable(claim, layer_draws.texts(evidence), NO_SIDES)


def protection(evidence: Evidence) -> dict[str, Any]:
    """Finds the least share of the layers' weights to protect, by ratio allowed.

    Definition: `p*(k)` of theorem 5.1 for `D_low <= k D_high`, its interval, and
    `claim`, the share without which k cannot be met at 95 % confidence; `now` is the
    ratio without protection, `clipped` how many losses of layers were negative.

    Args:
        evidence: of one model.

    Returns:
        By limit; empty where there are no two sides.

    Reference: as `protection_certificate.least_protection`.
    """
    return evidence.kept("least protection", lambda: _protection(evidence))


def _protection(evidence: Evidence) -> dict[str, Any]:
    both = _of_sides(evidence)
    if both is None:
        return {}
    low, high = both
    sizes = _sizes(evidence)
    found: dict[str, Any] = {
        "now": float(low[0].sum() / high[0].sum()),
        "clipped": int(np.sum(low[0] == 0) + np.sum(high[0] == 0)),
        "offered": LAYERS / len(sizes),
    }
    for limit in LIMITS:
        share = protection_certificate.least_protection(low, high, sizes, limit=limit)
        fraction = share.fraction
        claim = protection_certificate.claim_of_draws(fraction[1:])
        found[f"{limit:g}"] = _summary(fraction) | {"claim": float(claim)}
    return found


def judge_protection(evidence: Evidence) -> Finding:
    """Judges whether as many weights as three layers have are enough.

    Args:
        evidence: of one model.

    Reference: our own definition.
    """
    found = protection(evidence)
    if not found:
        return _missing(PROTECTION, evidence)
    equal, nearly = (found[f"{limit:g}"] for limit in LIMITS)
    low, high = equal["bounds"]
    offered = found["offered"]
    said = (
        f"the low side loses {found['now']:.2f} times what the high side does; a ratio "
        f"of 1 takes {equal['estimate']:.1%} of the layers' weights (at 95 % "
        f"confidence at least {equal['claim']:.1%}), a ratio of 1.1 "
        f"{nearly['estimate']:.1%} ({nearly['claim']:.1%}), three layers are "
        f"{offered:.1%}; {found['clipped']} losses of layers below 0 count as 0"
    )
    return judge(
        PROTECTION,
        offered - equal["estimate"],
        (offered - high, offered - low),
        layer_draws.texts(evidence),
        said,
    )


def bits(evidence: Evidence) -> dict[str, Any]:
    """Finds the fewest mean bits at which both sides lose the same and no more.

    Definition: theorem 5.2 with `k = 1` and what the high side loses now as its limit,
    for the data and 200 resamples; where no bits from 2 to 8 suffice, 8. `short` counts
    these.

    Args:
        evidence: of one model.

    Reference: as `bit_allocation.least_bits`.
    """
    return evidence.kept("least bits", lambda: _bits(evidence))


def _bits(evidence: Evidence) -> dict[str, Any]:
    both = _of_sides(evidence)
    if both is None:
        return {}
    sizes = _sizes(evidence)
    now = evidence.subject.quantizer.bits
    low, high = (each[: DRAWS + 1] * 4.0**now for each in both)
    found = [
        _fewest(one, other, sizes, other.sum() * 4.0**-now)
        for one, other in zip(low, high, strict=True)
    ]
    values = np.array([BITS_RANGE[1] if each is None else each for each in found])
    return _summary(values) | {
        "now": now,
        "ratio": float(low[0].sum() / high[0].sum()),
        "short": sum(each is None for each in found),
    }


def _fewest(
    low: np.ndarray, high: np.ndarray, sizes: np.ndarray, quality: float
) -> float | None:
    try:
        found = bit_allocation.least_bits(
            low[None],
            high,
            sizes,
            limit=1.0,
            quality=float(quality),
            bits_range=BITS_RANGE,
        )
    except ValueError:  # no bits in the range suffice
        return None
    return float(found.mean_bits)


def judge_bits(evidence: Evidence) -> Finding:
    """Judges whether the bits there are too few for equal losses.

    Args:
        evidence: of one model.

    Reference: our own definition.
    """
    found = bits(evidence)
    if not found:
        return _missing(BITS, evidence)
    low, high = found["bounds"]
    said = (
        f"with {found['now']} bits for all the ratio is {found['ratio']:.2f}; "
        f"{found['estimate']:.2f} mean bits, spread over layers, make both sides lose "
        f"the same and the high side no more than now ({found['short']} of "
        f"{DRAWS + 1} need more than 8)"
    )
    return judge(
        BITS,
        found["estimate"] - found["now"],
        (low - found["now"], high - found["now"]),
        layer_draws.texts(evidence),
        said,
    )


def floor(evidence: Evidence) -> dict[str, Any]:
    """Finds how little the worst language can lose with as many mean bits as now.

    Definition: theorem 5.3, for the data and 200 resamples: `log` of the worst
    language's loss at equal bits, layers added up, over the floor. `equal` and `floor`
    are in nats per sentence.

    Args:
        evidence: of one model.

    Returns:
        Empty where some language loses nothing by any layer.

    Reference: as `worst_language_floor.floor`.
    """
    return evidence.kept("worst-language floor", lambda: _floor(evidence))


def _floor(evidence: Evidence) -> dict[str, Any]:
    alone = layer_draws.resampled(evidence).alone[: DRAWS + 1].clip(0)
    losses = np.moveaxis(alone, 2, 1)
    if not np.all(losses.any(axis=(1, 2))):
        return {}
    sizes = _sizes(evidence)
    now = evidence.subject.quantizer.bits
    made = [
        worst_language_floor.floor(each * 4.0**now, sizes, mean_bits=float(now))
        for each in losses
    ]
    claims = np.array([float(each.certificate.claim) for each in made])
    equal = losses.sum(axis=2).max(axis=1)
    return _summary(np.log(equal / claims)) | {
        "now": now,
        "equal": float(equal[0]),
        "floor": float(claims[0]),
        "least": float(made[0].bits.min()),
        "most": float(made[0].bits.max()),
    }


def judge_floor(evidence: Evidence) -> Finding:
    """Judges whether the worst language could be spared a tenth by other bits.

    Args:
        evidence: of one model.

    Reference: our own definition.
    """
    found = floor(evidence)
    if not found:
        return not_applicable(
            FLOOR,
            layer_draws.texts(evidence),
            "needs layers whose quantization costs some language something, in every "
            "resample",
        )
    low, high = found["bounds"]
    said = (
        f"the worst language loses {found['equal']:.2f} nats per sentence with "
        f"{found['now']} bits for all; no bits of that mean take it below "
        f"{found['floor']:.2f}, which {found['least']:.1f} to {found['most']:.1f} bits "
        "attain"
    )
    return judge(
        FLOOR, found["estimate"], (low, high), layer_draws.texts(evidence), said
    )


def least_ratio(evidence: Evidence) -> dict[str, Any]:
    """Finds the layer whose ruin makes the sides most equal, and by how much.

    Definition: `gap` is the least over layers of what the low side loses minus what the
    high side does; below 0 exactly if `min g_low / g_high`, the infimum of theorem 5.4,
    is below 1. `bounds` are the least ends of the band of all layers; `ratio` is that
    infimum, negative losses being 0, and `layer` attains it.

    Args:
        evidence: of one model.

    Reference: as `attainable_ratio.least_ratio_at_any_quality`.
    """
    return evidence.kept("least ratio of layers", lambda: _least_ratio(evidence))


def _least_ratio(evidence: Evidence) -> dict[str, Any]:
    weights, both = layer_draws.sides(evidence), _of_sides(evidence)
    if weights is None or both is None:
        return {}
    low, high = both
    gaps = layer_draws.resampled(evidence).alone @ (weights[0] - weights[1])
    ends = layer_draws.band(gaps, layer_draws.texts(evidence))
    found = attainable_ratio.least_ratio_at_any_quality(low[0], high[0])
    return {
        "gap": float(gaps[0].min()),
        "bounds": [float(each.min()) for each in ends],
        "ratio": float(found.ratio),
        "layer": int(found.group),
        "now": float(low[0].sum() / high[0].sum()),
    }


def judge_least_ratio(evidence: Evidence) -> Finding:
    """Judges whether there is a bound on the ratio that no ruin evades.

    Args:
        evidence: of one model.

    Reference: our own definition.
    """
    found = least_ratio(evidence)
    if not found:
        return _missing(LEAST_RATIO, evidence)
    low, high = found["bounds"]
    said = (
        f"the ratio is {found['now']:.2f}, and by noise in layer {found['layer']} "
        f"alone it comes down to {found['ratio']:.2f} at any bits"
    )
    return judge(
        LEAST_RATIO, found["gap"], (low, high), layer_draws.texts(evidence), said
    )

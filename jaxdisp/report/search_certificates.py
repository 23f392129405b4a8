"""Certificates: what no protection and no allocation of bits can reach, with proofs.

They are proved in the additive model `D[l] = sum_i g[l, i] u_i`, `g` what each layer
adds when it alone is quantized and `u` the power of its noise; how far measured losses
are from adding up is printed beside them. Numbers are stored to six digits, and every
claim is what those stored digits prove, so that anyone can check it again.
"""

import decimal
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxdisp.models import storage
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer
from jaxdisp.quant import (
    attainable_ratio,
    bit_allocation,
    certificate_check,
    protection_certificate,
    ratio_optimum,
    worst_language_floor,
)
from jaxdisp.report.runs import rounded
from jaxdisp.report.search_results import ALL, Measured
from jaxdisp.search import lattice, surrogate
from jaxdisp.stats import bootstrap

RATIOS = (1.0, 1.1, 1.25, 1.5, 2.0)
BITS_RANGE = (2.0, 8.0)
CONFIDENCE = 0.95
DIGITS = 6


def certificates(found: Measured, model: Model, quantizer: Quantizer) -> dict[str, Any]:
    """Lists what cannot be reached, by the losses of single layers.

    `protection` is by ratio `k` of what the low side loses to what the high side does:
    the share of the layers' weights without which it is above `k`, also at 95 %
    confidence from resampled texts. Negative losses of single layers count as 0 and are
    counted in `clipped`.

    Args:
        found: what was measured.
        model: the model.
        quantizer: of version 1.

    Reference: our own definition.
    """
    single = lattice.one_quantized(model.config.n_layers)
    places = [_row(found, row) for row in single]
    alone = found.added[:, places] - found.added[:, [ALL]]
    clipped = int(np.sum(alone.mean(axis=0) < 0))
    losses = _six(alone.mean(axis=0).clip(0).T)
    each = storage.layer_bytes(model, [quantizer])
    sizes = (each[:, 0] - each[:, 1]).astype(float)
    content: dict[str, Any] = {
        "clipped": clipped,
        "additivity": _additivity(found),
        "floor": _floor(losses, sizes, quantizer, found),
        "protection": [],
        "least_ratio": [],
        "bits": None,
    }
    if found.compares:
        content |= _of_sides(found, alone, sizes, quantizer)
    content["sentences"] = _sentences(content)
    return content


def check(content: dict[str, Any]) -> bool:
    """Checks every claim of stored certificates by adding up what they store.

    Args:
        content: what `certificates` returns, as stored.

    Returns:
        Whether every claim is within what its numbers prove.

    Reference: our own definition.
    """
    verdicts = [
        certificate_check.check_protection(_protection(_claimed(row)))
        for row in content["protection"]
        if row["certificate"] is not None
    ]
    checks: dict[str, tuple[Callable[[Any], certificate_check.Check], type]] = {
        "bits": (certificate_check.check_bits, bit_allocation.Certificate),
        "floor": (certificate_check.check_floor, worst_language_floor.Certificate),
    }
    for name, (checked, made) in checks.items():
        if content[name] is not None and content[name]["certificate"] is not None:
            verdicts.append(checked(made(**_arrays(_claimed(content[name])))))
    return all(bool(verdict.holds) for verdict in verdicts)


def _claimed(row: dict[str, Any]) -> dict[str, Any]:
    """The certificate with what is claimed beside it; a claim of 0 needs no proof."""
    stored = row["certificate"]
    claims = [
        math.inf if each is None else each for each in (stored["claim"], row["claim"])
    ]
    return stored | {"claim": max(claims) if row["claim"] != 0 else claims[0]}


def _row(found: Measured, wanted: np.ndarray) -> int:
    return int(np.flatnonzero((found.lattice.rows == wanted).all(axis=1))[0])


def _six(values: Float[np.ndarray, "..."]) -> np.ndarray:
    return np.asarray(rounded(np.asarray(values, np.float64)), np.float64)


def _lowered(value: float) -> float:
    """The largest number of six digits that is no larger."""
    floor = decimal.Context(prec=DIGITS, rounding=decimal.ROUND_FLOOR)
    return float(floor.create_decimal_from_float(value))


def _arrays(stored: dict[str, Any]) -> dict[str, np.ndarray]:
    return {
        name: np.asarray(math.inf if value is None else value, np.float64)
        for name, value in stored.items()
    }


def _protection(stored: dict[str, Any]) -> protection_certificate.Certificate:
    return protection_certificate.Certificate(**_arrays(stored))


def _stored(certificate: Any, checked: Any) -> dict[str, Any]:
    """A certificate in six digits, claiming what these prove."""
    fields = {
        name: _six(np.asarray(getattr(certificate, name)))
        for name in certificate.__dataclass_fields__
    }
    fields["claim"] = np.asarray(-np.inf)
    bound = float(checked(type(certificate)(**fields)).bound)
    if bound and math.isfinite(bound):  # it may have been rounded up
        bound = math.nextafter(bound, -math.inf)
    fields["claim"] = np.asarray(_lowered(bound))
    return {name: value.tolist() for name, value in fields.items()}


def _additivity(found: Measured) -> dict[str, Any]:
    try:
        share = surrogate.additivity(
            found.added - found.added[:, [ALL]],
            found.groups,
            found.lattice.rows,
            key=found.key,
        )
    except ValueError:  # no row with every layer in version 1
        return {}
    return {
        name: {
            "residual": float(share.estimate[place]),
            "low": float(share.low[place]),
            "high": float(share.high[place]),
        }
        for place, name in enumerate(found.corpus.languages)
    }


def _floor(
    losses: np.ndarray, sizes: np.ndarray, quantizer: Quantizer, found: Measured
) -> dict[str, Any] | None:
    """The least that the worst language can lose with as many mean bits as now."""
    at_zero_bits = _six(losses * 4.0**quantizer.bits)
    if not (at_zero_bits > 0).any(axis=1).all():
        return None
    made = worst_language_floor.floor(
        at_zero_bits, sizes, mean_bits=float(quantizer.bits)
    )
    stored = _stored(made.certificate, certificate_check.check_floor)
    return {
        "mean_bits": quantizer.bits,
        "claim": stored["claim"],
        "attained": float(made.worst),
        "bits": np.asarray(made.bits).tolist(),
        "uniform": float(losses.sum(axis=1).max()),
        "measured": float(found.added[:, 1].mean(axis=0).max()),
        "certificate": stored,
    }


def _of_sides(
    found: Measured, alone: np.ndarray, sizes: np.ndarray, quantizer: Quantizer
) -> dict[str, Any]:
    """What holds of the low side against the high side."""
    sides = alone @ found.weights.T
    low, high = _six(sides.mean(axis=0).clip(0).T)
    if not high.any():
        return {}
    draws = bootstrap.resample(sides, found.groups, key=found.key)
    sums = np.asarray(draws.replicate_sums, np.float64).clip(0)
    now = float(low.sum() / high.sum())
    protection = []
    for ratio in RATIOS:
        of_draws = protection_certificate.least_protection(
            sums[..., 0], sums[..., 1], sizes, limit=ratio
        )
        shared = protection_certificate.least_protection_of_languages(
            low[None], high, sizes, limit=ratio
        )
        stored = _stored(shared.certificate, certificate_check.check_protection)
        protection.append(
            {
                "ratio": ratio,
                "claim": max(0.0, stored["claim"]),
                "claim_95": float(
                    protection_certificate.claim_of_draws(
                        of_draws.fraction, confidence=CONFIDENCE
                    )
                ),
                "attained": float(shared.fraction),
                "protected": np.asarray(shared.protected).tolist(),
                "certificate": stored,
            }
        )
    shares = np.unique(
        [(row == 0).mean() for row in found.lattice.rows[found.lattice.asked]]
    )
    return {
        "ratio_now": now,
        "protection": protection,
        "least_ratio": [
            {
                "fraction": float(share),
                "ratio": float(
                    attainable_ratio.least_disparity(
                        low, high, sizes, fraction=float(share)
                    ).ratio
                ),
                **_of_whole_layers(low, high, float(share)),
            }
            for share in shares
            if 0 < share < 1
        ],
        "least_ratio_at_any_quality": float(
            attainable_ratio.least_ratio_at_any_quality(low, high).ratio
        ),
        "bits": _bits(low, high, sizes, quantizer),
    }


def _of_whole_layers(low: np.ndarray, high: np.ndarray, share: float) -> dict[str, Any]:
    """The layers, so many of them, whose protection makes the ratio smallest."""
    kept = round(share * low.size)
    try:
        best = ratio_optimum.least_ratio(low, high, n_protected=kept)
    except ValueError:  # some sets leave the high side nothing to lose
        return {"layers": None, "ratio_of_layers": None}
    layers = np.flatnonzero(best.protected).tolist()
    return {"layers": layers, "ratio_of_layers": float(best.ratio)}


def _bits(
    low: np.ndarray, high: np.ndarray, sizes: np.ndarray, quantizer: Quantizer
) -> dict[str, Any]:
    """The fewest mean bits for equal losses, the high side losing no more than now."""
    scale = 4.0**quantizer.bits
    quality = float(high.sum())
    try:
        made = bit_allocation.least_bits(
            _six(low[None] * scale),
            _six(high * scale),
            sizes,
            limit=RATIOS[0],
            quality=quality,
            bits_range=BITS_RANGE,
        )
    except ValueError as error:
        return {"ratio": RATIOS[0], "reason": str(error), "certificate": None}
    stored = _stored(made.certificate, certificate_check.check_bits)
    return {
        "ratio": RATIOS[0],
        "quality": quality,
        "claim": stored["claim"],
        "attained": float(made.mean_bits),
        "bits": np.asarray(made.bits).tolist(),
        "certificate": stored,
    }


def _sentences(content: dict[str, Any]) -> list[str]:
    reachable = [
        row
        for row in content["protection"]
        if row["ratio"] < content.get("ratio_now", 0.0)
    ]
    made = [
        f"Without protecting {100 * row['claim']:.1f} % of the layers' weights "
        f"({100 * row['claim_95']:.1f} % at 95 % confidence) the low side loses "
        f"more than {row['ratio']:g} times what the high side does (now "
        f"{content['ratio_now']:.2f})."
        for row in reachable[:2]
    ]
    if content["protection"] and not reachable:
        made.append(
            f"By single layers the low side loses {content['ratio_now']:.2f} times "
            "what the high side does: no certificate is needed for a ratio of 1."
        )
    if content["floor"] is not None:
        floor = content["floor"]
        made.append(
            f"No allocation of {floor['mean_bits']} mean bits to layers takes the "
            f"worst language below {floor['claim']:.2f} nats (equal bits: "
            f"{floor['uniform']:.2f})."
        )
    residuals = [
        abs(each["residual"])
        for each in content["additivity"].values()
        if np.isfinite(each["residual"])
    ]
    if residuals and made:
        made.append(
            f"These hold in the additive model; losses of layers miss "
            f"{100 * float(np.median(residuals)):.0f} % of the whole in the median "
            f"language ({100 * max(residuals):.0f} % at most)."
        )
    return made

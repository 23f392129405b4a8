"""Tables of causal tracing: shares of the damage by language, layer and part."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxdisp.claims.experiment import Rows
from jaxdisp.measure import tracing
from jaxdisp.measure.corpora import codes

ALL = tracing.PARTS.index("all")
SITES = {
    "restored": tracing.SITES,
    "placebo": tracing.PLACEBOS,
    "produced": tracing.SITES,
}


def tables(
    whole: dict[str, tracing.Shares],
    damage: Float[np.ndarray, "language sentence"],
    languages: Sequence[str],
    training_bytes: dict[str, int],
) -> dict[str, Rows]:
    """Writes what tracing measured as rows: by language, by part, at the gateways.

    Definition: shares of the damage, None where the damage of the language is not
    clearly above 0 (its interval over texts); `layer` is the one after which a state is
    replaced, or whose update is.

    Args:
        whole: shares `restored`, of the `placebo`, `produced`, and if there are any
            those restored at the three `gateways` together.
        damage: what quantization costs, in nats per sentence.
        languages: their names.
        training_bytes: bytes of training text per language, where known.

    Reference: our own definition.
    """
    gateways = whole.get("gateways")
    return {
        "languages": _language_rows(whole, damage, languages),
        "parts": _part_rows(whole),
        "gateways": []
        if gateways is None
        else _gateway_rows(gateways, damage, languages, training_bytes),
    }


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _kinds(whole: dict[str, tracing.Shares]) -> list[tuple[str, str, int, Any, Any]]:
    """Direction, site, part, and shares `[layer, language]` and `[bound, layer]`."""
    found = []
    for name, sites in SITES.items():
        estimate = np.asarray(whole[name].of_language.estimate)
        together = whole[name].together
        bounds = np.stack([together.estimate, together.low, together.high], axis=-2)
        for place in np.ndindex(estimate.shape[:-2]):
            part = place[1] if name == "restored" else ALL
            found.append((name, sites[place[0]], part, estimate[place], bounds[place]))
    return found


def _language_rows(
    whole: dict[str, tracing.Shares], damage: np.ndarray, languages: Sequence[str]
) -> Rows:
    """By language, direction, site and layer the share of each part."""
    rows: dict[tuple[str, str, str, int], dict[str, Any]] = {}
    for direction, site, part, shares, _ in _kinds(whole):
        for layer, column in np.ndindex(shares.shape[0], shares.shape[1]):
            language = str(languages[column])
            row = rows.setdefault(
                (language, direction, site, layer),
                {
                    "language": language,
                    "direction": direction,
                    "site": site,
                    "layer": layer,
                    "damage": float(damage[column].mean()),
                    **dict.fromkeys(map(_column, tracing.PARTS)),
                },
            )
            row[_column(tracing.PARTS[part])] = _number(shares[layer, column])
    return list(rows.values())


def _column(part: str) -> str:
    return part.replace(" ", "_")


def _part_rows(whole: dict[str, tracing.Shares]) -> Rows:
    """Of all languages together, with intervals, by direction, site, layer, part."""
    return [
        {
            "direction": direction,
            "site": site,
            "layer": layer,
            "part": tracing.PARTS[part],
            "share": _number(share),
            "low": _number(low),
            "high": _number(high),
        }
        for direction, site, part, _, bounds in _kinds(whole)
        for layer, (share, low, high) in enumerate(bounds.T)
    ]


def _gateway_rows(
    gateways: tracing.Shares,
    damage: np.ndarray,
    languages: Sequence[str],
    training_bytes: dict[str, int],
) -> Rows:
    """By language, the shares that the three gateways restore, added up."""
    found = gateways.of_language
    known = codes.matched(training_bytes, languages)
    return [
        {
            "language": language,
            "training_bytes": known.get(language),
            "damage": float(damage[n].mean()),
            "share": _number(found.estimate[0, n]),
            "low": _number(found.low[0, n]),
            "high": _number(found.high[0, n]),
        }
        for n, language in enumerate(languages)
    ]

"""Tables of causal tracing: shares of the damage by language, layer and part."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Int, PRNGKeyArray

from jaxdisp.claims.experiment import Rows
from jaxdisp.measure import tracing
from jaxdisp.search import lattice

ALL, UPDATE = tracing.PARTS.index("all"), tracing.SITES.index("update")
LEAST_LAYERS = 5
"""Below, the three gateways are not three layers."""


def tables(
    traces: tracing.Traces,
    whole: dict[str, tracing.Shares],
    groups: Int[np.ndarray, " sentence"],
    known: tuple[Sequence[str], dict[str, int]],
    *,
    key: PRNGKeyArray,
) -> dict[str, Rows]:
    """Writes what tracing measured as rows: by language, by part, at the gateways.

    Definition: shares of the damage, None where the damage of the language is not
    clearly above 0 (its interval over texts); `layer` is the one after which a state is
    replaced, or whose update is.

    Args:
        traces: what patches change.
        whole: shares restored, of placebos, and produced.
        groups: the text that each sentence belongs to.
        known: the languages, and bytes of training text where known.
        key: of the resampling.

    Reference: our own definition.
    """
    return {
        "languages": _language_rows(whole, traces.damage, known[0]),
        "parts": _part_rows(whole),
        "gateways": _gateway_rows(traces, groups, known, key=key),
    }


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _kinds(whole: dict[str, tracing.Shares]) -> list[tuple[str, str, int, Any, Any]]:
    """Direction, site, part, and shares `[layer, language]` and `[layer]`."""
    found = []
    for name, shares in whole.items():
        estimate = np.asarray(shares.of_language.estimate)
        for place in np.ndindex(estimate.shape[:-2]):
            site = (tracing.PLACEBOS if name == "placebo" else tracing.SITES)[place[0]]
            part = place[1] if name == "restored" else ALL
            together = jax.tree.map(
                lambda x, place=place: np.asarray(x)[place], shares.together
            )
            found.append((name, site, part, estimate[place], together))
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
            "share": _number(together.estimate[layer]),
            "low": _number(together.low[layer]),
            "high": _number(together.high[layer]),
        }
        for direction, site, part, _, together in _kinds(whole)
        for layer in range(len(together.estimate))
    ]


def _gateway_rows(
    traces: tracing.Traces,
    groups: np.ndarray,
    known: tuple[Sequence[str], dict[str, int]],
    *,
    key: PRNGKeyArray,
) -> Rows:
    """By language, the shares that the three gateways restore, added up."""
    n_layers = traces.restored.shape[2]
    if n_layers < LEAST_LAYERS:
        return []
    added = traces.restored[UPDATE, ALL, np.array(lattice.gateways(n_layers))].sum(0)
    found = tracing.shares(added, traces.damage, groups, key=key).of_language
    languages, training_bytes = known
    return [
        {
            "language": language,
            "training_bytes": training_bytes.get(language),
            "damage": float(traces.damage[n].mean()),
            "share": _number(found.estimate[n]),
            "low": _number(found.low[n]),
            "high": _number(found.high[n]),
        }
        for n, language in enumerate(languages)
    ]

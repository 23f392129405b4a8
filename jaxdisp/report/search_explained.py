"""Why sets rank as they do: shares of layers, interactions, what adding up misses."""

import math
from typing import Any

import numpy as np

from jaxdisp.report import search_tables
from jaxdisp.report.results import interval_fields
from jaxdisp.report.search_results import ALL, Measured
from jaxdisp.search import interactions, lattice, mediant, surrogate
from jaxdisp.stats.bca import Interval


def explained(found: Measured) -> dict[str, Any]:
    """Lists Shapley values, interactions, and what adding up layers gets wrong.

    Args:
        found: what was measured.

    Reference: our own definition.
    """
    versions = found.lattice.rows
    binary = np.flatnonzero((versions <= lattice.QUANTIZED).all(axis=1))
    table = versions[binary]
    # what is outside the layers may be quantized in all rows
    added = found.added[:, binary] - found.added[:, [ALL]]
    content: dict[str, Any] = _shapley(found, added, table)
    content["interactions"] = _interactions(found, added, table)
    content["synergy"] = _synergy(found, added, table)
    content["surrogate"] = _surrogate(found)
    content["mediant"] = _mediant(found, added, table)
    content["sentences"] = _sentences(content)
    return content


def _sentences(content: dict[str, Any]) -> list[str]:
    """What first and last layer do together, and which layers only seem harmful."""
    made = []
    if (both := content["synergy"]) is not None:
        layers = " and ".join(map(str, both["layers"]))
        made.append(
            f"Protecting {layers} together saves {both['mean']:+.2f} "
            f"[{both['mean_low']:+.2f}, {both['mean_high']:+.2f}] nats beyond what "
            "each saves alone (mean over languages)."
        )
    seeming = [row for row in content["mediant"] if row["harmful_only_in_ratio"]]
    if seeming:
        layers = ", ".join(
            f"{row['layer']} (to {math.exp(row['after']):.2f})" for row in seeming
        )
        made.append(
            f"Protecting layer {layers} alone raises the ratio of what the two sides "
            f"lose, {math.exp(seeming[0]['before']):.2f}, although neither loses more: "
            "a ratio rises with any layer whose own is below the average."
        )
    return made


def _shapley(found: Measured, added: np.ndarray, table: np.ndarray) -> dict[str, Any]:
    try:
        shares = interactions.shapley(added, found.groups, table, key=found.key)
    except ValueError as error:
        return {"layers": [], "shapley_reason": str(error)}
    languages = found.corpus.languages
    return {
        "layers": [
            {
                "layer": layer,
                **interval_fields("shapley", shares.mean, (layer,)),
                "by_language": {
                    name: _triple("shapley", shares.per_language, (layer, place))
                    for place, name in enumerate(languages)
                },
            }
            for layer in range(table.shape[1])
        ],
        "shapley_order": shares.order,
        "shapley_truncated": shares.truncated,
        "shapley_residual": {
            name: float(shares.residual.estimate[place])
            for place, name in enumerate(languages)
        },
    }


def _triple(name: str, interval: Interval, at: tuple[int, ...]) -> dict[str, float]:
    return {
        name: float(interval.estimate[at]),
        "low": float(interval.low[at]),
        "high": float(interval.high[at]),
    }


def _interactions(
    found: Measured, added: np.ndarray, table: np.ndarray
) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for size in (2, 3):
        try:
            each = interactions.interactions(
                added, found.groups, table, size=size, key=found.key
            )
        except ValueError:  # no set of this size has all its subsets in the table
            continue
        by_language = np.asarray(each.per_language.estimate)
        made += [
            {
                "layers": each.sets[place].tolist(),
                "size": size,
                **interval_fields("interaction", each.mean, (place,)),
                "above_noise": bool(each.mean_above_noise[place]),
                "by_language": dict(
                    zip(
                        found.corpus.languages, by_language[place].tolist(), strict=True
                    )
                ),
            }
            for place in range(len(each.sets))
        ]
    return made


def _synergy(
    found: Measured, added: np.ndarray, table: np.ndarray
) -> dict[str, Any] | None:
    try:
        each = interactions.synergy(
            added, found.groups, table, weights=found.weights, key=found.key
        )
    except ValueError:  # one of the four sets was not measured
        return None
    names = ("mean", "worst", "difference", "log_mean", "log_worst", "log_ratio")
    content: dict[str, Any] = {"layers": [0, table.shape[1] - 1]}
    for name in names:
        content |= interval_fields(name, getattr(each, name), ())
    return content


def _surrogate(found: Measured) -> dict[str, Any]:
    try:
        one = surrogate.additive(
            found.added - found.added[:, [ALL]],
            found.groups,
            found.lattice.rows,
            found.lattice.n_bytes,
            weights=found.weights,
            objective=found.objective,
            key=found.key,
        )
    except ValueError as error:  # too few sets to compare
        return {"reason": str(error), "sentence": ""}
    largest = _commonest_size(found, one)
    picked = found.lattice.rows[one.picked[largest]]
    row = {
        "layers": list(lattice.protected_layers(picked)),
        "assignment": picked.tolist(),
    }
    content = {
        "n_sets": int(one.compared.sum()),
        **interval_fields("bias", one.bias, ()),
        **interval_fields("rms", one.rms, ()),
        "rank_correlation": float(one.rank_correlation.estimate),
        "rank_correlation_low": float(one.rank_correlation.low),
        "rank_correlation_high": float(one.rank_correlation.high),
        "picked": row["layers"],
        "picked_assignment": row["assignment"],
        "regret": float(one.regret.estimate[largest]),
        "regret_low": float(one.regret.low[largest]),
        "regret_high": float(one.regret.high[largest]),
    }
    content["sentence"] = (
        "Adding up layers quantized one at a time, as automatic mixed precision does, "
        f"errs by {content['rms']:.2f} [{content['rms_low']:.2f}, "
        f"{content['rms_high']:.2f}] (root mean square) and ranks sets with a "
        f"correlation of {content['rank_correlation']:.2f}; the set it picks, "
        f"{search_tables.in_braces(row)}, loses {content['regret']:.2f} "
        "more than the best measured of its size."
    )
    return content


def _commonest_size(found: Measured, one: surrogate.Surrogate) -> int:
    """The class of sizes that most of the sets asked for are in."""
    sizes = found.lattice.n_bytes[found.lattice.asked]
    return int(np.argmax([np.sum(sizes == each) for each in one.n_bytes]))


def _mediant(
    found: Measured, added: np.ndarray, table: np.ndarray
) -> list[dict[str, Any]]:
    if not found.compares:
        return []
    try:
        each = mediant.explanation(
            added, found.groups, table, weights=found.weights, key=found.key
        )
    except ValueError:  # single layers were not protected
        return []
    names = ("after", "change", "predicted_after", "low_change", "high_change")
    flags = ("rises", "predicted_rises", "agrees", "harmful_only_in_ratio", "bounded")
    made = []
    for layer in range(table.shape[1]):
        row: dict[str, Any] = {"layer": layer, "before": float(each.before.estimate)}
        for name in names:
            row |= interval_fields(name, getattr(each, name), (layer,))
        made.append(row | {flag: bool(getattr(each, flag)[layer]) for flag in flags})
    return made

"""Results of a search with numbers drawn from a key, in which everything agrees.

Losses follow a game of single layers and pairs, so that sets, Shapley values and
interactions are those of the same made-up model; intervals have one width.
"""

import itertools

import jax
import numpy as np

LANGUAGES = ("en", "de", "ru", "sw", "yo")
MEASURES = ("mean", "worst", "disparity")
OUTSIDE = 1_200_000


def layer_sets(n_layers, *sizes):
    """All sets of so many layers."""
    layers = range(n_layers)
    return [each for size in sizes for each in itertools.combinations(layers, size)]


def search(
    key,
    sets,
    *,
    n_layers=12,
    languages=LANGUAGES,
    equal_layers=True,
    objective="worst",
    proposed=(0, 9, 11),
    order=3,
    width=0.3,
):
    """Makes the results of a search of `sets` of protected layers."""
    keys = jax.random.split(key, 4)
    shape = (n_layers, len(languages))
    single = np.array(jax.random.gamma(keys[0], 1.2, shape), float) / n_layers
    single *= np.linspace(0.7, 2.5, len(languages))
    pairs = list(itertools.combinations(range(n_layers), 2))
    extra = 0.04 * np.array(
        jax.random.normal(keys[1], (len(pairs), len(languages))), float
    )
    unequal = np.array(jax.random.uniform(keys[2], (n_layers,)), float)
    layer_bytes = 200_000 + (0 if equal_layers else 1) * (3e5 * unequal).astype(int)
    total = single.sum(axis=0) + extra.sum(axis=0) + 0.3

    def losses(layers):
        kept = np.isin(np.arange(n_layers), layers)
        both = np.array([kept[a] and kept[b] for a, b in pairs])
        return total - kept @ single - both @ extra

    def fields(layers):
        lost = losses(layers)
        layers_stored = int(layer_bytes.sum() + 3 * sum(layer_bytes[list(layers)]))
        values = (lost.mean(), lost.max(), np.ptp(lost))
        named = {
            "bytes": OUTSIDE + layers_stored,
            "effective_bits": 4 * layers_stored / int(layer_bytes.sum()),
        }
        for name, value in zip(MEASURES, values, strict=True):
            named |= bounds(name, value, width)
        return named | {
            "worst_language": languages[int(np.argmax(lost))],
            "d_sent": dict(zip(languages, lost.tolist(), strict=True)),
        }

    rows = [
        {
            "layers": list(layers),
            "assignment": [int(n not in layers) for n in range(n_layers)],
            **fields(layers),
        }
        for layers in sets
    ]
    measure = {"max_min": "disparity"}.get(objective, objective)
    rows = _ranked(rows, measure, width)
    return {
        "objective": objective,
        "objective_unit": "nats per sentence",
        "disparity_measure": "max_min",
        "n_sentences": 40,
        "n_groups": 16,
        "languages": list(languages),
        "quantizers": [{"bits": 4, "grid": "symmetric"}],
        "layer_evaluations": 999,
        "layer_evaluations_with_references": 1103,
        "layers_without_sharing": 12 * len(sets),
        "full_bytes": OUTSIDE + int(4 * layer_bytes.sum()),
        "unprotected": fields(()),
        "sets": rows,
        "best_sets": [row["layers"] for row in rows if row["among_best"]],
        "proposed": _proposed(rows, proposed),
        "matched_budget": None,
        "layers": _shapley(single, extra, pairs, languages),
        "shapley_order": order,
        "shapley_truncated": order < n_layers,
        "shapley_residual": dict.fromkeys(languages, 0.01),
        "interactions": _interactions(keys[3], extra, pairs, languages, order),
        "surrogate": {"sentence": "Adding up layers errs by 0.20 [0.11, 0.31]."},
        "certificates": {"sentences": ["No three layers can lose less than 1."]},
    }


def bounds(name, value, width):
    """An estimate with bounds at `width` to both sides."""
    value = float(value)
    return {name: value, f"{name}_low": value - width, f"{name}_high": value + width}


def _ranked(rows, measure, width):
    rows = sorted(rows, key=lambda row: row[measure])
    values = np.array([row[measure] for row in rows])
    flagged = [
        row
        | {
            "objective": row[measure],
            "rank": 1 + int((values < row[measure]).sum()),
            "rank_low": 1 + int((values < row[measure] - width).sum()),
            "rank_high": int((values <= row[measure] + width).sum()),
            "among_best": bool(row[measure] <= values[0] + width),
            "share_best": 1 / len(rows),
            "levelling_down": number % 7 == 3,
        }
        for number, row in enumerate(rows)
    ]
    size = np.array([row["bytes"] for row in rows])
    front = {}
    for name in MEASURES:
        value = np.array([row[name] for row in rows])
        front[name] = [
            not np.any((size <= s) & (value <= v) & ((size < s) | (value < v)))
            for s, v in zip(size, value, strict=True)
        ]
    return [
        row | {"fronts": [name for name in MEASURES if front[name][number]]}
        for number, row in enumerate(flagged)
    ]


def _proposed(rows, layers):
    row = next((row for row in rows if row["layers"] == list(layers or ())), None)
    if layers is None or row is None:
        return None
    named = "{" + ", ".join(map(str, layers)) + "}"
    return {
        "layers": list(layers),
        **{name: row[name] for name in ("rank", "rank_low", "rank_high", "among_best")},
        "n_sets": len(rows),
        "best": rows[0]["layers"],
        **bounds("difference", row["objective"] - rows[0]["objective"], 0.2),
        "sentence": f"{named} ranks {row['rank']} of {len(rows)} sets of its size.",
    }


def _shapley(single, extra, pairs, languages):
    shares = single.copy()
    for (a, b), each in zip(pairs, extra, strict=True):
        shares[a] += each / 2
        shares[b] += each / 2
    return [
        {
            "layer": layer,
            **bounds("shapley", row.mean(), 0.04),
            "by_language": {
                name: {"shapley": value, "low": value - 0.09, "high": value + 0.09}
                for name, value in zip(languages, row.tolist(), strict=True)
            },
        }
        for layer, row in enumerate(shares)
    ]


def _interactions(key, extra, pairs, languages, order):
    triples = layer_sets(1 + pairs[-1][1], 3) if order > 2 else []
    third = 0.03 * np.array(
        jax.random.normal(key, (len(triples), len(languages))), float
    )
    noise = 2 * 0.04 / np.sqrt(len(languages))
    return [
        {
            "layers": list(layers),
            "size": len(layers),
            **bounds("interaction", row.mean(), noise),
            "above_noise": bool(abs(row.mean()) > noise),
            "by_language": dict(zip(languages, row.tolist(), strict=True)),
        }
        for layers, row in zip([*pairs, *triples], [*extra, *third], strict=True)
    ]

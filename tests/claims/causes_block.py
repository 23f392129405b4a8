"""What a run records of causes, made up: twelve rows in each of six languages."""

import jax
import numpy as np

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.experiment import Subject

LANGUAGES = ("am", "de", "en", "fi", "he", "zh")
ROWS = 12
TEXTS = 4


def normals(seed, *shape):
    """Standard normal numbers."""
    return np.asarray(jax.random.normal(jax.random.key(seed), shape), np.float64)


def effect(name, median, low, high):
    return {"name": name, "median": median, "low": low, "high": high, "unit": "units"}


def units(seed=0, **columns):
    """Rows whose T, A, R and D depend on one another, R and D above 0."""
    errors = normals(seed, 4, len(LANGUAGES), ROWS)
    rows = []
    for place, language in enumerate(LANGUAGES):
        t = 0.5 + 0.08 * place + 0.1 * errors[0, place]
        a = 0.3 * t + 0.1 * errors[1, place]
        r = 20 + 5 * a + errors[2, place]
        d = 6 - 3 * t - 0.1 * (r - 20) + errors[3, place]
        for sentence in range(ROWS):
            row = {
                "language": language,
                "sentence": sentence,
                "group": sentence % TEXTS,
                "T": t[sentence],
                "A": a[sentence],
                "R": r[sentence],
                "D": d[sentence],
                "relative_tokens": 1 / t[sentence],
                "log_training_bytes": 5 + 0.3 * (place % 3),
            }
            row |= {name: values[place, sentence] for name, values in columns.items()}
            rows.append(
                {k: v if isinstance(v, str) else float(v) for k, v in row.items()}
            )
    return rows


def block(**changes):
    """A block of causes; `changes` replace its entries."""
    total = effect("total", -2.0, -3.0, -1.0)
    return {
        "link": "linear",
        "languages": list(LANGUAGES),
        "diagnostics": {"problems": []},
        "refused": [],
        "units": units(),
        "effects": [
            total,
            effect("natural_direct", -1.5, -2.5, -0.5),
            effect("natural_indirect", -0.5, -0.9, -0.1),
            effect("T>A>R>D", -0.2, -0.4, -0.1),
            effect("proportion_mediated", 0.25, 0.05, 0.40),
        ],
        "sensitivity": {
            "front_door": {
                "assumed": "T>A, A>R, R>D; T<->D",
                "estimate": -0.4,
                "low": -0.7,
                "high": -0.1,
                "refused": [],
            },
            "coefficients": [
                {
                    "coefficient": "T>D",
                    "estimate": -1.5,
                    "low": -2.5,
                    "high": -0.5,
                    "t": -3.0,
                    "df": 60,
                    "robustness_value": 0.32,
                    "robustness_value_05": 0.12,
                }
            ],
            "benchmarks": [],
            "least_confounder": [{"effect": "total", "strength": 0.3}],
        },
        "mediations": [],
    } | changes


def evidence(causes):
    """Evidence of causes alone: no claim about these reads the subject."""
    return Evidence(
        subject=object.__new__(Subject),
        findings={},
        causes=causes,
        kept=lambda _, compute: compute(),
    )

"""Rows of a serial mediation model with known coefficients, for tests of `causal`."""

import jax
import numpy as np

from jaxdisp.causal import units

COEFFICIENTS = {
    ("T", "A"): 0.8,
    ("T", "R"): 0.3,
    ("A", "R"): 0.6,
    ("T", "D"): -0.4,
    ("A", "D"): -0.3,
    ("R", "D"): -0.5,
}


def rows(
    seed=0,
    n_languages=6,
    n_sentences=40,
    coefficients=COEFFICIENTS,
    between=0.5,
    confounding=(0.0, 0.0),
    covariate=0.0,
):
    """Positive values (exponentials); `confounding` are loadings of T and D on U.

    With `covariate` there is a column `length` that moves T and D by as much.
    """
    key = jax.random.key(seed)
    shape = (10, n_languages * n_sentences)
    noise = np.asarray(jax.random.normal(key, shape), np.float64)
    language = np.repeat(np.arange(n_languages), n_sentences)
    levels = between * noise[:4, :n_languages][:, language]
    length, shared = noise[8], noise[9]
    by = {
        "T": covariate * length + confounding[0] * shared,
        "D": covariate * length + confounding[1] * shared,
    }
    found = {}
    for number, node in enumerate(("T", "A", "R", "D")):
        found[node] = levels[number] + noise[4 + number] + by.get(node, 0.0)
        for (cause, effect), coefficient in coefficients.items():
            if effect == node:
                found[node] = found[node] + coefficient * found[cause]
    return [
        {
            "language": f"l{language[i]}",
            "sentence": f"s{i % n_sentences}",
            **{node: float(np.exp(0.3 * found[node][i])) for node in found},
            **({"length": float(length[i])} if covariate else {}),
        }
        for i in range(len(language))
    ]


def made(**options):
    return units.make_units(rows(**options))

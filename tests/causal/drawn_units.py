"""Units drawn from known linear equations, shared by tests of the posterior."""

import jax
import numpy as np

from jaxdisp.causal import units


def table(
    seed=0,
    *,
    n_languages=8,
    n_sentences=40,
    coefficients=None,
    spread=0.3,
    noise=0.5,
    log=False,
):
    """Rows of a linear model with a covariate x and intercepts by language.

    With `log` the four variables are exponentials, so that it is linear in logarithms.
    """
    by = {"TA": 0.7, "TR": 0.5, "AR": 0.4, "TD": -0.2, "AD": 0.1, "RD": -0.8}
    by |= coefficients or {}
    n = n_languages * n_sentences
    draws = np.asarray(jax.random.normal(jax.random.key(seed), (5, n)), float)
    around = np.asarray(
        jax.random.normal(jax.random.key(seed + 1000), (4, n_languages)), float
    )
    language = np.repeat(np.arange(n_languages), n_sentences)
    u = spread * around[:, language]
    x, e = draws[4], noise * draws[:4]
    t = 0.3 * x + u[0] + e[0]
    a = by["TA"] * t + 0.2 * x + u[1] + e[1]
    r = by["TR"] * t + by["AR"] * a + u[2] + e[2]
    d = by["TD"] * t + by["AD"] * a + by["RD"] * r + 0.3 * x + u[3] + e[3]
    values = {"T": t, "A": a, "R": r, "D": d}
    if log:
        values = {name: np.exp(value) for name, value in values.items()}
    return [
        {"language": f"l{number}", "sentence": str(place % n_sentences), "x": x[place]}
        | {name: value[place] for name, value in values.items()}
        for place, number in enumerate(language.tolist())
    ]


def make(seed=0, **changes):
    """Units of `table`."""
    return units.make_units(table(seed, **changes))

"""Units of structural models whose truth is known, on the scale of the log link."""

import jax
import numpy as np

from jaxdisp.causal.units import Units

TRUTHS = {
    "full mediation": {"A": {"T": 0.6}, "R": {"A": 0.6}, "D": {"R": -0.6}},
    "no mediation": {"A": {}, "R": {}, "D": {"A": -0.3, "R": -0.4}},
    "direct only": {"A": {}, "R": {}, "D": {"T": -0.5}},
    "confounded": {"A": {"T": 0.6}, "R": {"A": 0.6}, "D": {"R": -0.6, "U": 0.6}},
}
CAUSE_OF_T = {"confounded": {"U": 0.6}}
COVARIATE = 0.3
TAU, SIGMA = 0.3, 0.5


def normal(number, size, seed):
    key = jax.random.fold_in(jax.random.key(seed), number)
    return np.array(jax.random.normal(key, (size,)), np.float64)


def units(slopes, of_t=None, *, languages=8, sentences=60, seed=0):
    """Logarithms are linear in those of the causes, U among them, and in `bytes`."""
    language = np.repeat(np.arange(languages), sentences)
    n = len(language)
    logs = {"bytes": normal(0, n, seed), "U": normal(1, n, seed)}
    for number, (node, causes) in enumerate(({"T": of_t or {}} | slopes).items()):
        logs[node] = COVARIATE * logs["bytes"]
        logs[node] += TAU * normal(10 + number, languages, seed)[language]
        logs[node] += SIGMA * normal(20 + number, n, seed)
        for cause, slope in causes.items():
            logs[node] += slope * logs[cause]
    nodes = {node: np.exp(logs[node]) for node in ("T", "A", "R", "D")}
    return Units(
        languages=tuple(f"language {number}" for number in range(languages)),
        language=language,
        sentences=tuple(str(number % sentences) for number in range(n)),
        columns=nodes | {"bytes": logs["bytes"]},
        covariates=("bytes",),
    )


def of(truth, **options):
    return units(TRUTHS[truth], CAUSE_OF_T.get(truth), **options)

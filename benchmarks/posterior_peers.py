"""The serial mediation model in PyMC, by its own NUTS or nutpie's.

Runs in an environment of its own (`make .venv-peers`), as a part of
`posterior_speed.py`, which writes standardized columns and reads the draws:

    python posterior_peers.py pymc|nutpie columns.npz draws.npz [centred|non-centred]

It prints the seconds from building the model to the last draw, compilation included,
imports not.
"""

import json
import sys
import time
from typing import Any

import numpy as np

EQUATIONS = {"A": ("T",), "R": ("T", "A"), "D": ("T", "A", "R")}
CHAINS, TUNE, DRAWS, SEED = 4, 1000, 1000, 7


def build(columns: dict[str, np.ndarray], parametrization: str) -> Any:
    """Priors are those of `jaxdisp.causal`, on columns of mean 0 and SD 1."""
    import pymc as pm

    language = columns["language"]
    with pm.Model(coords={"language": np.unique(language)}) as model:
        for node, parents in EQUATIONS.items():
            level = pm.Normal(f"intercept {node}", 0.0, 2.0)
            tau = pm.HalfNormal(f"tau {node}", 1.0)
            sigma = pm.HalfNormal(f"sigma {node}", 1.0)
            if parametrization == "centred":
                own = pm.Normal(f"languages {node}", level, tau, dims="language")
            else:
                unit = pm.Normal(f"unit {node}", 0.0, 1.0, dims="language")
                own = level + tau * unit
            mean = own[language]
            for parent in (*parents, "bytes"):
                slope = pm.Normal(f"{parent}>{node}", 0.0, 1.0)
                mean = mean + slope * columns[parent]
            pm.Normal(node, mean, sigma, observed=columns[node])
    return model


def sample(
    sampler: str, columns: dict[str, np.ndarray], parametrization: str
) -> tuple[float, dict[str, np.ndarray]]:
    """Seconds, and draws of coefficients, errors and language intercepts' SDs."""
    import pymc as pm

    if sampler == "nutpie":
        import nutpie

    start = time.perf_counter()
    model = build(columns, parametrization)
    if sampler == "nutpie":
        compiled = nutpie.compile_pymc_model(model, backend="numba")
        trace = nutpie.sample(
            compiled,
            draws=DRAWS,
            tune=TUNE,
            chains=CHAINS,
            seed=SEED,
            progress_bar=False,
        )
    else:
        with model:
            trace = pm.sample(
                draws=DRAWS,
                tune=TUNE,
                chains=CHAINS,
                random_seed=SEED,
                progressbar=False,
                compute_convergence_checks=False,
            )
    took = time.perf_counter() - start
    wanted = ("tau ", "sigma ", "intercept ")
    names = [
        name
        for name in map(str, trace.posterior.data_vars)
        if (">" in name or name.startswith(wanted)) and not name.endswith("__")
    ]
    return took, {name: trace.posterior[name].to_numpy() for name in names}


def main(
    sampler: str, columns: str, draws: str, parametrization: str = "centred"
) -> None:
    with np.load(columns) as file:
        took, found = sample(sampler, dict(file), parametrization)
    np.savez(draws, **found)
    print(json.dumps({"seconds": took}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(*sys.argv[1:])
    else:
        print("see posterior_speed.py, which runs this")

"""Effective draws per second of the causal model's posterior: PyMC, nutpie, ours.

The serial mediation model A ~ T, R ~ T + A, D ~ T + A + R, each with the covariate
`bytes`, an intercept per language and normal errors, on simulated units of 16
languages x 100 sentences whose columns are standardized, with the same priors. All
take 4 chains of 1000 draws after 1000 of tuning, begin from nothing (no program
compiled before, but for what PyMC keeps on disk) and are timed from the columns to the
last draw; imports are not counted. In turn, so that other load falls on all; of each,
the better round counts. Effective draws are the smallest bulk effective sample size
(Vehtari et al. 2021) over coefficients, constants and scales, by arviz-stats for all.

The peers run in an environment of their own (`make .venv-peers`), with centred
intercepts, which suit 100 sentences per language better (non-centred ones are slower
and have fewer effective draws). Where it is missing, ours are shown alone. Also shown:
the largest difference of posterior means, in posterior SDs, and of SDs in per cent; and
our time with 100 times as many sentences.

    python benchmarks/posterior_speed.py [--peers PATH] [--rounds NUMBER]
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

import jax
import numpy as np
from jaxtyping import Float

from jaxdisp.causal import posterior
from jaxdisp.causal.design import Specification
from jaxdisp.causal.units import Units

LANGUAGES, SENTENCES, MANY = 16, 100, 10_000
SAMPLING = posterior.Sampling(draws=1000, tuning=1000, chains=4)
TARGETS = {"pymc": 20, "nutpie": 10}
TRUTH = {
    "T": {"bytes": 0.3},
    "A": {"bytes": 0.2, "T": 0.5},
    "R": {"bytes": 0.1, "T": 0.2, "A": 0.5},
    "D": {"bytes": 0.3, "T": -0.2, "A": -0.1, "R": -0.4},
}
TAU, SIGMA = 0.5, 0.7


def simulate(sentences: int) -> Units:
    """Draws units of the model, and standardizes their columns."""
    language = np.repeat(np.arange(LANGUAGES), sentences)
    n = len(language)

    def normal(number: int, size: int) -> Float[np.ndarray, " size"]:
        key = jax.random.fold_in(jax.random.key(0), number)
        return np.asarray(jax.random.normal(key, (size,)), np.float64)

    columns = {"bytes": normal(0, n)}
    for number, (node, slopes) in enumerate(TRUTH.items(), start=1):
        columns[node] = TAU * normal(10 + number, LANGUAGES)[language]
        columns[node] += SIGMA * normal(20 + number, n)
        for cause, slope in slopes.items():
            columns[node] += slope * columns[cause]
    return Units(
        languages=tuple(f"language {number}" for number in range(LANGUAGES)),
        language=language,
        sentences=tuple(map(str, range(n))),
        columns={name: (x - x.mean()) / x.std() for name, x in columns.items()},
        covariates=("bytes",),
    )


def ours(units: Units) -> tuple[float, dict[str, np.ndarray]]:
    """Seconds and draws, by the names of the peers."""
    jax.clear_caches()
    start = time.perf_counter()
    found = posterior.fit(
        units,
        Specification(link="linear", roots=False),
        key=jax.random.key(1),
        sampling=SAMPLING,
    )
    took = time.perf_counter() - start
    arrows = found.coefficients | found.covariates
    draws = {f"{cause}>{node}": x for (cause, node), x in arrows.items()}
    by_node = {"intercept": found.constants, "sigma": found.sigma, "tau": found.tau}
    for kind, values in by_node.items():
        draws |= {f"{kind} {node}": x for node, x in values.items()}
    return took, draws


def theirs(
    python: str, sampler: str, units: Units
) -> tuple[float, dict[str, np.ndarray]]:
    """Seconds and draws of a peer, in a process of its own."""
    script = pathlib.Path(__file__).parent / "posterior_peers.py"
    with tempfile.TemporaryDirectory() as folder:
        columns, draws = (f"{folder}/{name}.npz" for name in ("columns", "draws"))
        np.savez(columns, language=units.language, **units.columns)
        command = [python, str(script), sampler, columns, draws]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{sampler} failed:\n{done.stderr}")
        with np.load(draws) as file:
            found = dict(file)
    return json.loads(done.stdout.splitlines()[-1])["seconds"], found


def least_effective(draws: dict[str, np.ndarray]) -> tuple[float, str]:
    """The smallest bulk effective sample size, and of what."""
    from arviz_stats.base import array_stats

    sizes = {name: float(array_stats.ess(x)) for name, x in draws.items()}
    worst = min(sizes, key=lambda name: sizes[name])
    return sizes[worst], worst


def differences(
    one: dict[str, np.ndarray], other: dict[str, np.ndarray]
) -> tuple[float, float]:
    """Largest difference of means in SDs, and of SDs, relative."""
    if one.keys() != other.keys():
        raise RuntimeError(f"other parameters: {one.keys() ^ other.keys()}")
    means = [abs(x.mean() - other[name].mean()) / x.std() for name, x in one.items()]
    sds = [abs(np.log(other[name].std() / x.std())) for name, x in one.items()]
    return max(means), max(sds)


def show(name: str, took: float, draws: dict[str, np.ndarray]) -> float:
    least, worst = least_effective(draws)
    print(f"{name:8}{took:9.2f} s{least:9.0f} ({worst})", end="")
    print(f"{least / took:>{32 - len(worst)}.1f} per second", flush=True)
    return least / took


def main(python: str, rounds: int) -> None:
    units = simulate(SENTENCES)
    print(f"{LANGUAGES} languages x {SENTENCES} sentences, best of {rounds} rounds;")
    print(f"load of this machine's {os.cpu_count()} cores: {os.getloadavg()[0]:.1f}")
    peers = tuple(TARGETS) if os.access(python, os.X_OK) else ()
    if not peers:
        print(f"{python}: no such Python, so peers are left out (`make .venv-peers`)")
    runs: dict[str, list[tuple[float, dict[str, np.ndarray]]]] = {"ours": []}
    for _ in range(rounds):
        for peer in peers:
            runs.setdefault(peer, []).append(theirs(python, peer, units))
        runs["ours"].append(ours(units))
    best = {name: min(each, key=lambda run: run[0]) for name, each in runs.items()}
    speed = {name: show(name, *run) for name, run in best.items()}
    for peer in peers:
        ratio = speed["ours"] / speed[peer]
        print(f"ours against {peer}: {ratio:.1f}x (target {TARGETS[peer]}x)", end="; ")
        means, sds = differences(best["ours"][1], best[peer][1])
        print(f"means differ by at most {means:.3f} SDs, SDs by {100 * sds:.1f} %")
    many = simulate(MANY)
    large = [ours(many)[0] for _ in range(rounds)]
    times = min(large) / best["ours"][0]
    print(f"{MANY} sentences per language: {min(large):.2f} s, ", end="")
    print(f"{times:.2f} times that of {SENTENCES} (target: under 2)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default=".venv-peers/bin/python", metavar="PATH")
    parser.add_argument("--rounds", default=2, type=int)
    given = parser.parse_args()
    main(given.peers, given.rounds)

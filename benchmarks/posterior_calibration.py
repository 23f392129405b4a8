"""Simulation-based calibration of the causal model, for each of its links.

Parameters are drawn from the prior, 8 languages x 20 sentences with one covariate from
these by the readable generative program, and the posterior inferred from the data by
the program with all but the scales integrated out. Over all data sets, ranks of each
true parameter and effect among its draws must be uniform (chi-square p > 0.01 after
Holm's correction) and 90 % intervals must hold 86 to 94 % of the true values (of 1000
data sets the standard error of this is 0.9 %; of 400 it is 1.5 %, so that some of the
170 quantities fall outside by chance). Two errors are then planted, which must be
found: a covariate that the fit does not see, and a posterior of D's coefficients that
is too narrow by two fifths.

    python benchmarks/posterior_calibration.py [data sets] [link ...]
"""

import dataclasses
import sys
import time
from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from jaxdisp.causal import calibration, posterior
from jaxdisp.causal.design import LINKS, Design, Specification
from jaxdisp.causal.posterior import Posterior
from jaxdisp.causal.units import Units

LANGUAGES, SENTENCES, SHOWN = 8, 20, 5
SAMPLING = posterior.Sampling(draws=100, tuning=200, chains=4)
Fit = Callable[[Units, PRNGKeyArray], Posterior]


def template() -> Units:
    """Languages and a covariate; the nodes are drawn anew for every data set."""
    language = np.repeat(np.arange(LANGUAGES), SENTENCES)
    keys = jax.random.split(jax.random.key(0), 5)
    columns = {
        name: np.asarray(jax.random.normal(key, language.shape), np.float64)
        for name, key in zip(("bytes", "T", "A", "R", "D"), keys, strict=True)
    }
    nodes = {name: np.exp(x) for name, x in columns.items() if name != "bytes"}
    return Units(
        languages=tuple(f"language {number}" for number in range(LANGUAGES)),
        language=language,
        sentences=tuple(map(str, range(len(language)))),
        columns=columns | nodes,
        covariates=("bytes",),
    )


def right(design: Design) -> Fit:
    """The fit as it is."""

    def fit(units: Units, key: PRNGKeyArray) -> Posterior:
        return posterior.fit(
            units,
            design.specification,
            key=key,
            sampling=SAMPLING,
            scales=design.scales,
        )

    return fit


def blind(design: Design) -> Fit:
    """A fit that sees the covariate of other rows."""

    def fit(units: Units, key: PRNGKeyArray) -> Posterior:
        columns = units.columns | {"bytes": units.columns["bytes"][::-1].copy()}
        return right(design)(dataclasses.replace(units, columns=columns), key)

    return fit


def narrow(design: Design) -> Fit:
    """A fit whose coefficients of D are too sure of themselves."""

    def fit(units: Units, key: PRNGKeyArray) -> Posterior:
        found = right(design)(units, key)
        arrows = {
            arrow: x.mean() + 0.6 * (x - x.mean()) if arrow[1] == "D" else x
            for arrow, x in found.coefficients.items()
        }
        return dataclasses.replace(found, coefficients=arrows)

    return fit


def show(title: str, link: str, make: Callable[[Design], Fit], n_sets: int) -> None:
    start = time.perf_counter()
    design = calibration.prior_design(template(), Specification(link=link))
    rows, refused = calibration.calibrate(
        calibration.simulator(design),
        make(design),
        calibration.parameters_and_effects(design),
        key=jax.random.key(1),
        n_sets=n_sets,
    )
    took = time.perf_counter() - start
    coverage = np.array([row.coverage for row in rows])
    least = min(row.corrected for row in rows)
    print(f"{title}: {n_sets} data sets ({refused} refused), {took:.0f} s")
    print(f"  {len(rows)} quantities; smallest p after correction {least:.2g}", end="")
    print(
        f", coverage {100 * coverage.min():.1f} to {100 * coverage.max():.1f} %,",
        end="",
    )
    print(f" mean {100 * coverage.mean():.1f} %")
    outside = np.sum((coverage < 0.86) | (coverage > 0.94))
    print(f"  below 0.01: {sum(row.corrected < 0.01 for row in rows)}", end="")
    print(f", coverage outside 86 to 94 %: {outside}")
    print(f"  {'the worst':28}{'chi-square p':>14}{'corrected':>12}{'coverage':>11}")
    for row in sorted(rows, key=lambda row: row.p_value)[:SHOWN]:
        print(f"  {row.name:28}{row.p_value:14.2g}{row.corrected:12.2g}", end="")
        print(f"{100 * row.coverage:9.1f} %", flush=True)


def planted(n_sets: int) -> None:
    show("planted: a covariate not seen", "log", blind, n_sets)
    show("planted: too narrow", "log", narrow, n_sets)


def main(n_sets: int = 1000, *links: str) -> None:
    for link in links or LINKS:
        show(link, link, right, n_sets)
    if not links:
        planted(n_sets // 2)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])

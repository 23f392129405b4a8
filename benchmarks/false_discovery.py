"""Errors and power of every correction for multiplicity, on simulated runs.

A run has 10 families of 8 one-sided z tests. Of the hypotheses, 1, 0.8 or 0.5 are true;
the false ones, whose z are around 3, are anywhere, or fill whole families. The z of a
run are independent; share a part with the whole run and one with their family, a
quarter of their variance each; or are in blocks of two families in which the second has
z opposite to those of the first. Shown are, in per cent: FWER, runs with a false
rejection; FDR, the share of false ones among the rejected, on average over runs; power,
the share of false hypotheses that are rejected; and of families, FDR of those with a
rejection (a family without a false hypothesis is a false one), and the average over
these families of the share of false rejections in them. A star is at a rate that the
procedure is to hold at 5 and that is more than 3 Monte Carlo errors above. Run:

    python benchmarks/false_discovery.py [runs]
"""

import itertools
import sys
import time

import jax
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray
from scipy import special

from jaxdisp.stats import families, multiplicity

FAMILIES, SIZE, EFFECT, LEVEL = 10, 8, 3.0, 0.05
NUMBERS = np.repeat(np.arange(FAMILIES), SIZE)
DEPENDENCES = ("independent", "positive", "opposite")
RATES = ("FWER", "FDR", "power", "families", "within")

PROCEDURES = {
    "uncorrected": lambda p: p,
    "bonferroni": multiplicity.bonferroni,
    "holm": multiplicity.holm,
    "hochberg": multiplicity.benjamini_hochberg,
    "yekutieli": multiplicity.benjamini_yekutieli,
    "hierarchical": lambda p: families.hierarchical(p, NUMBERS),
}
HELD = {
    "bonferroni": ("FWER", "FDR"),
    "holm": ("FWER", "FDR"),
    "hochberg": ("FDR",),
    "yekutieli": ("FDR",),
    "hierarchical": ("families", "within"),
}
"""What is to be at most 5; not promised to all of them for opposite z."""


def effects(true_share: float, *, whole: bool) -> Bool[np.ndarray, " test"]:
    """Which hypotheses are false."""
    n_false = round((1 - true_share) * FAMILIES * SIZE)
    if whole:
        return np.arange(FAMILIES * SIZE) < n_false
    # steps of 7 lead everywhere, since 80 is no multiple of it
    found = np.zeros(FAMILIES * SIZE, bool)
    found[7 * np.arange(n_false) % len(found)] = True
    return found


def p_values(
    key: PRNGKeyArray, n_runs: int, false: Bool[np.ndarray, " test"], dependence: str
) -> Float[np.ndarray, "run test"]:
    """P-values of one-sided tests."""
    shape = n_runs, FAMILIES, SIZE
    keys = jax.random.split(key, 3)
    z = np.asarray(jax.random.normal(keys[0], shape), np.float64)
    if dependence == "positive":
        of_family = np.asarray(jax.random.normal(keys[1], (n_runs, FAMILIES, 1)))
        of_run = np.asarray(jax.random.normal(keys[2], (n_runs, 1, 1)))
        z = np.sqrt(0.5) * z + 0.5 * of_family + 0.5 * of_run
    if dependence == "opposite":
        z[:, 1::2] = -z[:, ::2]
    return special.ndtr(-(z.reshape(n_runs, -1) + EFFECT * false))


def rates(
    rejected: Bool[np.ndarray, "run test"], false: Bool[np.ndarray, " test"]
) -> Float[np.ndarray, "rate run"]:
    """The five rates of each run; NaN for the power where nothing is false."""
    wrong = rejected & ~false
    inside = rejected.reshape(len(rejected), FAMILIES, SIZE).sum(axis=2)
    wrong_inside = wrong.reshape(len(rejected), FAMILIES, SIZE).sum(axis=2)
    chosen = inside > 0
    empty = ~false.reshape(FAMILIES, SIZE).any(axis=1)
    n_chosen = np.maximum(1, chosen.sum(axis=1))
    some = max(1, int(false.sum()))
    power = rejected[:, false].sum(axis=1) / some
    return np.stack(
        [
            wrong.any(axis=1).astype(float),
            wrong.sum(axis=1) / np.maximum(1, rejected.sum(axis=1)),
            power if false.any() else np.full(len(rejected), np.nan),
            (chosen & empty).sum(axis=1) / n_chosen,
            (wrong_inside / np.maximum(1, inside)).sum(axis=1) / n_chosen,
        ]
    )


def shown(name: str, found: Float[np.ndarray, "rate run"]) -> str:
    """One line: every rate with its Monte Carlo error."""
    cells = []
    for rate, values in zip(RATES, 100 * found, strict=True):
        if np.isnan(values).all():
            cells.append(f"{'-':>13}")
            continue
        error = values.std(ddof=1) / np.sqrt(len(values))
        above = values.mean() > 100 * LEVEL + 3 * error
        star = "*" if rate in HELD.get(name, ()) and above else " "
        cells.append(f"{values.mean():6.1f} ({error:3.1f}){star}")
    return f"    {name:<13}" + "".join(cells)


def main(n_runs: int = 2000) -> None:
    start = time.perf_counter()
    print(f"{n_runs} runs of {FAMILIES} families of {SIZE}, at {LEVEL:g}; Monte Carlo")
    print("standard errors in brackets; rates in %, those to be held at 5 see HELD")
    settings = itertools.product(DEPENDENCES, (1.0, 0.8, 0.5), (False, True))
    for number, (dependence, share, whole) in enumerate(settings):
        if share == 1 and whole:
            continue
        where = "in whole families" if whole else "anywhere"
        of_false = "" if share == 1 else f", false ones {where}"
        print(f"\n{dependence}, {share:g} of hypotheses true{of_false}")
        print(f"    {'':<13}" + "".join(f"{rate:>12} " for rate in RATES))
        false = effects(share, whole=whole)
        key = jax.random.fold_in(jax.random.key(0), number)
        p = p_values(key, n_runs, false, dependence)
        for name, corrected in PROCEDURES.items():
            rejected = np.stack([corrected(each) <= LEVEL for each in p])
            print(shown(name, rates(rejected, false)))
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

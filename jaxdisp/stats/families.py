"""Families of hypotheses: which families show something, and what in them does.

Correcting a whole run at once punishes a question for the others that were asked;
correcting each by itself makes false findings more often, the more are asked. Families
are first chosen by their evidence taken together; within a chosen one, tests are
corrected by how many families were.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from jaxdisp.stats import multiplicity


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Corrected:
    """P-values of a whole run, corrected by every procedure, in the order given.

    `family_names` are those of families in the order of their first test, `simes` their
    p-values and `family` these corrected for how many families there are.
    """

    bonferroni: Float[np.ndarray, " test"]
    holm: Float[np.ndarray, " test"]
    benjamini_hochberg: Float[np.ndarray, " test"]
    benjamini_yekutieli: Float[np.ndarray, " test"]
    hierarchical: Float[np.ndarray, " test"]
    family_names: tuple[str, ...]
    simes: Float[np.ndarray, " family"]
    family: Float[np.ndarray, " family"]


def simes(p_values: Float[np.ndarray, " test"]) -> float:
    """Tests whether any hypothesis of a family is false.

    Definition: `min_i m p_(i) / i`; the smallest corrected by Benjamini and Hochberg.
    Right for independent and positively dependent tests.

    Args:
        p_values: of the family.

    Raises:
        ValueError: if there is none, or one is not between 0 and 1.

    Reference: Simes 1986, Biometrika 73, "An improved Bonferroni procedure".
    """
    return float(multiplicity.benjamini_hochberg(p_values).min())


def hierarchical(
    p_values: Float[np.ndarray, " test"], numbers: Int[np.ndarray, " member"]
) -> Float[np.ndarray, " test"]:
    """Corrects p-values of several families, chosen before they are looked into.

    Definition: at level q, families are chosen whose `simes`, corrected by Benjamini
    and Hochberg for m families, is at most q, and tests rejected in them whose p-value,
    so corrected within the family, is at most `q R / m` for R chosen families. Given
    back is the least q that rejects a test: with the families' corrected p-values
    `a_(1) <= ... <= a_(m)` it is `min_k max(a_(k), p m / k)`, at most 1. Controlled at
    q are the share of false ones among the chosen families (those with no false
    hypothesis), on average, and the average over the chosen families of the share of
    false rejections in them, where tests are independent or positively dependent within
    families and families are independent of one another.

    Args:
        p_values: of all tests.
        numbers: of each test's family.

    Raises:
        ValueError: if there are no tests, the two differ in length, or a p-value is not
            between 0 and 1.

    Reference: Benjamini and Bogomolov 2014, JRSS B 76, theorem 1; Simes p-values as in
        Peterson et al. 2016, Genetic Epidemiology 40.
    """
    _check(p_values, numbers)
    family = np.unique(numbers, return_inverse=True)[1]
    m = int(family.max()) + 1
    within, evidence = _within(p_values, family)
    chosen = np.sort(multiplicity.benjamini_hochberg(evidence))
    factors = m / np.arange(1, m + 1)
    needed = np.maximum(chosen[None], within[:, None] * factors[None])
    return np.minimum(needed.min(axis=1), 1.0)


def corrected(
    p_values: Float[np.ndarray, " test"], families: Sequence[str]
) -> Corrected:
    """Corrects the p-values of a whole run by every procedure.

    Definition: see `multiplicity` and `hierarchical`; what is controlled is, in this
    order: the probability of any false rejection (twice), the share of false ones among
    the rejected if dependence is positive, the same whatever the dependence, and that
    among chosen families and in each of them.

    Args:
        p_values: of all tests that were made.
        families: the name of each test's family.

    Raises:
        ValueError: if there are no tests, the two differ in length, or a p-value is not
            between 0 and 1.

    Reference: as for each procedure.
    """
    names = tuple(dict.fromkeys(families))
    numbers = np.array([names.index(name) for name in families], np.int64)
    _check(p_values, numbers)
    evidence = _within(p_values, numbers)[1]
    return Corrected(
        bonferroni=multiplicity.bonferroni(p_values),
        holm=multiplicity.holm(p_values),
        benjamini_hochberg=multiplicity.benjamini_hochberg(p_values),
        benjamini_yekutieli=multiplicity.benjamini_yekutieli(p_values),
        hierarchical=hierarchical(p_values, numbers),
        family_names=names,
        simes=evidence,
        family=multiplicity.benjamini_hochberg(evidence),
    )


def _within(
    p_values: np.ndarray, family: np.ndarray
) -> tuple[Float[np.ndarray, " test"], Float[np.ndarray, " family"]]:
    """P-values corrected within families, and the least of each: Simes' of it."""
    within = np.empty(len(p_values))
    evidence = np.empty(int(family.max()) + 1)
    for number in range(len(evidence)):
        own = family == number
        within[own] = multiplicity.benjamini_hochberg(p_values[own])
        evidence[number] = within[own].min()
    return within, evidence


def _check(p_values: np.ndarray, numbers: np.ndarray) -> None:
    if len(p_values) != len(numbers):
        raise ValueError(
            f"each p-value needs a family: got {len(p_values)} and {len(numbers)}"
        )
    if len(p_values) == 0:
        raise ValueError("there are no p-values to correct")

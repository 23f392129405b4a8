"""What a theorem is here: a claim, where it breaks, what holds, and a check of that."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jaxdisp.claims.evidence import Judge


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counterexample:
    """The smallest case in which a statement of the notes is wrong, in numbers."""

    text: str
    values: dict[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """How a theorem fared on generated instances.

    `violations` of `n` instances contradict it beyond rounding; `tightest` is the least
    relative gap left between its sides: near 0 where the bound is attained.
    """

    n: int
    violations: int
    tightest: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Theorem:
    """A statement of the notes, and the strongest correct one in its place.

    `claimed` is the statement of the notes (empty where they ask for one) and
    `failed_step` the step of its proof that fails; `counterexample` runs the smallest
    case against it. `statement` is what holds, proved in `docs/theory.md` under `id`;
    `check(key, n)` tries it on `n` generated instances; `on_model` gives its value on a
    model, or None with the reason in `no_data`.
    """

    id: str
    title: str
    claimed: str
    source: str
    failed_step: str
    counterexample: Callable[[], Counterexample] | None
    statement: str
    check: Callable[[PRNGKeyArray, int], Check]
    on_model: Judge | None = None
    no_data: str = ""
    experiments: tuple[str, ...] = ()
    causes: bool = False


def compared(
    smaller: Float[np.ndarray, " instance"],
    larger: Float[np.ndarray, " instance"],
    tolerance: float,
) -> Check:
    """Checks an inequality `smaller <= larger` on many instances.

    Definition: gap = (larger - smaller) / max(|larger|, |smaller|), 0 if both are 0; an
    instance is a violation if its gap is below -tolerance or is not a number.

    Args:
        smaller: side that the theorem says is at most the other.
        larger: the other side.
        tolerance: relative rounding error of the computation.

    Raises:
        ValueError: if there is no instance.

    Reference: our own definition.
    """
    if not len(smaller):
        raise ValueError("an inequality needs at least one instance to be checked on")
    scale = np.maximum(np.abs(larger), np.abs(smaller))
    gap = (larger - smaller) / np.where(scale > 0, scale, 1.0)
    return Check(
        n=len(gap),
        violations=int(np.sum(~(gap >= -tolerance))),
        tightest=float(np.min(gap)),
    )


def equal(
    one: Float[np.ndarray, " instance"],
    other: Float[np.ndarray, " instance"],
    tolerance: float,
) -> Check:
    """Checks an identity `one = other` on many instances.

    Definition: as `compared`, both ways; `tightest` is minus the largest relative gap.

    Args:
        one: left side.
        other: right side.
        tolerance: relative rounding error, or Monte Carlo error, of the computation.

    Raises:
        ValueError: if there is no instance.

    Reference: our own definition.
    """
    below, above = (
        compared(one, other, tolerance),
        compared(other, one, tolerance),
    )
    return Check(
        n=below.n,
        violations=below.violations + above.violations,
        tightest=min(below.tightest, above.tightest),
    )


def together(checks: tuple[Check, ...]) -> Check:
    """Joins the checks of a theorem's several statements on the same instances.

    Args:
        checks: at least one.

    Raises:
        ValueError: if there is none.

    Reference: our own definition.
    """
    if not checks:
        raise ValueError("a theorem has at least one statement to be checked")
    return Check(
        n=min(check.n for check in checks),
        violations=sum(check.violations for check in checks),
        tightest=min((check.tightest for check in checks), key=abs),
    )

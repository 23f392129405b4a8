"""Laws of weights: tails and partial moments of symmetric laws with variance 1.

Thresholds are in standard deviations. With `X` the weight and `a` a threshold,

    tail P(a) = Pr(|X| > a)
    first S(a) = E[|X|; |X| > a]
    second Q(a) = E[X^2; |X| > a]

`shape` is the exponent of `generalised_gaussian` (2 is Gaussian, 1 Laplace) and the
degrees of freedom of `student_t` (above 2); the other two families have none and ignore
it. Kurtosis is the excess over the Gaussian's everywhere.
"""

import functools as ft
import math
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import jax.scipy.special as special
from jaxtyping import Array, Float

Family = Literal["gaussian", "laplace", "generalised_gaussian", "student_t"]
LEAST_EXPONENT, MOST_EXPONENT = 0.1, 50.0
MOST_FREEDOM = 1000.0
LAPLACE_SCALE = math.sqrt(0.5)
"""Scale of the Laplace law, its mean magnitude, in standard deviations."""
HALVINGS = 64


class _Family(NamedTuple):
    density: Callable[[Array, Array], Array]
    tail: Callable[[Array, Array], Array]
    first: Callable[[Array, Array], Array]
    second: Callable[[Array, Array], Array]
    excess_kurtosis: Callable[[Array], Array]


def density(
    threshold: Float[Array, ""], shape: Float[Array, ""], *, family: Family
) -> Float[Array, ""]:
    """Evaluates the density of the magnitude, `f(a)` with `P'(a) = -f(a)`.

    Args:
        threshold: `a >= 0`, in standard deviations.
        shape: of the family.
        family: which laws.

    Reference: Nadarajah 2005, A generalized normal distribution, section 2; textbook
        formulas for the others.
    """
    return _FAMILIES[family].density(threshold, shape)


def tail(
    threshold: Float[Array, ""], shape: Float[Array, ""], *, family: Family
) -> Float[Array, ""]:
    """Evaluates the probability of a larger magnitude, `P(a)`.

    Args: as `density`.

    Reference: as `density`.
    """
    return _FAMILIES[family].tail(threshold, shape)


def first_moment(
    threshold: Float[Array, ""], shape: Float[Array, ""], *, family: Family
) -> Float[Array, ""]:
    """Evaluates the partial first moment `S(a)`, in standard deviations.

    Args: as `density`.

    Reference: our own derivation from the densities; checked by quadrature.
    """
    return _FAMILIES[family].first(threshold, shape)


def second_moment(
    threshold: Float[Array, ""], shape: Float[Array, ""], *, family: Family
) -> Float[Array, ""]:
    """Evaluates the partial second moment `Q(a)`; `Q(0)` is 1.

    Args: as `density`.

    Reference: our own derivation from the densities; checked by quadrature.
    """
    return _FAMILIES[family].second(threshold, shape)


def excess_kurtosis(shape: Float[Array, ""], *, family: Family) -> Float[Array, ""]:
    """Evaluates the excess kurtosis; infinite for 4 degrees of freedom or fewer.

    Formula: 0; 3; `G(5/s) G(1/s) / G(3/s)^2 - 3` with the gamma function `G`;
    `6 / (s - 4)`.

    Args:
        shape: of the family.
        family: which laws.

    Reference: textbook formulas; Nadarajah 2005 for the generalised Gaussian.
    """
    return _FAMILIES[family].excess_kurtosis(shape)


def shape_of(kurtosis: Float[Array, ""], *, family: Family) -> Float[Array, ""]:
    """Finds the shape with a given excess kurtosis, the nearest where there is none.

    Definition: the inverse of `excess_kurtosis`. Kurtosis beyond `kurtosis_range`
    counts as its end: a Student-t law without excess has 1000 degrees of freedom, more
    than which float32 does not tell from the Gaussian. `check_kurtosis` refuses such
    values instead.

    Args:
        kurtosis: excess kurtosis.
        family: which laws; the shape of those without one is 0.

    Reference: our own definition; the generalised Gaussian is inverted by bisection.
    """
    if family == "student_t":
        least = 6.0 / (MOST_FREEDOM - 4.0)
        return 4.0 + 6.0 / jnp.maximum(kurtosis, least)
    if family == "generalised_gaussian":
        return _exponent(kurtosis)
    return jnp.zeros_like(kurtosis)


def kurtosis_range(family: Family) -> tuple[float, float]:
    """Returns the least and the most excess kurtosis that a family can have here.

    Reference: our own definition, from the range of shapes that are computed.
    """
    if family == "student_t":
        return 6.0 / (MOST_FREEDOM - 4.0), math.inf
    if family == "generalised_gaussian":
        ends = (MOST_EXPONENT, LEAST_EXPONENT)
        least, most = (float(_exponent_kurtosis(jnp.asarray(end))) for end in ends)
        return least, most
    fixed = 0.0 if family == "gaussian" else 3.0
    return fixed, fixed


def check_kurtosis(kurtosis: float, family: Family) -> None:
    """Refuses an excess kurtosis that no law of the family has.

    Raises:
        ValueError: if the family is unknown or the kurtosis out of its range.

    Reference: our own definition.
    """
    if family not in get_args(Family):
        raise ValueError(
            f"law must be one of {', '.join(get_args(Family))}, got {family}"
        )
    least, most = kurtosis_range(family)
    if not (math.isfinite(kurtosis) and least <= kurtosis <= most):
        allowed = f"{least:.4g} to {most:.4g}" if least < most else f"{least:g} alone"
        raise ValueError(
            f"no {family} law has excess kurtosis {kurtosis:g}; allowed: {allowed}; "
            "for others take generalised_gaussian"
        )


def _exponent_kurtosis(exponent: Array) -> Array:
    log_gamma = special.gammaln
    logs = log_gamma(5.0 / exponent) + log_gamma(1.0 / exponent)
    return jnp.exp(logs - 2.0 * log_gamma(3.0 / exponent)) - 3.0


def _exponent(kurtosis: Array) -> Array:
    """Bisects the logarithm of the exponent, in which the kurtosis decreases."""
    ends = (math.log(LEAST_EXPONENT), math.log(MOST_EXPONENT))
    low, high = (jnp.full_like(kurtosis, end) for end in ends)

    def halve(_: object, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = 0.5 * (low + high)
        above = _exponent_kurtosis(jnp.exp(middle)) > kurtosis
        return jnp.where(above, middle, low), jnp.where(above, high, middle)

    low, high = jax.lax.fori_loop(0, HALVINGS, halve, (low, high))
    return jnp.exp(0.5 * (low + high))


def _normal_density(x: Array) -> Array:
    return jnp.exp(-0.5 * x * x) * math.sqrt(2.0 / math.pi)  # of the magnitude


_gaussian = _Family(
    density=lambda a, _: _normal_density(a),
    tail=lambda a, _: special.erfc(a * math.sqrt(0.5)),
    first=lambda a, _: _normal_density(a),
    second=lambda a, _: a * _normal_density(a) + special.erfc(a * math.sqrt(0.5)),
    excess_kurtosis=lambda shape: jnp.zeros_like(shape),
)


def _laplace_second(a: Array, _: Array) -> Array:
    b = LAPLACE_SCALE
    return (a * a + 2.0 * a * b + 2.0 * b * b) * jnp.exp(-a / b)


_laplace = _Family(
    density=lambda a, _: jnp.exp(-a / LAPLACE_SCALE) / LAPLACE_SCALE,
    tail=lambda a, _: jnp.exp(-a / LAPLACE_SCALE),
    first=lambda a, _: (a + LAPLACE_SCALE) * jnp.exp(-a / LAPLACE_SCALE),
    second=_laplace_second,
    excess_kurtosis=lambda shape: jnp.full_like(shape, 3.0),
)


def _exponent_scale(exponent: Array) -> Array:
    logs = special.gammaln(1.0 / exponent) - special.gammaln(3.0 / exponent)
    return jnp.exp(0.5 * logs)


def _exponent_part(order: int, a: Array, exponent: Array) -> Array:
    """The regularized upper gamma function with parameter order / exponent."""
    u = (a / _exponent_scale(exponent)) ** exponent
    return special.gammaincc(order / exponent, u)


def _exponent_density(a: Array, exponent: Array) -> Array:
    scale = _exponent_scale(exponent)
    log_mass = special.gammaln(1.0 / exponent)
    return jnp.exp(jnp.log(exponent / scale) - log_mass - (a / scale) ** exponent)


def _exponent_first(a: Array, exponent: Array) -> Array:
    logs = special.gammaln(2.0 / exponent) - special.gammaln(1.0 / exponent)
    mean = _exponent_scale(exponent) * jnp.exp(logs)
    return mean * _exponent_part(2, a, exponent)


_generalised_gaussian = _Family(
    density=_exponent_density,
    tail=ft.partial(_exponent_part, 1),
    first=_exponent_first,
    second=ft.partial(_exponent_part, 3),
    excess_kurtosis=_exponent_kurtosis,
)


def _freedom_density(a: Array, freedom: Array) -> Array:
    scale = jnp.sqrt((freedom - 2.0) / freedom)
    logs = special.gammaln(0.5 * (freedom + 1.0)) - special.gammaln(0.5 * freedom)
    power = -0.5 * (freedom + 1.0) * jnp.log1p((a / scale) ** 2 / freedom)
    return 2.0 * jnp.exp(logs + power) / (scale * jnp.sqrt(freedom * math.pi))


def _freedom_part(a: Array, freedom: Array) -> Array:
    """What remains of a beta variable: `freedom / (freedom + z^2)`."""
    return (freedom - 2.0) / (freedom - 2.0 + a * a)


def _freedom_tail(a: Array, freedom: Array) -> Array:
    return special.betainc(
        0.5 * freedom, 0.5 * jnp.ones_like(freedom), _freedom_part(a, freedom)
    )


def _freedom_first(a: Array, freedom: Array) -> Array:
    # the derivative of (1 + z^2/v)^(1 - (v + 1)/2) is the integrand but for a constant
    squared = (freedom - 2.0 + a * a) / (freedom - 1.0)
    return squared * _freedom_density(a, freedom)


def _freedom_second(a: Array, freedom: Array) -> Array:
    # Z^2 = v (1 - Y) / Y with Y ~ beta(v/2, 1/2); weighting by Z^2 shifts both
    return special.betainc(
        0.5 * freedom - 1.0, 1.5 * jnp.ones_like(freedom), _freedom_part(a, freedom)
    )


def _freedom_kurtosis(freedom: Array) -> Array:
    heavy = freedom <= 4.0
    return jnp.where(heavy, jnp.inf, 6.0 / jnp.where(heavy, 1.0, freedom - 4.0))


_student_t = _Family(
    density=_freedom_density,
    tail=_freedom_tail,
    first=_freedom_first,
    second=_freedom_second,
    excess_kurtosis=_freedom_kurtosis,
)

_FAMILIES: dict[str, _Family] = {
    "gaussian": _gaussian,
    "laplace": _laplace,
    "generalised_gaussian": _generalised_gaussian,
    "student_t": _student_t,
}

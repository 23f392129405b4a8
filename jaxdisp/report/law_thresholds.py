"""Every analytic threshold of a law of weights, and what each of them costs."""

import functools as ft
from typing import Any, cast, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp.quant import additive_noise, expected_error, kurtosis_clipping, laws

STEPS: dict[str, additive_noise.Step] = {
    "aciq": "cells",
    "aciq_levels": "levels",
    "aciq_symmetric": "symmetric",
}
GRIDS: dict[str, expected_error.LawGrid] = {
    "exact_symmetric": "symmetric",
    "exact_twos_complement": "twos_complement",
    "exact_midrise_edge": "midrise",
}
MEANINGS = {
    "aciq": "ACIQ: least clipping plus noise, step 2a/2^b",
    "aciq_levels": "the same, step 2a/(2^b - 1)",
    "aciq_symmetric": "the same, step a/(2^(b-1) - 1)",
    "exact_symmetric": "least error of the symmetric grid; a is the top level",
    "exact_twos_complement": "least error in two's complement; a is the top level",
    "exact_midrise_edge": "least error of 2^b half-integer levels; a is the outer edge",
    "exact_midrise_top": "the same grid; its top level",
    "logarithmic": "the research notes' 2.5 + 0.3 ln(1 + kurtosis), a baseline",
}
MISREAD = 2.83


def law_thresholds(
    law: str, bits: int, kurtosis: float | None = None
) -> dict[str, Any]:
    """Collects the thresholds of a law by every rule, in float64.

    The top level holds them in the law's own unit: the scale (mean magnitude) for the
    Laplace law, the standard deviation for the others, as `unit` says;
    `in_standard_deviations` holds them for all. `excess_error` is how much larger the
    mean squared error of the symmetric grid is with a threshold than with the best one.

    Args:
        law: the family.
        bits: word length, from 2 to 8.
        kurtosis: excess kurtosis; only for families with a shape, which need it.

    Raises:
        ValueError: if the law is unknown, a value is out of range or superfluous.

    Reference: our own definition.
    """
    family = cast("laws.Family", law.replace("-", "_"))
    if family not in get_args(laws.Family):
        raise ValueError(
            f"law {law}: unknown; allowed: {', '.join(get_args(laws.Family))}"
        )
    if not 2 <= bits <= 8:
        raise ValueError(f"bits must be between 2 and 8, got {bits}")
    fixed = {"gaussian": 0.0, "laplace": 3.0}.get(family)
    if kurtosis is None and fixed is None:
        raise ValueError(
            f"law {law}: its shape follows from --kurtosis, which is missing"
        )
    excess = fixed if kurtosis is None else kurtosis
    with jax.enable_x64(True):
        laws.check_kurtosis(cast("float", excess), family)
        return _collected(family, bits, jnp.asarray(excess, jnp.float64))


def _collected(family: laws.Family, bits: int, excess: jax.Array) -> dict[str, Any]:
    shape = laws.shape_of(excess, family=family)
    found = {name: _additive(family, shape, bits, step) for name, step in STEPS.items()}
    best = ft.partial(expected_error.best_threshold, shape, bits, family=family)
    optima = {name: best(grid=grid) for name, grid in GRIDS.items()}
    found |= {name: float(optimum.threshold) for name, optimum in optima.items()}
    found["exact_midrise_top"] = found["exact_midrise_edge"] * (1 - 0.5**bits)
    one = jnp.ones_like(excess)
    logarithmic = kurtosis_clipping.logarithmic_threshold(one, excess)
    found["logarithmic"] = float(logarithmic)
    error = ft.partial(
        expected_error.law_error,
        shape=shape,
        bits=bits,
        grid="symmetric",
        family=family,
    )
    least = float(optima["exact_symmetric"].error)

    def excess_error(threshold: float) -> float:
        return float(error(jnp.asarray(threshold)).value) / least - 1

    unit = laws.LAPLACE_SCALE if family == "laplace" else 1.0
    has_shape = family in ("generalised_gaussian", "student_t")
    return {
        "law": family,
        "bits": bits,
        "excess_kurtosis": float(excess),
        "shape": float(shape) if has_shape else None,
        "unit": "scale" if family == "laplace" else "standard deviation",
        **{name: value / unit for name, value in found.items()},
        "in_standard_deviations": found,
        "errors": {GRIDS[name]: float(o.error) for name, o in optima.items()},
        "excess_error": {name: excess_error(value) for name, value in found.items()},
        "misread_constant": _misread(excess_error(MISREAD)),
    }


def _additive(
    family: laws.Family, shape: jax.Array, bits: int, step: additive_noise.Step
) -> float:
    c = additive_noise.noise_constant(bits, step=step)
    return float(additive_noise.law_threshold(shape, c, family=family))


def _misread(excess_error: float) -> dict[str, Any]:
    laplace = _additive("laplace", jnp.zeros(()), 2, "cells") / laws.LAPLACE_SCALE
    return {
        "value": MISREAD,
        "is": f"{laplace:.3f} scales, ACIQ's constant of the Laplace law at 2 bits",
        "misread_as": "2.83 standard deviations, for any law at 4 bits",
        "excess_error": excess_error,
    }


def curves(family: laws.Family, bits: int, kurtosis: float) -> dict[str, np.ndarray]:
    """Evaluates the error of the symmetric grid and its parts over thresholds.

    Args:
        family: the law.
        bits: word length, from 2 to 8.
        kurtosis: excess kurtosis of the law.

    Returns:
        `threshold` in standard deviations, and at each the exact `error`, its parts
        `clipping` and `rounding`, and `additive_noise`.

    Reference: our own definition.
    """
    with jax.enable_x64(True):
        shape = laws.shape_of(jnp.asarray(kurtosis, jnp.float64), family=family)
        best = expected_error.best_threshold(
            shape, bits, grid="symmetric", family=family
        )
        places = jnp.geomspace(0.3, 3.0, 120) * best.threshold
        parts = {"shape": shape, "bits": bits, "grid": "symmetric", "family": family}
        error = jax.lax.map(
            lambda at: expected_error.law_error(at, **parts).value, places
        )
        clipping = jax.lax.map(
            lambda at: expected_error.clipping_part(at, **parts), places
        )
        c = additive_noise.noise_constant(bits, step="symmetric")
        noise = jax.lax.map(
            lambda at: additive_noise.law_objective(at, shape, c, family=family).value,
            places,
        )
        return {
            "threshold": np.asarray(places),
            "error": np.asarray(error),
            "clipping": np.asarray(clipping),
            "rounding": np.asarray(error - clipping),
            "additive_noise": np.asarray(noise),
        }


def by_kurtosis(bits: int) -> dict[str, np.ndarray]:
    """Evaluates the threshold of each family with a shape against its kurtosis.

    Args:
        bits: word length, from 2 to 8.

    Returns:
        `kurtosis`, and the least-error threshold of the symmetric grid, in standard
        deviations, by family, beside the research notes' `logarithmic` rule.

    Reference: our own definition.
    """
    with jax.enable_x64(True):
        kurtosis = jnp.concatenate([jnp.zeros(1), jnp.geomspace(0.05, 1000.0, 25)])
        found = {"kurtosis": np.asarray(kurtosis)}
        for family in ("generalised_gaussian", "student_t"):
            shapes = jax.vmap(ft.partial(laws.shape_of, family=family))(kurtosis)
            best = ft.partial(
                expected_error.best_threshold,
                bits=bits,
                grid="symmetric",
                family=family,
            )
            found[family] = np.asarray(
                jax.lax.map(lambda shape, b=best: b(shape).threshold, shapes)
            )
        ones = jnp.ones_like(kurtosis)
        logarithmic = jax.vmap(kurtosis_clipping.logarithmic_threshold)(ones, kurtosis)
        return found | {"logarithmic": np.asarray(logarithmic)}


def threshold_cells(found: dict[str, Any]) -> list[list[str]]:
    """Writes the cells of the table of thresholds.

    Args:
        found: as from `law_thresholds`.

    Reference: our own definition.
    """
    return [
        [
            name,
            f"{found[name]:.4f}",
            f"{found['in_standard_deviations'][name]:.4f}",
            f"{100 * max(found['excess_error'][name], 0.0):+.1f} %",
            meaning,
        ]
        for name, meaning in MEANINGS.items()
    ]


def title(found: dict[str, Any]) -> str:
    """Names the law and the word length.

    Args:
        found: as from `law_thresholds`.

    Reference: our own definition.
    """
    shape = "" if found["shape"] is None else f", shape {found['shape']:.4g}"
    return (
        f"{found['law'].replace('_', ' ')} law (excess kurtosis "
        f"{found['excess_kurtosis']:.4g}{shape}), {found['bits']} bits"
    )


def remark(found: dict[str, Any]) -> str:
    """Says where the constant 2.83 comes from, and what using it costs.

    Args:
        found: as from `law_thresholds`.

    Reference: our own definition.
    """
    misread = found["misread_constant"]
    return (
        "symmetric error: of the symmetric grid, against its best threshold. "
        f"{misread['value']} standard deviations\n"
        f"({100 * misread['excess_error']:+.1f} % here) is a misreading: "
        f"{misread['is']}."
    )


def header(found: dict[str, Any]) -> tuple[str, ...]:
    """Names the columns of the table of thresholds.

    Args:
        found: as from `law_thresholds`.

    Reference: our own definition.
    """
    unit = f"a, in {found['unit']}s"
    return ("rule", unit, "in deviations", "symmetric error", "what it is")

"""Linear equations whose language effects and coefficients are integrated out.

One equation is `y = W b + Z u_g + e` in language g, with `e ~ N(0, sigma^2)`, effects
of the language `u_g ~ N(0, diag(spread^2))` on the columns Z (the constant, and perhaps
some regressors), and `b ~ N(0, diag(prior^2))`. Everything but the scales `sigma` and
`spread` is Gaussian given them, so that a posterior needs to be walked through in these
few alone, and of the data only the Gram matrix of each language is needed: the cost
does not grow with the number of sentences.

Columns are numbered in one matrix for all equations. An equation with fewer regressors
than another names any column in their place and marks it as absent. Functions of scales
take any number of them at once, as arrays of NumPy or, to be differentiated, of JAX.
"""

from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from jaxdisp.result import result

Numbers = np.ndarray | jax.Array


@result
class Equation:
    """Which columns an equation is of.

    `regressors` are columns of W, `effects` those of Z, both beginning with the
    constant; `outcome` is the column of y. `prior` is the SD of each coefficient.
    """

    outcome: int
    regressors: Int[np.ndarray, " regressor"]
    present: Bool[np.ndarray, " regressor"]
    effects: Int[np.ndarray, " effect"]
    prior: Float64[np.ndarray, " regressor"]


@result
class Grams:
    """How many rows each language has, and the products of their columns, summed."""

    count: Float64[np.ndarray, " language"]
    products: Float64[np.ndarray, "language column column"]


@result
class Selected:
    """The products of one equation's columns, in each language.

    `among` those of W with y after them, `across` of Z with these, `within` of Z.
    """

    count: Float[Numbers, " language"]
    among: Float[Numbers, "language column column"]
    across: Float[Numbers, "language effect column"]
    within: Float[Numbers, "language effect effect"]
    prior: Float[Numbers, " regressor"]
    present: Bool[Numbers, " regressor"]


@result
class Whitened:
    """Products of W with y after it, weighted by the inverse covariance V^-1.

    Summed over languages; `log_determinant` is that of V.
    """

    products: Float[Numbers, "*draw column column"]
    log_determinant: Float[Numbers, "*draw"]


def make_grams(
    columns: Float64[np.ndarray, "row column"],
    language: Int[np.ndarray, " row"],
    n_languages: int,
) -> Grams:
    """Adds up the products of columns within each language, in float64.

    Definition: `G_g = Z_g' Z_g`.

    Args:
        columns: the constant first; others centred, so that no digits are lost.
        language: of each row, from 0.
        n_languages: how many there are.

    Reference: our own definition.
    """
    order = np.argsort(language, kind="stable")
    count = np.bincount(language, minlength=n_languages)
    parts = np.split(columns[order], np.cumsum(count)[:-1])
    return Grams(
        count=count.astype(np.float64),
        products=np.stack([rows.T @ rows for rows in parts]),
    )


def select(grams: Grams, equation: Equation) -> Selected:
    """Takes the products that one equation needs.

    Definition: columns of regressors that are absent are 0.

    Args:
        grams: of all columns.
        equation: which of them.

    Reference: our own definition.
    """
    taken = np.append(equation.regressors, equation.outcome)
    kept = np.append(equation.present, np.True_).astype(np.float64)
    effects = grams.products[:, equation.effects]
    return Selected(
        count=grams.count,
        among=grams.products[:, taken][:, :, taken] * np.outer(kept, kept)[None],
        across=effects[:, :, taken] * kept[None, None],
        within=effects[:, :, equation.effects],
        prior=equation.prior,
        present=equation.present,
    )


def whiten(
    selected: Selected,
    sigma: Float[Numbers, "*draw"],
    spread: Float[Numbers, "*draw effect"],
) -> Whitened:
    """Weights the products of an equation's columns by the inverse covariance.

    Definition: `V_g = sigma^2 + Z diag(spread^2) Z'`, inverted by `V^-1 = (1 - Z s M^-1
    s Z') / sigma^2` with `s = diag(spread)` and `M = sigma^2 + s Z'Z s`, of which
    `log det V = (n - q) log sigma^2 + log det M`, q the number of effects.

    Args:
        selected: products of the equation's columns.
        sigma: SD of the errors.
        spread: SD of each effect of languages; 0 for none.

    Reference: Woodbury's identity and the determinant lemma.
    """
    xp = _namespace(sigma)
    size = spread.shape[-1]
    by = spread[..., None, :, None]
    inner = by * selected.within * spread[..., None, None, :]
    inner = inner + (sigma**2)[..., None, None, None] * np.eye(size)
    if size == 1:  # many times faster than factorizing matrices of one number
        root = xp.sqrt(inner)
        half = by * selected.across / root
    else:
        root = xp.linalg.cholesky(inner)
        half = xp.linalg.solve(root, by * selected.across)
    flat = half.reshape(*sigma.shape, -1, half.shape[-1])
    taken = xp.matmul(xp.swapaxes(flat, -1, -2), flat)
    diagonal = xp.diagonal(root, axis1=-2, axis2=-1)
    plain = (selected.count - size).sum() * 2 * xp.log(sigma)
    whole = selected.among.sum(axis=0)
    return Whitened(
        products=(whole - taken) / (sigma**2)[..., None, None],
        log_determinant=plain + 2 * xp.log(diagonal).sum(axis=(-1, -2)),
    )


def log_marginal(
    selected: Selected,
    sigma: Float[Numbers, "*draw"],
    spread: Float[Numbers, "*draw effect"],
) -> Float[Numbers, "*draw"]:
    """Evaluates the log density of an equation's outcome, given its scales alone.

    Definition: `log N(y; 0, V + W diag(prior^2) W')`, by `P = W' V^-1 W + prior^-2` and
    `h = W' V^-1 y`: `-(1/2) (n log 2 pi + log det V + log det P + sum log prior^2 +
    y' V^-1 y - h' P^-1 h)`. With y as one more column, the Cholesky factor of the whole
    ends in `sqrt(y' V^-1 y - h' P^-1 h)`.

    Args:
        selected: products of the equation's columns.
        sigma: SD of the errors.
        spread: SD of each effect of languages.

    Reference: Lindley and Smith 1972, JRSS-B 34, 1-41, section 2 (the linear model
        with Gaussian priors).
    """
    xp = _namespace(sigma)
    found = whiten(selected, sigma, spread)
    ridge = xp.diag(xp.append(selected.prior**-2, 0.0))
    factor = xp.linalg.cholesky(found.products + ridge)
    diagonal = xp.diagonal(factor, axis1=-2, axis2=-1)
    total = selected.count.sum() * np.log(2 * np.pi) + found.log_determinant
    total = total + 2 * xp.log(diagonal[..., :-1]).sum(axis=-1)
    total = total + 2 * xp.log(selected.prior).sum()
    return -(total + diagonal[..., -1] ** 2) / 2


def draw_coefficients(
    selected: Selected,
    sigma: Float[Numbers, "*draw"],
    spread: Float[Numbers, "*draw effect"],
    noise: tuple[
        Float[Numbers, "*draw regressor"], Float[Numbers, "*draw language effect"]
    ],
) -> tuple[Float[Numbers, "*draw regressor"], Float[Numbers, "*draw language effect"]]:
    """Draws an equation's coefficients and the effects of its languages.

    Definition: `b ~ N(P^-1 h, P^-1)`, then `u_g = s v_g` with `v_g ~ N(M^-1 s r_g,
    sigma^2 M^-1)` and `r_g = Z_g' (y - W b)`; symbols as in `whiten`, `log_marginal`.

    Args:
        selected: products of the equation's columns.
        sigma: SD of the errors.
        spread: SD of each effect of languages.
        noise: draws of N(0, 1), in the shape of what is drawn.

    Returns:
        Coefficients, and what each language adds to those of the effects' columns.

    Reference: Lindley and Smith 1972, JRSS-B 34, 1-41, section 2.
    """
    xp = _namespace(sigma)
    found = whiten(selected, sigma, spread).products
    precision = found[..., :-1, :-1] + xp.diag(selected.prior**-2)
    drawn = _gaussian(precision, found[..., :-1, -1], noise[0])
    coefficients = xp.where(selected.present, drawn, 0.0)
    variance = (sigma**2)[..., None, None]
    left = selected.across[..., -1] - xp.einsum(
        "gec,...c->...ge", selected.across[..., :-1], coefficients
    )
    by = spread[..., None, :]
    inner = by[..., None] * selected.within * by[..., None, :]
    inner = inner / variance[..., None] + np.eye(spread.shape[-1])
    return coefficients, by * _gaussian(inner, by * left / variance, noise[1])


def _gaussian(precision: Any, linear: Any, noise: Any) -> Any:
    """A draw of `N(P^-1 h, P^-1)` from one of `N(0, 1)`."""
    xp = _namespace(precision)
    root = xp.linalg.cholesky(precision)
    half = xp.linalg.solve(root, linear[..., None]) + noise[..., None]
    return xp.linalg.solve(xp.swapaxes(root, -1, -2), half)[..., 0]


def _namespace(x: Any) -> Any:
    """The module whose functions an array is for: NumPy's, or JAX's under its tracer.

    Reference: Python array API standard, `__array_namespace__`.
    """
    return x.__array_namespace__()

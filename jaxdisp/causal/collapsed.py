"""Linear equations whose language effects and coefficients are integrated out.

One equation is `y = W b + Z u_g + e` in language g, with `e ~ N(0, sigma^2)`, effects
of the language `u_g ~ N(0, diag(spread^2))` on the columns Z (the constant, and perhaps
some regressors), and `b ~ N(0, diag(prior^2))`. Everything but the scales `sigma` and
`spread` is Gaussian given them, so that a posterior needs to be walked through in these
few alone, and of the data only the Gram matrix of each language is needed: the cost
does not grow with the number of sentences.

Columns are numbered in one matrix for all equations. An equation with fewer regressors
than another names any column in their place and marks it as absent.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Float64, Int, PRNGKeyArray

from jaxdisp.result import result


@result
class Equation:
    """Which columns an equation is of.

    `regressors` are columns of W, `effects` those of Z, both beginning with the
    constant; `outcome` is the column of y. `prior` is the SD of each coefficient.
    """

    outcome: Int[Array, "*batch"]
    regressors: Int[Array, "*batch regressor"]
    present: Bool[Array, "*batch regressor"]
    effects: Int[Array, "*batch effect"]
    prior: Float[Array, "*batch regressor"]


@result
class Grams:
    """How many rows each language has, and the products of their columns, summed."""

    count: Float[Array, " language"]
    products: Float[Array, "language column column"]


@result
class Selected:
    """The products of one equation's columns, in each language.

    `among` those of W with y after them, `across` of Z with these, `within` of Z.
    """

    count: Float[Array, " language"]
    among: Float[Array, "language column column"]
    across: Float[Array, "language effect column"]
    within: Float[Array, "language effect effect"]
    prior: Float[Array, " regressor"]
    present: Bool[Array, " regressor"]


@result
class Whitened:
    """Products of W with y after it, weighted by the inverse covariance V^-1.

    Summed over languages; `log_determinant` is that of V.
    """

    products: Float[Array, "column column"]
    log_determinant: Float[Array, ""]


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
    products = np.zeros((n_languages, columns.shape[1], columns.shape[1]))
    count = np.zeros(n_languages)
    for number in range(n_languages):
        rows = columns[language == number]
        products[number] = rows.T @ rows
        count[number] = len(rows)
    return Grams(count=jnp.asarray(count), products=jnp.asarray(products))


def select(grams: Grams, equation: Equation) -> Selected:
    """Takes the products that one equation needs.

    Definition: columns of regressors that are absent are 0.

    Args:
        grams: of all columns.
        equation: which of them.

    Reference: our own definition.
    """
    taken = jnp.append(equation.regressors, equation.outcome)
    kept = jnp.append(equation.present, jnp.ones(1, bool))
    kept = kept.astype(grams.products.dtype)
    effects = grams.products[:, equation.effects]
    return Selected(
        count=grams.count,
        among=jnp.einsum(
            "gcd,c,d->gcd", grams.products[:, taken][:, :, taken], kept, kept
        ),
        across=effects[:, :, taken] * kept[None, None],
        within=effects[:, :, equation.effects],
        prior=equation.prior,
        present=equation.present,
    )


def whiten(
    selected: Selected, sigma: Float[Array, ""], spread: Float[Array, " effect"]
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
    size = len(spread)
    scaled = spread[None, :, None] * selected.across
    inner = jnp.einsum("e,gef,f->gef", spread, selected.within, spread)
    inner += sigma**2 * jnp.eye(size, dtype=sigma.dtype)[None]
    if size == 1:  # many times faster than factorizing matrices of one number
        root = jnp.sqrt(inner)
        half = scaled / root
    else:
        root = jnp.linalg.cholesky(inner)
        half = jax.scipy.linalg.solve_triangular(root, scaled, lower=True)
    taken = jnp.einsum("gec,ged->cd", half, half)
    diagonal = jnp.diagonal(root, axis1=1, axis2=2)
    plain = jnp.sum(selected.count - size) * 2 * jnp.log(sigma)
    return Whitened(
        products=(jnp.sum(selected.among, axis=0) - taken) / sigma**2,
        log_determinant=plain + 2 * jnp.sum(jnp.log(diagonal)),
    )


def log_marginal(
    selected: Selected, sigma: Float[Array, ""], spread: Float[Array, " effect"]
) -> Float[Array, ""]:
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
    found = whiten(selected, sigma, spread)
    ridge = jnp.diag(jnp.append(selected.prior**-2, 0.0))
    diagonal = jnp.diagonal(jnp.linalg.cholesky(found.products + ridge))
    total = jnp.sum(selected.count) * jnp.log(2 * jnp.pi) + found.log_determinant
    total += 2 * jnp.sum(jnp.log(diagonal[:-1]) + jnp.log(selected.prior))
    return -(total + diagonal[-1] ** 2) / 2


def draw_coefficients(
    selected: Selected,
    sigma: Float[Array, ""],
    spread: Float[Array, " effect"],
    key: PRNGKeyArray,
) -> tuple[Float[Array, " regressor"], Float[Array, "language effect"]]:
    """Draws an equation's coefficients and the effects of its languages.

    Definition: `b ~ N(P^-1 h, P^-1)`, then `u_g = s v_g` with `v_g ~ N(M^-1 s r_g,
    sigma^2 M^-1)` and `r_g = Z_g' (y - W b)`; symbols as in `whiten`, `log_marginal`.

    Args:
        selected: products of the equation's columns.
        sigma: SD of the errors.
        spread: SD of each effect of languages.
        key: of the draws.

    Returns:
        Coefficients, and what each language adds to those of the effects' columns.

    Reference: Lindley and Smith 1972, JRSS-B 34, 1-41, section 2.
    """
    first, second = jax.random.split(key)
    found = whiten(selected, sigma, spread).products
    noise = jax.random.normal(first, selected.prior.shape, sigma.dtype)
    precision = found[:-1, :-1] + jnp.diag(selected.prior**-2)
    drawn = _gaussian(precision, found[:-1, -1], noise)
    coefficients = jnp.where(selected.present, drawn, 0.0)
    error = jnp.append(-coefficients, 1.0)
    left = jnp.einsum("e,gec,c->ge", spread, selected.across, error) / sigma**2
    inner = jnp.einsum("e,gef,f->gef", spread, selected.within, spread) / sigma**2
    inner += jnp.eye(len(spread), dtype=sigma.dtype)[None]
    noises = jax.random.normal(second, left.shape, sigma.dtype)
    return coefficients, spread[None] * jax.vmap(_gaussian)(inner, left, noises)


def _gaussian(precision: Array, linear: Array, noise: Array) -> Array:
    """A draw of `N(P^-1 h, P^-1)` from one of `N(0, 1)`."""
    root = jnp.linalg.cholesky(precision)
    half = jax.scipy.linalg.solve_triangular(root, linear, lower=True) + noise
    return jax.scipy.linalg.solve_triangular(root, half, lower=True, trans="T")

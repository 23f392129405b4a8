"""How much must be protected before languages lose about equally: proofs, not searches.

In the model of `group_noise`, protecting a share `x[i]` of each group leaves it the
noise `1 - x (1 - r)`, with `r` the residual noise of protected weights. With
`v = g[l] - k g[h]` and `c = (1 - r) v`,

    D[l] <= k D[h]   means   sum v <= sum c x,

a fractional covering knapsack: cheapest first, by `c / n`. Its dual gives a proof that
anyone can check with additions, for all prices `y >= 0`:

    sum x n / N  >=  y sum v - sum (y c - n / N)_+.

Without a demand on quality these are statements about shares of weights, not about
bits: see `attainable_ratio.least_ratio_at_any_quality`.
"""

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Num
from scipy import optimize

from jaxdisp.quant import group_noise
from jaxdisp.result import result


@result
class Protection:
    """The smallest share of weights to protect, for one language or each draw.

    `fraction` of all weights is 0 where the limit holds without protection and infinite
    where protecting everything is not enough (only with residual noise); `price` is the
    dual `y`, 0 or infinite there; `protected` is the share of each group, NaN there.
    """

    fraction: Float[np.ndarray, " *draw"]
    price: Float[np.ndarray, " *draw"]
    protected: Float[np.ndarray, " *draw group"]

    @property
    def already_reached(self) -> Bool[np.ndarray, " *draw"]:
        """Where the limit holds without any protection."""
        return np.asarray(self.fraction == 0)

    @property
    def unreachable(self) -> Bool[np.ndarray, " *draw"]:
        """Where even protecting every weight leaves the ratio above the limit."""
        return np.asarray(np.isinf(self.fraction))


@result
class Certificate:
    """All that is needed to check that less than `claim` of the weights is not enough.

    `mixture` are the weights `nu` of languages, `residual` the noise left in protected
    groups. An infinite claim says that no protection reaches the limit.
    """

    claim: Float[np.ndarray, ""]
    limit: Float[np.ndarray, ""]
    price: Float[np.ndarray, ""]
    mixture: Float[np.ndarray, " language"]
    losses: Float[np.ndarray, "language group"]
    reference: Float[np.ndarray, " group"]
    sizes: Float[np.ndarray, " group"]
    residual: Float[np.ndarray, " group"]


@result
class SharedProtection:
    """The smallest share for several languages at once, with its proof.

    `fraction` and `protected` are as in `Protection`; `gap` is how much of the fraction
    the proof leaves open.
    """

    fraction: Float[np.ndarray, ""]
    protected: Float[np.ndarray, " group"]
    certificate: Certificate

    @property
    def gap(self) -> Float[np.ndarray, ""]:
        """The fraction found minus the fraction proved; NaN if the limit is not met."""
        if np.isinf(self.fraction):
            return np.asarray(np.nan)
        return np.asarray(self.fraction - self.certificate.claim)


def least_protection(
    losses: Num[ArrayLike, " *draw group"],
    reference: Num[ArrayLike, " *draw group"],
    sizes: Num[ArrayLike, " group"],
    *,
    limit: float,
    residual: Num[ArrayLike, " *groups"] | float = 0.0,
) -> Protection:
    """Finds the smallest share of weights to protect so that one language loses enough.

    Definition: `p*(k) = min sum x n / N` over `0 <= x <= 1` with `sum v <= sum c x`, as
    in the module's docstring. Bootstrap draws are taken all at once; the claim from
    them is `claim_of_draws`.

    Args:
        losses: `g[l]`, what the language loses by group, in any unit.
        reference: `g[h]`, what the reference language loses, in that unit.
        sizes: number of weights of each group.
        limit: `k`, the largest ratio of losses allowed.
        residual: noise left in protected groups, a share of the unprotected one's.

    Raises:
        ValueError: if a loss is negative, a size or the limit not positive, or the
            residual not at least 0 and below 1.

    Reference: Dantzig 1957, Discrete-Variable Extremum Problems, Operations Research 5
    (the fractional knapsack); our own derivation.
    """
    k = group_noise.limit_of_ratio(limit)
    g, base = group_noise.pair(losses, reference)
    share = group_noise.shares(sizes)
    excess = group_noise.excess(g, base, k)  # v
    relief = (1 - group_noise.residuals(residual, share)) * excess  # c
    need = excess.sum(axis=-1)
    useful = np.maximum(relief, 0.0)
    order = np.argsort(-useful / share, axis=-1, kind="stable")
    gains = np.take_along_axis(useful, order, axis=-1)
    before = np.cumsum(gains, axis=-1) - gains
    taken = np.where(gains > 0, (need[..., None] - before), 0.0)
    taken = np.clip(taken / np.where(gains > 0, gains, 1.0), 0.0, 1.0)
    protected = np.zeros_like(taken)
    np.put_along_axis(protected, order, taken, axis=-1)
    # no term is above 0 without residual noise, so that rounding cannot decide
    unreachable = (excess - useful).sum(axis=-1) > 0
    price = _marginal_price(gains, share[order], taken)
    return Protection(
        fraction=np.where(unreachable, np.inf, protected @ share),
        price=np.where(unreachable, np.inf, price),
        protected=np.where(unreachable[..., None], np.nan, protected),
    )


def least_protection_of_languages(
    losses: Num[ArrayLike, "language group"],
    reference: Num[ArrayLike, " group"],
    sizes: Num[ArrayLike, " group"],
    *,
    limit: float,
    residual: Num[ArrayLike, " *groups"] | float = 0.0,
) -> SharedProtection:
    """Finds and proves the smallest share to protect so that no language loses more.

    Definition: `min sum x n / N` with `D[l] <= k D[h]` for every language; a linear
    program, whose duals `y nu[l]` turn the proof for one language into one for all,
    with `sum nu g[l]` in the place of `g[l]`.

    Args:
        losses: `g`, what each language loses by group, in any unit.
        reference: what the reference language loses, in that unit.
        sizes: number of weights of each group.
        limit: `k`, the largest ratio of losses allowed.
        residual: noise left in protected groups, a share of the unprotected one's.

    Raises:
        ValueError: as `least_protection`.

    Reference: our own derivation; strong duality of linear programs.
    """
    k = group_noise.limit_of_ratio(limit)
    g, base = group_noise.pair(losses, reference)
    share = group_noise.shares(sizes)
    left = group_noise.residuals(residual, share)
    excess = group_noise.excess(g, base, k)
    if len(g) == 1:
        one = least_protection(g[0], base, sizes, limit=k, residual=left)
        fraction, protected, prices = one.fraction, one.protected, one.price[None]
        if one.unreachable:
            prices = np.ones(1)
    else:
        fraction, protected, prices = _cover(excess, (1 - left) * excess, share)
    total = prices.sum()
    mixture = prices / total if total > 0 else np.full(len(g), 1 / len(g))
    price = np.asarray(np.inf if np.isinf(fraction) else total)
    certificate = Certificate(
        claim=_proved(price, mixture, g, base, share, left, k),
        limit=np.asarray(k),
        price=price,
        mixture=mixture,
        losses=g,
        reference=base,
        sizes=np.asarray(sizes, np.float64),
        residual=left,
    )
    return SharedProtection(
        fraction=np.asarray(fraction), protected=protected, certificate=certificate
    )


def claim_of_draws(
    fractions: Float[ArrayLike, " draw"], *, confidence: float = 0.95
) -> Float[np.ndarray, ""]:
    """Takes from the draws of a bootstrap the share that is claimed to be necessary.

    Definition: the lower quantile of `p*` at `1 - confidence`, an order statistic, so
    that infinite draws do no harm: "the limit cannot be met with less".

    Args:
        fractions: of `least_protection`, one per draw.
        confidence: of the one-sided claim.

    Raises:
        ValueError: if the confidence is not between 0 and 1, or a draw is not a number.

    Reference: Efron and Tibshirani 1993, An Introduction to the Bootstrap,
    section 13.3.
    """
    values = np.asarray(fractions, np.float64)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence}")
    if values.size == 0 or np.isnan(values).any():
        raise ValueError(
            f"fractions must be at least one number, got {values.size} draws of which "
            f"{np.sum(np.isnan(values))} are not numbers"
        )
    return np.asarray(np.quantile(values, 1 - confidence, method="lower"))


def _marginal_price(
    gains: Float[np.ndarray, " *draw group"],
    share: Float[np.ndarray, " *draw group"],
    taken: Float[np.ndarray, " *draw group"],
) -> Float[np.ndarray, " *draw"]:
    """Finds weights per unit of excess where the last weights are protected; else 0."""
    last = np.maximum((taken > 0).sum(axis=-1) - 1, 0)[..., None]
    gain = np.take_along_axis(gains, last, axis=-1)[..., 0]
    cost = np.take_along_axis(share, last, axis=-1)[..., 0]
    any_taken = (taken > 0).any(axis=-1)
    return np.where(any_taken, cost / np.where(any_taken, gain, 1.0), 0.0)


def _cover(
    excess: Float[np.ndarray, "language group"],
    relief: Float[np.ndarray, "language group"],
    share: Float[np.ndarray, " group"],
) -> tuple[float, Float[np.ndarray, " group"], Float[np.ndarray, " language"]]:
    """Solves the linear program; where nothing reaches the limit, proves that."""
    scale = np.abs(excess).max(axis=1)
    scale = np.where(scale > 0, scale, 1.0)
    rows, needs = -relief / scale[:, None], -excess.sum(axis=1) / scale
    found = optimize.linprog(share, A_ub=rows, b_ub=needs, bounds=(0, 1))
    if found.status == 0:
        prices = np.maximum(-found.ineqlin.marginals, 0.0) / scale
        return float(found.fun), np.clip(found.x, 0.0, 1.0), prices
    if found.status != 2:
        raise RuntimeError(f"the linear program was not solved: {found.message}")
    # how far above the limit the worst language stays, whatever is protected
    costs = np.append(np.zeros_like(share), 1.0)
    bounds = [*[(0, 1)] * share.size, (None, None)]
    slack = -np.ones((len(rows), 1))
    far = optimize.linprog(
        costs, A_ub=np.hstack([rows, slack]), b_ub=needs, bounds=bounds
    )
    prices = np.maximum(-far.ineqlin.marginals, 0.0) / scale
    return np.inf, np.full_like(share, np.nan), prices


def _proved(
    price: Float[np.ndarray, ""],
    mixture: Float[np.ndarray, " language"],
    losses: Float[np.ndarray, "language group"],
    base: Float[np.ndarray, " group"],
    share: Float[np.ndarray, " group"],
    left: Float[np.ndarray, " group"],
    limit: float,
) -> Float[np.ndarray, ""]:
    """Evaluates the dual, rounded down; with an infinite price, its sign alone."""
    endless = np.isinf(price)
    weights = mixture if endless else price * mixture
    lost = weights @ losses
    allowed = weights.sum() * limit * base
    over = (1 - left) * (lost - allowed) - (0.0 if endless else share)
    bound = group_noise.rounded_down(
        np.concatenate([lost, -allowed, -np.maximum(over, 0.0)])
    )
    if endless:
        return np.asarray(np.inf if bound > 0 else 0.0)
    return np.asarray(max(float(bound), 0.0))

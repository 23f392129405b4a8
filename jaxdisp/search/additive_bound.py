"""How low an objective can get in the additive model: proofs, not searches.

In the additive model the layers' own losses add up, `D[l] = sum_i g[i, a_i, l]`, and
an objective is the largest of a few weighted sums of `D`, its aims: one for a mean, one
per language for the worst. With a price `p` on bytes and weights `nu` of the aims that
sum to 1, and `w = sum_r nu[r] aims[r]`, every assignment within the limit has

    objective  >=  sum_i min_v (w . g[i, v] + p bytes[i, v]) - p limit,

which anyone can check with additions. The best `p` and `nu` are the dual of a linear
program in which layers may be in two versions at once. Which sets are the best in the
model is found in `additive_candidates`.
"""

import itertools
import math
from fractions import Fraction

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import optimize

from jaxdisp.quant.certificate_check import Check
from jaxdisp.result import result
from jaxdisp.search import budget

OBJECTIVES = ("mean", "worst", "low", "high", "difference", "max_min")
"""The objectives that are the largest of a few sums; a ratio is not."""


@result
class Limit:
    """Which assignments are allowed: sizes of layers add up to at most `most`.

    With `exactly`, to just that. The columns of `sizes` are the versions allowed.
    """

    sizes: Int[np.ndarray, "layer version"]
    most: int
    exactly: bool


@result
class Problem:
    """The least of `max_r aims[r] . D` in the additive model, within a limit."""

    losses: Float[np.ndarray, "layer version language"]
    aims: Float[np.ndarray, "aim language"]
    limit: Limit

    @property
    def terms(self) -> Float[np.ndarray, "aim layer version"]:
        """What each layer in each version adds to each aim."""
        return np.einsum("rl,ivl->riv", self.aims, self.losses)


@result
class Certificate:
    """All that is needed to check that no allowed assignment is below `claim`.

    `mixture` are the weights `nu` of the aims, to be divided by their sum, and `price`
    is that of a byte, or of a kept layer.
    """

    problem: Problem
    mixture: Float[np.ndarray, " aim"]
    price: Float[np.ndarray, ""]
    claim: Float[np.ndarray, ""]


def within_bytes(layer_bytes: Int[np.ndarray, "layer version"], most: int) -> Limit:
    """Allows the assignments whose layers take at most so many bytes.

    Args:
        layer_bytes: bytes of each layer in each version.
        most: bytes of all layers together.

    Raises:
        ValueError: if nothing fits.

    Reference: our own definition.
    """
    cheapest = int(np.sum(np.min(layer_bytes, axis=1)))
    if most < cheapest:
        raise ValueError(
            f"no assignment has layers of at most {most} bytes; the cheapest takes "
            f"{cheapest}: raise the budget or quantize to fewer bits"
        )
    return Limit(sizes=layer_bytes, most=most, exactly=False)


def keeping(n_layers: int, keep: int) -> Limit:
    """Allows the assignments with so many layers in full precision, the rest in one.

    Definition: `keep` layers in version 0, the others in version 1.

    Args:
        n_layers: layers of the model.
        keep: how many of them are protected.

    Raises:
        ValueError: if there are not so many layers.

    Reference: our own definition.
    """
    if not 0 <= keep <= n_layers:
        raise ValueError(
            f"between 0 and all {n_layers} layers can be protected, got {keep}"
        )
    sizes = np.tile(np.array([1, 0]), (n_layers, 1))  # of full precision, of the other
    return Limit(sizes=sizes, most=keep, exactly=True)


def allowed(
    limit: Limit, assignments: Int[np.ndarray, "subset layer"]
) -> Bool[np.ndarray, " subset"]:
    """Flags the assignments that a limit allows.

    Args:
        limit: what is allowed.
        assignments: version of each layer.

    Reference: our own definition.
    """
    known = np.all(assignments < limit.sizes.shape[1], axis=1)
    totals = budget.sizes(limit.sizes, np.where(known[:, None], assignments, 0))
    fits = totals == limit.most if limit.exactly else totals <= limit.most
    return known & fits


def problem(
    losses: Float[np.ndarray, "layer version language"],
    limit: Limit,
    *,
    objective: str = "worst",
    weights: Float[np.ndarray, "side language"] | None = None,
) -> Problem:
    """States which objective is to be small in the additive model, within which limit.

    Definition: aims are `1 / n` for the `mean`, the unit vectors for the `worst`, one
    of the two sides, for their `difference`, of which the absolute value is wanted
    small, both signs of it, and for `max_min` all `e_l - e_m`.

    Args:
        losses: of each layer in each version by itself, as `surrogate.isolated` has
            them, in any unit; versions that the limit does not know are left out.
        limit: what is allowed.
        objective: one of `OBJECTIVES`.
        weights: of each language in the low and the high mean, each row summing to 1.

    Raises:
        ValueError: if the objective is unknown or needs weights, the numbers of layers
            differ, or a version was not measured.

    Reference: our own definition.
    """
    layers, versions = limit.sizes.shape
    if len(losses) != layers or losses.shape[1] < versions:
        raise ValueError(
            f"losses are of {len(losses)} layers in {losses.shape[1]} versions and the "
            f"limit is for {layers} in {versions}; give both for the same model"
        )
    known = losses[:, :versions]
    if not np.all(np.isfinite(known)):
        layer, version = np.argwhere(~np.isfinite(known))[0][:2]
        raise ValueError(
            f"layer {layer} in version {version} was not measured by itself; measure "
            "the row in which it alone is quantized"
        )
    aims = _aims(objective, losses.shape[2], weights)
    return Problem(losses=known, aims=aims, limit=limit)


def _aims(
    objective: str, languages: int, weights: Float[np.ndarray, "side language"] | None
) -> Float[np.ndarray, "aim language"]:
    if objective not in OBJECTIVES:
        raise ValueError(
            f"objective {objective!r}: must be one of {', '.join(OBJECTIVES)}"
        )
    if objective == "mean":
        return np.full((1, languages), 1 / languages)
    units = np.eye(languages)
    if objective == "worst":
        return units
    if objective == "max_min":
        pairs = list(itertools.permutations(units, 2))
        return np.array([one - other for one, other in pairs] or [0 * units[0]])
    if weights is None:
        raise ValueError(f"objective {objective!r} needs the weights of two sides")
    low, high = weights
    gap = low - high  # its absolute value is the larger of both signs
    sides = {"low": [low], "high": [high], "difference": [gap, -gap]}
    return np.array(sides[objective])


def values(
    problem: Problem, assignments: Int[np.ndarray, "subset layer"]
) -> Float[np.ndarray, " subset"]:
    """Predicts the objective of assignments, whether they are allowed or not.

    Definition: `max_r aims[r] . sum_i g[i, a_i]`.

    Args:
        problem: the additive model and its aims.
        assignments: version of each layer.

    Reference: our own definition.
    """
    layers = np.arange(len(problem.losses))
    sums = problem.losses[layers, assignments].sum(axis=1)
    return np.max(sums @ problem.aims.T, axis=1)


def bound(problem: Problem) -> Certificate:
    """Proves how low the objective can get at best.

    Definition: the linear program `min t` with `sum x terms[r] <= t` for each aim,
    `sum_v x[i, v] = 1` and the limit on `sum x sizes`; its duals are the mixture and
    the price. The claim is what they prove, rounded down.

    Args:
        problem: what is to be small, within which limit.

    Raises:
        RuntimeError: if the linear program was not solved.

    Reference: Dantzig 1957, Discrete-Variable Extremum Problems, Operations Research 5;
        Geoffrion 1974, Lagrangean relaxation for integer programming, section 3.
    """
    terms, limit = problem.terms, problem.limit
    aims, layers, versions = terms.shape
    # both of order 1, as the solver's tolerances are absolute
    scale, unit = (float(np.max(np.abs(x))) or 1.0 for x in (terms, limit.sizes))
    rows = np.column_stack([terms.reshape(aims, -1) / scale, -np.ones(aims)])
    taken = np.append(limit.sizes.ravel() / unit, 0.0)[None]
    one_each = np.kron(np.eye(layers), np.ones(versions))
    simplex = np.column_stack([one_each, np.zeros(layers)])
    total = np.array([limit.most / unit])
    equal, most = [simplex], [rows]
    (equal if limit.exactly else most).append(taken)
    right, below = [np.ones(layers)], [np.zeros(aims)]
    (right if limit.exactly else below).append(total)
    found = optimize.linprog(
        np.append(np.zeros(layers * versions), 1.0),
        A_ub=np.vstack(most),
        b_ub=np.concatenate(below),
        A_eq=np.vstack(equal),
        b_eq=np.concatenate(right),
        bounds=[(0, None)] * (layers * versions) + [(None, None)],
    )
    if found.status != 0:
        raise RuntimeError(f"the linear program was not solved: {found.message}")
    prices = -np.asarray(found.ineqlin.marginals)
    mixture = np.maximum(prices[:aims], 0.0)
    price = -float(found.eqlin.marginals[-1]) if limit.exactly else max(prices[-1], 0.0)
    price = np.asarray(price * scale / unit / mixture.sum())
    claim = _rounded_down(_proved(problem, mixture, price))
    return Certificate(
        problem=problem, mixture=mixture, price=price, claim=np.asarray(claim)
    )


def verify(certificate: Certificate) -> Check:
    """Checks that no allowed assignment is below what a certificate claims.

    Formula: `sum_i min_v (w . g[i, v] + p bytes[i, v]) - p limit`, in exact fractions,
    with `w = sum_r nu[r] aims[r] / sum nu`. A price may be negative only where sizes
    have to add up exactly.

    Args:
        certificate: as stored.

    Reference: Geoffrion 1974, Lagrangean relaxation for integer programming, theorem 1.
    """
    one = certificate
    numbers = (one.problem.losses, one.problem.aims, one.mixture, one.price)
    proper = all(np.all(np.isfinite(x)) for x in numbers)
    proper = proper and np.all(one.mixture >= 0) and np.sum(one.mixture) > 0
    if not proper or (one.price < 0 and not one.problem.limit.exactly):
        return Check(bound=np.asarray(math.nan), holds=np.asarray(np.False_))
    proved = _proved(one.problem, one.mixture, one.price)
    holds = math.isfinite(one.claim) and Fraction(float(one.claim)) <= proved
    return Check(bound=np.asarray(_rounded_down(proved)), holds=np.asarray(holds))


def _proved(
    problem: Problem, mixture: Float[np.ndarray, " aim"], price: Float[np.ndarray, ""]
) -> Fraction:
    """Evaluates the bound without rounding."""
    nu = [Fraction(x) for x in mixture.tolist()]
    whole, p = sum(nu), Fraction(float(price))
    language_weights = [
        sum((n * Fraction(x) for n, x in zip(nu, column, strict=True)), Fraction(0))
        / whole
        for column in problem.aims.T.tolist()
    ]
    total = -p * problem.limit.most
    pairs = zip(problem.losses.tolist(), problem.limit.sizes.tolist(), strict=True)
    for losses, sizes in pairs:
        total += min(
            p * size
            + sum(
                w * Fraction(g) for w, g in zip(language_weights, version, strict=True)
            )
            for version, size in zip(losses, sizes, strict=True)
        )
    return total


def _rounded_down(exact: Fraction) -> float:
    """Returns the largest float that is not above."""
    near = float(exact)
    return near if Fraction(near) <= exact else math.nextafter(near, -math.inf)

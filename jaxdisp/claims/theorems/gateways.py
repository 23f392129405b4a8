"""Which layers it pays to protect, and what later layers make of an error."""

import math

import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jaxdisp.claims.theorems import gateways_on_model
from jaxdisp.claims.theorems import group_instances as drawn
from jaxdisp.claims.theorems.theorem import (
    Check,
    Counterexample,
    Theorem,
    compared,
    equal,
    together,
)
from jaxdisp.quant import ratio_optimum

LAYERS, PARTS, WIDTH, DEPTH = 7, 4, 3, 5
NOTES_LAYERS, NOTES_KEPT = 12, 3

ROUNDING = 1e-11
"""Sums of ten terms of float64, with three digits lost to a difference."""

STEEPEST = 4 / (3 * math.sqrt(3))
"""The largest third derivative of `log cosh`, at `tanh^2 = 1/3`."""


def product_importances(norm: float) -> Float[np.ndarray, " layer"]:
    """Importances of layers by the notes' formula, errors and norms being equal.

    Definition: `prod over j > i of |W_j|`, with `|W_j|` the same in 12 layers.

    Args:
        norm: of each layer.

    Reference: the notes' proof of theorem 3, step 1.
    """
    return norm ** (NOTES_LAYERS - 1.0 - np.arange(NOTES_LAYERS))


def best_layers(importances: Float[np.ndarray, " layer"], kept: int) -> list[int]:
    """Lists the layers of largest importance, the first ones among equals.

    Args:
        importances: of the layers.
        kept: how many are listed.

    Reference: our own definition.
    """
    return sorted(np.argsort(-importances, kind="stable")[:kept].tolist())


def required(
    importances: Float[np.ndarray, "*case layer"], kept: Float[np.ndarray, "*case 1"]
) -> np.ndarray:
    """Marks the layers that every optimal set of protected layers contains.

    Definition: layer j where `#{i != j: g_i >= g_j} < k`.

    Args:
        importances: `g`, what leaving a layer unprotected costs, of any sign.
        kept: `k`, how many are protected.

    Reference: our own derivation (exchange).
    """
    rivals = (importances[..., None, :] >= importances[..., :, None]).sum(axis=-1) - 1
    return rivals < kept


def _gateway_example() -> Counterexample:
    growing_by = product_importances(1.1)
    growing = best_layers(growing_by, NOTES_KEPT)
    shrinking = best_layers(product_importances(0.9), NOTES_KEPT)
    return Counterexample(
        text="By the formula of the notes' own proof, with errors of equal size and "
        f"norms of 1.1, the best three of 12 layers are {growing}; with norms of 0.9 "
        f"they are {shrinking}. Neither set contains both the first and the last.",
        values={
            "importance of layer 0 at norms of 1.1": float(growing_by[0]),
            "importance of layer 1 at norms of 1.1": float(growing_by[1]),
            "importance of layer 2 at norms of 1.1": float(growing_by[2]),
            "last layer is protected at norms of 1.1": float(11 in growing),
            "first layer is protected at norms of 0.9": float(0 in shrinking),
        },
    )


def _check_gateways(key: PRNGKeyArray, n: int) -> Check:
    """Compares with all sets; ties are frequent, and importances may be negative."""
    key, errors = drawn.keys(key, 2)
    g = drawn.whole(key, (n, LAYERS), -2, 4)
    sets = drawn.all_sets(LAYERS)
    kept = 1.0 + np.arange(n)[:, None] % (LAYERS - 1)
    lost = np.where(sets.sum(axis=1) == kept, g @ (1 - sets).T, np.inf)
    least = lost.min(axis=1)
    order = np.sort(g, axis=1)
    by_rank = np.where(np.arange(LAYERS) < LAYERS - kept, order, 0.0).sum(axis=1)
    optimal = lost == least[:, None]
    always = np.where(optimal[..., None], sets, 1.0).min(axis=1)
    digits = 2.0 ** np.arange(LAYERS)
    return together(
        (
            compared(smaller=by_rank, larger=least, tolerance=0.0),
            equal(always @ digits, required(g, kept) @ digits, 0.0),
            _second_order(errors, n),
        )
    )


def _second_order(key: PRNGKeyArray, n: int) -> Check:
    """What independent errors of four layers cost, against the sum over layers.

    The loss is `sum log cosh(A w)`; errors take two values each, so that expectations
    are sums over 16 patterns. Of odd instances one layer alone errs, seldom and far,
    where the third derivative is largest: the remainder is nearly attained.
    """
    keys = drawn.keys(key, 3)
    rows = drawn.normal(keys[0], (n, PARTS, PARTS))
    size = 0.1 * drawn.normal(keys[1], (n, PARTS))
    start = drawn.normal(keys[2], (n, PARTS))
    hard = (np.arange(n) % 2 == 1)[:, None]
    alone = np.arange(PARTS) == 0
    rows = np.where(hard[..., None], alone * alone[:, None], rows)
    size = np.where(hard, 0.1 * alone, size)
    start = np.where(hard, -np.arctanh(np.sqrt(1 / 3)), start)
    rare = np.where(hard, 0.01, 0.3)
    pattern = drawn.all_sets(PARTS)[:, None]
    chance = np.prod(np.where(pattern > 0, rare, 1 - rare), axis=-1)
    errors = (pattern - rare) * size
    at = start + np.einsum("nij,snj->sni", rows, errors)
    added = (np.log(np.cosh(at)) - np.log(np.cosh(start))).sum(axis=-1)
    # the covariance of a layer's error, times the diagonal of the Hessian
    curvature = np.einsum("nij,ni->nj", rows**2, 1 / np.cosh(start) ** 2)
    of_layers = 0.5 * curvature * rare * (1 - rare) * size**2
    missed = np.abs((chance * added).sum(axis=0) - of_layers.sum(axis=1))
    cubes = (chance * (errors**2).sum(axis=-1) ** 1.5).sum(axis=0)
    third = STEEPEST * ((rows**2).sum(axis=-1) ** 1.5).sum(axis=1)
    return compared(smaller=missed, larger=third / 6 * cubes, tolerance=1e-9)


def _ratio_example() -> Counterexample:
    """Two layers, and the notes' own importances."""
    losses, reference = np.array([1.0, 2.0]), np.array([1.0, 1.0])
    sets = drawn.all_sets(NOTES_LAYERS)
    sets = sets[sets.sum(axis=1) == NOTES_KEPT]
    ratios = ((1 - sets) @ drawn.NOTES_LANGUAGE) / ((1 - sets) @ drawn.NOTES_REFERENCE)
    ties = int(np.sum(ratios <= ratios.min() * (1 + 1e-12)))
    before, after = losses.sum() / reference.sum(), losses[1] / reference[1]
    return Counterexample(
        text="Two layers cost a language 1 and 2 nats and the reference 1 and 1. "
        f"Protecting the first spares both a nat and raises the ratio from {before:g} "
        f"to {after:g}: nothing is harmed. In the notes' own importances {ties} sets "
        "of three layers have the least ratio.",
        values={
            "ratio before": float(before),
            "ratio after": float(after),
            "least ratio of three layers": float(ratios.min()),
            "sets that attain it": float(ties),
        },
    )


def _check_ratio(key: PRNGKeyArray, n: int) -> Check:
    """Compares with all sets of the size; losses range over three decades."""
    one, two = drawn.keys(key, 2)
    a, b = drawn.positive(one, (n, LAYERS)), drawn.positive(two, (n, LAYERS))
    sets = drawn.all_sets(LAYERS)
    kept = 1 + np.arange(n) % (LAYERS - 1)
    wrong = sets.sum(axis=1) != kept[:, None]
    lost, base = a @ (1 - sets).T, b @ (1 - sets).T
    ratios = lost / np.where(wrong, 1.0, base)
    least = np.where(wrong, np.inf, ratios).min(axis=1)
    ratio = np.array(
        [
            ratio_optimum.least_ratio(x, y, n_protected=int(k)).ratio
            for x, y, k in zip(a, b, kept, strict=True)
        ]
    )
    excess = np.where(wrong, np.inf, lost - ratio[:, None] * base).min(axis=1)
    order = np.argsort(-(a - ratio[:, None] * b), axis=1)
    left = np.argsort(order, axis=1) >= kept[:, None]
    by_rank = (a * left).sum(axis=1) / (b * left).sum(axis=1)
    whole = ratio * b.sum(axis=1)
    return together(
        (
            compared(smaller=ratio, larger=least, tolerance=ROUNDING),
            equal(by_rank, ratio, ROUNDING),
            equal(whole + excess, whole, ROUNDING),
            _mediant(a, b),
        )
    )


def _mediant(
    a: Float[np.ndarray, "case layer"], b: Float[np.ndarray, "case layer"]
) -> Check:
    """What protecting one layer does to the ratio, for each of the layers."""
    whole, base = a.sum(axis=1, keepdims=True), b.sum(axis=1, keepdims=True)
    before = whole / base
    after = (whole - a) / (base - b)
    rise = (before - a / b) * b / (base - b)
    # what the rest loses is a difference of numbers up to 1e3 times as large
    by_layer = [
        equal(after[:, layer], (before + rise)[:, layer], 1e-9)
        for layer in range(a.shape[1])
    ]
    return together(tuple(by_layer))


def _propagation_example() -> Counterexample:
    gains = 0.5 ** (NOTES_LAYERS - 1.0 - np.arange(NOTES_LAYERS))
    true = best_layers(gains, NOTES_KEPT)
    claimed = best_layers(product_importances(1.1), NOTES_KEPT)
    return Counterexample(
        text="Twelve layers x + F(x) with F(x) = -x/2 halve what reaches them: an "
        f"error of layer i arrives as 2^-(11 - i) of itself; the best are {true}. "
        f"The notes' product with norms of 1.1 has {claimed}.",
        values={
            "gain of layer 0": float(gains[0]),
            "gain of layer 11": float(gains[-1]),
            "first of the best three": float(true[0]),
            "first of the best three, claimed": float(claimed[0]),
        },
    )


def _check_propagation(key: PRNGKeyArray, n: int) -> Check:
    """Follows two states through small residual networks of known constants.

    Layers are `F(x) = c U tanh(V x)` with U and V rotations, so that `Lip(F) = c`; of
    every three instances two are linear, `F(x) = c x` and `F(x) = -c x`, where one of
    the bounds is attained.
    """
    keys = drawn.keys(key, 5)
    lipschitz = drawn.uniform(keys[0], (n, DEPTH), 0.0, 1.3)
    outer, inner = (
        np.linalg.qr(drawn.normal(each, (n, DEPTH, WIDTH, WIDTH)))[0]
        for each in keys[1:3]
    )
    state, error = (drawn.normal(each, (n, WIDTH)) for each in keys[3:])
    kind = np.arange(n)[:, None] % 3
    sign = np.where(kind == 1, -1.0, 1.0)
    first, second = state, state + error
    for j in range(DEPTH):

        def layer(x: np.ndarray, j: int = j) -> np.ndarray:
            turned = np.tanh(np.einsum("nij,nj->ni", inner[:, j], x))
            curved = np.einsum("nij,nj->ni", outer[:, j], turned)
            own = np.where(kind == 2, curved, sign * x)
            return x + lipschitz[:, j, None] * own

        first, second = layer(first), layer(second)
    before = np.linalg.norm(error, axis=1)
    after = np.linalg.norm(second - first, axis=1)
    least = np.prod(np.maximum(1 - lipschitz, 0.0), axis=1) * before
    most = np.prod(1 + lipschitz, axis=1) * before
    return together(
        (
            # a difference of states a hundred times as large as the error left
            compared(smaller=least, larger=after, tolerance=1e-8),
            compared(smaller=after, larger=most, tolerance=1e-8),
        )
    )


THEOREMS: tuple[Theorem, ...] = (
    Theorem(
        id="T3a",
        title="Which layers every optimal protection contains",
        claimed="For k >= 3, {0, L-1} is part of the set of protected layers that "
        "makes the disparity least; any disparity-minimizing protection scheme must "
        "include the first and last layers.",
        source="formal proofs, theorem 3; theory development, theory 3 and proof "
        "sketch 2",
        failed_step="Steps 1 and 2 say that errors of the first and of the last layer "
        "matter; that they matter more than those of all but k - 1 others, which is "
        "what is to be shown, does not follow.",
        counterexample=_gateway_example,
        statement="If errors of layers are independent, of mean zero and small, the "
        "expected loss is 1/2 sum_i tr(H_ii Cov E_i) up to M/6 E|E|^3, a sum of one "
        "number g_i for each unprotected layer. Then the k layers of largest g_i are "
        "an optimal set, and layer j is in every optimal set exactly if fewer than k "
        "other layers have g_i >= g_j.",
        check=_check_gateways,
        on_model=gateways_on_model.judge_ranks,
    ),
    Theorem(
        id="T3b",
        title="Which layers make a ratio of losses least",
        claimed="The optimal set of three of 12 layers is {0, 9, 11}; protecting layer "
        "11 alone is harmful, as the ratio rises.",
        source="formal proofs, corollary of theorem 3; theory investigation, gap 2",
        failed_step="The theorem leaves the third layer open among those of the "
        "bottleneck; a ratio that rises is taken for harm.",
        counterexample=_ratio_example,
        statement="With positive losses, the least A(S)/B(S) over |S| = k is the root "
        "r of min_S [A(S) - r B(S)], attained by the k layers of largest a_i - r b_i. "
        "Protecting layer i changes A/B by (A/B - a_i/b_i) b_i/(B - b_i): the ratio "
        "rises exactly if a_i/b_i < A/B, although neither language loses more.",
        check=_check_ratio,
        on_model=gateways_on_model.judge_ratio,
    ),
    Theorem(
        id="T3c",
        title="What residual layers make of an error",
        claimed="The increase in perplexity is proportional to sum_i e_i prod_{j>i} "
        "|W_j|: all later layers amplify the error of layer 0.",
        source="formal proofs, theorem 3, step 1",
        failed_step="The product bounds the gain of a plain chain of layers from "
        "above; it is no proportionality, and these layers add to a residual stream.",
        counterexample=_propagation_example,
        statement="If x_{j+1} = x_j + F_j(x_j) and F_j has the Lipschitz constant c_j, "
        "an error d after layer i has, after the last, a length from "
        "prod_{j>i} max(0, 1 - c_j) |d| to prod_{j>i} (1 + c_j) |d|; both are met.",
        check=_check_propagation,
        on_model=gateways_on_model.judge_propagation,
    ),
)

"""Nested regression: what further features add to those that are there."""

import numpy as np
from jaxtyping import Float
from scipy import special

from jaxdisp.result import result
from jaxdisp.stats import model_choice, regression

MOST_CONDITION = 1e6
"""Slopes lose as many digits to rounding as the condition number has, squared."""


@result
class Nested:
    """Two fits, one of which has further features, and how much better it is.

    `p_value` is of the hypothesis that slopes of all further features are 0. Changes
    are those from the smaller fit to the larger: of R^2, which never falls, of that of
    leave-one-out predictions and of AICc, which is smaller where new points will be
    predicted better. `inflation` and `condition` are of the larger fit's features,
    centred and scaled.
    """

    f: float
    df: tuple[int, int]
    p_value: float
    r2: float
    r2_change: float
    loo_r2: float
    loo_r2_change: float
    aicc: float
    aicc_change: float
    inflation: Float[np.ndarray, " feature"]
    condition: float


def compare(
    features: Float[np.ndarray, "point feature"],
    further: Float[np.ndarray, "row extra"],
    response: Float[np.ndarray, " response"],
) -> Nested:
    """Compares least squares with and without further features.

    Definition: `F = (R2' - R2) / q / ((1 - R2') / (n - p - q - 1))` of p features and q
    further ones, against the F distribution, which is right for independent normal
    errors of the same size; R^2 and its leave-one-out version as in `regression.fit`,
    both 0 for a constant; AICc as in `model_choice.aicc`, with p + 1 parameters.

    Args:
        features: of each point; may be none, `[point, 0]`.
        further: those that are added.
        response: in any unit.

    Raises:
        ValueError: if there are no further features, too few points for AICc of the
            larger fit, values are not finite, one is constant, or features are linear
            functions of one another.

    Reference: Chow 1960, Econometrica 28 (the F test); Allen 1974, Technometrics 16.
    """
    n, p, q = *features.shape, further.shape[1]
    if len(further) != n or len(response) != n:
        raise ValueError(
            f"every point needs all values, got {n}, {len(further)} and {len(response)}"
        )
    if q < 1:
        raise ValueError("a comparison needs at least 1 further feature")
    if n < p + q + 4:
        raise ValueError(
            f"fits of {p} and {p + q} features are compared by at least {p + q + 4} "
            f"points, got {n}"
        )
    everything = np.concatenate([features, further], axis=1)
    larger = regression.fit(everything, response)
    _refuse_collinear(larger.condition, larger.inflation)
    smaller = regression.fit(features, response) if p else None
    r2, loo = (smaller.r2, smaller.loo_r2) if smaller else (0.0, 0.0)
    df = q, n - p - q - 1
    left = max(1 - larger.r2, 0.0)
    gain = max(larger.r2 - r2, 0.0) / df[0]
    f = gain * df[1] / left if left > 0 else float("inf")
    squares = float(np.sum((response - response.mean()) ** 2))
    score = _score((1 - larger.r2) * squares, n, p + q)
    return Nested(
        f=f,
        df=df,
        p_value=float(special.fdtrc(*df, f)) if np.isfinite(f) else 0.0,
        r2=larger.r2,
        r2_change=larger.r2 - r2,
        loo_r2=larger.loo_r2,
        loo_r2_change=larger.loo_r2 - loo,
        aicc=score,
        aicc_change=score - _score((1 - r2) * squares, n, p),
        inflation=larger.inflation,
        condition=larger.condition,
    )


def _score(squares: float, n: int, features: int) -> float:
    # rounding may take the squares of a perfect fit below 0
    left = np.asarray(max(squares, 0.0))
    return float(model_choice.aicc(left, n, features + 1))


def _refuse_collinear(
    condition: float, inflation: Float[np.ndarray, " feature"]
) -> None:
    if condition > MOST_CONDITION or not np.all(np.isfinite(inflation)):
        worst = int(np.argmax(inflation))
        raise ValueError(
            f"feature {worst} is a linear function of the others (condition number "
            f"{condition:.2g}): leave one out"
        )

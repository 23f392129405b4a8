"""Does a regression on variance, boundary and bottleneck say which layers matter?

The research notes explain what the loss of a layer costs by the variance of its
weights, by whether it is the first or the last, and by whether it lies at three
quarters of the depth, and report R^2 = .94 of 12 layers. With so few layers R^2 is no
evidence: any features reach `p / (n - 1)` on average, and the flag of a single layer
fits that layer exactly. So each layer is predicted by the others here, and the same is
done with features permuted over layers.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jaxdisp.claims import losses
from jaxdisp.claims.experiment import Experiment, Outcome, Rows, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.search import lattice
from jaxdisp.stats import bca, bootstrap, regression

LAYERS = 8
"""Layers that it takes: twice the coefficients of the regression claimed."""

NAMES = ("variance", "boundary", "bottleneck", "position")
"""Columns of `features`."""

FITS: dict[str, tuple[tuple[str, ...], int]] = {
    "all three": (("variance", "boundary", "bottleneck"), 0),
    "variance": (("variance",), 0),
    "all three, without layer 0": (("variance", "boundary", "bottleneck"), 1),
    "variance, without layer 0": (("variance",), 1),
    "boundary and bottleneck": (("boundary", "bottleneck"), 0),
    "depth in place of boundary": (("variance", "position", "bottleneck"), 0),
}
"""By name: features, and the first of the layers. The first two decide."""

REGRESSION = Claim(
    id="gateway-regression",
    statement="Variance, boundary and bottleneck of a layer predict what rounding it "
    "costs.",
    source="research notes, gateway-bottleneck regression",
    unit="R2 of layers left out",
    method="least squares, each layer predicted by the others; BCa over texts, "
    "permutations of layers",
)
"""Below 0 the mean of the other layers predicts better, so nothing is left of it."""

VARIANCE_ALONE = dataclasses.replace(
    REGRESSION,
    id="gateway-regression-b",
    statement="The variance of a layer's weights alone predicts what rounding it "
    "costs.",
)

TRANSFER = dataclasses.replace(
    REGRESSION,
    id="gateway-regression-c",
    statement="A regression fitted on one model's layers predicts those of another.",
    unit="R2 of the other model's layers",
    method="least squares on one model, slopes applied to another whose level is its "
    "own; BCa over texts, permutations of layers",
)


def features(model: Model) -> Float[np.ndarray, "layer 4"]:
    """Describes each layer as the research notes do.

    Definition: the log of the variance of all entries of the layer's matrices together;
    1 for the first and the last layer, else 0; 1 for layer `floor(3 L / 4)` (layer 9 of
    12), else 0; and `|2 i / (L - 1) - 1|`, a graded version of the second.

    Args:
        model: an open model of at least 5 layers.

    Raises:
        ValueError: if there are fewer.

    Reference: our own definition of the terms in the research notes.
    """
    n_layers = model.config.n_layers
    first, bottleneck, last = lattice.gateways(n_layers)
    count, total, square = 0, np.zeros(n_layers), np.zeros(n_layers)
    for tensor in model.architecture.tensors(model.config):
        if tensor.stacked and tensor.role == "matrix":
            value = np.asarray(decoder.leaf(model.params, tensor.path), np.float64)
            flat = value.reshape(n_layers, -1)
            count += flat.shape[1]
            total += flat.sum(axis=1)
            square += np.einsum("ij,ij->i", flat, flat)
    layer = np.arange(n_layers)
    return np.column_stack(
        [
            np.log(square / count - (total / count) ** 2),
            np.isin(layer, [first, last]).astype(float),
            (layer == bottleneck).astype(float),
            np.abs(2 * layer / (n_layers - 1) - 1),
        ]
    )


def added_losses(subject: Subject) -> Float[np.ndarray, "sentence layer"]:
    """Returns what rounding each layer alone costs, averaged over languages.

    Definition: in nats per sentence, `mean over languages of alone - full`.

    Args:
        subject: model, text and quantizer.

    Reference: our own definition.
    """
    found = losses.layer_losses(subject)
    return (found.alone - found.full).mean(axis=1).T


def _nothing(n: int, reason: str) -> Outcome:
    claims = (REGRESSION, VARIANCE_ALONE, TRANSFER)
    findings = tuple(not_applicable(claim, n, reason) for claim in claims)
    return Outcome(findings=findings, tables={})


def _run(subject: Subject) -> Outcome:
    n_layers = subject.model.config.n_layers
    if n_layers < LAYERS:
        return _nothing(n_layers, f"needs at least {LAYERS} layers, got {n_layers}")
    return decide(
        added_losses(subject),
        np.array(subject.few.groups),
        features(subject.model),
        key=subject.key,
    )


def decide(
    added: Float[np.ndarray, "sentence layer"],
    groups: Int[np.ndarray, " sentence"],
    described: Float[np.ndarray, "layer 4"],
    *,
    key: PRNGKeyArray,
    draws: int = 5000,
) -> Outcome:
    """Fits what layers cost by what they are, and judges the fit by layers left out.

    Definition: the response is the log of each layer's mean loss if that is positive in
    the data and in every resample of the texts, else the loss itself. A claim holds if
    the interval over texts of the leave-one-layer-out R^2 lies above 0 and above the 95
    % quantile of that R^2 with features permuted over layers, and fails if it lies
    below 0.

    Args:
        added: what rounding each layer alone costs, in nats.
        groups: text of each sentence.
        described: as from `features`.
        key: of resamples and permutations.
        draws: how many permutations.

    Reference: our own definition.
    """
    n = len(set(groups.tolist()))
    if np.ptp(described[:, 0]) == 0 or np.ptp(added.mean(axis=0)) == 0:
        return _nothing(n, "needs layers that differ in variance and in loss")
    texts, order = jax.random.split(key)
    response, link = responses(mean_losses(added, groups, texts))
    fits = [_fitted(name, described, response, key=order, draws=draws) for name in FITS]
    layers = _layer_rows(added, groups, described, response[0][0], key=texts)
    bottleneck = int(np.argmax(described[:, 2]))
    return Outcome(
        findings=(
            _judged(REGRESSION, fits[0], fits[2], n),
            _judged(VARIANCE_ALONE, fits[1], fits[3], n),
            not_applicable(
                TRANSFER,
                n,
                "needs a second model; name one as `other` of "
                "analyses/gateway_regression.py",
            ),
        ),
        tables={
            "fits": [
                {"response": link, "bottleneck_layer": bottleneck} | row for row in fits
            ],
            "slopes": _slope_rows(described, response[0][0]),
            "layers": layers,
        },
    )


def mean_losses(
    added: Float[np.ndarray, "sentence layer"],
    groups: Int[np.ndarray, " sentence"],
    key: PRNGKeyArray,
) -> list[Float[np.ndarray, "_ layer"]]:
    """Averages over sentences: of the data (one draw), of resamples, without each text.

    Args:
        added: what rounding each layer alone costs, in nats.
        groups: text of each sentence.
        key: of the resamples.

    Reference: as `bootstrap.resample`.
    """
    resamples = bootstrap.resample(added, groups, key=key)
    pairs = (
        (resamples.sums[None], resamples.n_sentences[None]),
        (resamples.replicate_sums, resamples.replicate_n_sentences),
        (resamples.jackknife_sums, resamples.jackknife_n_sentences),
    )
    return [np.asarray(s, np.float64) / np.asarray(n)[:, None] for s, n in pairs]


def responses(
    means: list[Float[np.ndarray, "_ layer"]],
) -> tuple[list[Float[np.ndarray, "_ layer"]], str]:
    """Takes logs where every loss of every resample is positive, and says so.

    Args:
        means: as from `mean_losses`.

    Reference: our own definition.
    """
    if all(np.all(part > 0) for part in means):
        return [np.log(part) for part in means], "log nats per sentence"
    return means, "nats per sentence"


def text_interval(found: list[Float[np.ndarray, " _"]]) -> tuple[float, float]:
    """Finds the interval over texts of a number.

    Args:
        found: it, in the order of `mean_losses`.

    Reference: as `bca.bca_interval`.
    """
    estimate, replicates, jackknife = (jnp.asarray(x, jnp.float32) for x in found)
    bounds = bca.bca_interval(estimate[0], replicates, jackknife)
    return float(bounds.low), float(bounds.high)


def columns(
    name: str, described: Float[np.ndarray, "layer 4"]
) -> Float[np.ndarray, "fitted feature"]:
    """Picks the features and layers of a fit.

    Args:
        name: in `FITS`.
        described: as from `features`.

    Reference: our own definition.
    """
    names, first = FITS[name]
    return described[first:, [NAMES.index(feature) for feature in names]]


def _fitted(
    name: str,
    described: np.ndarray,
    response: list[np.ndarray],
    *,
    key: PRNGKeyArray,
    draws: int,
) -> dict[str, Any]:
    """One row of the table of fits."""
    chosen, start = columns(name, described), FITS[name][1]
    y = [part[:, start:] for part in response]
    found = regression.fit(chosen, y[0][0])
    null = regression.permutation_null(chosen, y[0][0], key=key, draws=draws)
    low, high = text_interval([regression.loo_r2(chosen, part) for part in y])
    highest = int(np.argmax(found.leverage))
    return {
        "fit": name,
        "layers": len(chosen),
        "r2": found.r2,
        "adjusted_r2": found.adjusted_r2,
        "loo_r2": found.loo_r2,
        "loo_r2_low": low,
        "loo_r2_high": high,
        "null_mean_r2": float(null.r2.mean()),
        "null_95_r2": float(np.quantile(null.r2, 0.95)),
        "p_r2": share_beyond(null.r2, found.r2),
        "null_95_loo_r2": float(np.quantile(null.loo_r2, 0.95)),
        "p_loo_r2": share_beyond(null.loo_r2, found.loo_r2),
        "condition": _finite(found.condition),
        "largest_inflation": _finite(float(found.inflation.max())),
        "largest_leverage": float(found.leverage[highest]),
        "largest_leverage_layer": highest + start,
    }


def share_beyond(null: Float[np.ndarray, " draw"], estimate: float) -> float:
    """Finds the one-sided p-value of a number against permutations.

    Definition: `(1 + #{null >= estimate}) / (1 + draws)`, up to rounding.

    Args:
        null: what permutations give.
        estimate: what the data give.

    Reference: Phipson and Smyth 2010, arXiv:1603.05766.
    """
    return float((1 + np.sum(null >= estimate - 1e-9)) / (1 + len(null)))


def _finite(x: float) -> float | None:
    return x if np.isfinite(x) else None


def _judged(
    claim: Claim, fit: dict[str, Any], without: dict[str, Any], n: int
) -> Finding:
    beyond = max(0.0, round(fit["null_95_loo_r2"] + 0.005, 2))
    share = fit["p_r2"]
    often = f"an R2 as high in {share:.0%} of permutations" if share > 0.05 else None
    remark = (
        f"R2 {fit['r2']:.2f}, but {fit['loo_r2']:.2f} for layers left out (permuted: "
        f"up to {fit['null_95_loo_r2']:.2f}; without layer 0: {without['loo_r2']:.2f})"
    )
    return judge(
        dataclasses.replace(claim, support=beyond),
        fit["loo_r2"],
        (fit["loo_r2_low"], fit["loo_r2_high"]),
        n,
        remark,
        control=often,
    )


def _slope_rows(described: np.ndarray, response: np.ndarray) -> Rows:
    rows: Rows = []
    for name, (names, first) in FITS.items():
        found = regression.fit(columns(name, described), response[first:])
        rows.extend(
            {
                "fit": name,
                "feature": feature,
                "slope": float(slope),
                "inflation": _finite(float(inflation)),
            }
            for feature, slope, inflation in zip(
                names, found.slopes, found.inflation, strict=True
            )
        )
    return rows


def _layer_rows(
    added: np.ndarray,
    groups: np.ndarray,
    described: np.ndarray,
    response: np.ndarray,
    *,
    key: PRNGKeyArray,
) -> Rows:
    bounds = bootstrap.interval(bootstrap.resample(added, groups, key=key))
    low, high = np.asarray(bounds.low, float), np.asarray(bounds.high, float)
    fits = {
        name: regression.fit(columns(name, described), response)
        for name in ("all three", "variance")
    }
    return [
        {
            "layer": layer,
            "log_variance": float(row[0]),
            "boundary": int(row[1]),
            "bottleneck": int(row[2]),
            "position": float(row[3]),
            "degradation": float(added[:, layer].mean()),
            "degradation_low": float(low[layer]),
            "degradation_high": float(high[layer]),
            "response": float(response[layer]),
            "fitted": float(fits["all three"].fitted[layer]),
            "predicted": _finite(float(fits["all three"].predicted[layer])),
            "leverage": float(fits["all three"].leverage[layer]),
            "predicted_by_variance": float(fits["variance"].predicted[layer]),
        }
        for layer, row in enumerate(described)
    ]


EXPERIMENT = Experiment(
    id="gateway-regression",
    title="Regression of layers' losses on variance, boundary and bottleneck",
    question="Do the variance of a layer's weights, its place at either end and its "
    "place at three quarters of the depth predict what rounding it alone costs?",
    support="The interval over texts of R2, each layer predicted by the others, lies "
    "above 0 and above what 95 % of permutations of the layers reach.",
    refutation="The interval lies below 0: the mean of the other layers predicts "
    "better.",
    control="Features permuted over layers.",
    run=_run,
)

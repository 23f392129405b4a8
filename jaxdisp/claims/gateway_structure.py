"""T-005: are weights of the first, three-quarter and last layers built differently?"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from jaxdisp.claims.experiment import Experiment, Outcome, Rows, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.models.model import Model, full_weight
from jaxdisp.models.shuffled import shuffled
from jaxdisp.search import lattice
from jaxdisp.stats import spectra
from jaxdisp.stats.jackknife import bonferroni_level
from jaxdisp.stats.multiplicity import holm
from jaxdisp.stats.outliers import SetContrast, set_contrast

STATISTICS = (
    "effective_rank",
    "participation_ratio",
    "stable_rank",
    "condition_number",
    "exponent",
)
LEVEL = bonferroni_level(len(STATISTICS))
LEAST_LAYERS = 10
"""Of 10 layers there are 120 sets of three; the corrected level needs 100."""

METHOD = "exact test over all sets of three layers, inverted; five statistics corrected"
CLAIMS = {
    # five per cent fewer directions, or a condition number a quarter larger, is the
    # least that "bottleneck" or "ill-conditioned" could mean
    "effective_rank": Claim(
        id="T-005",
        statement="Weights of the first, three-quarter and last layers use fewer "
        "directions than those of the others",
        source="research notes, T-005",
        unit="log of the ratio of effective ranks, others to these",
        method=METHOD,
        least=0.05,
    ),
    "condition_number": Claim(
        id="T-005b",
        statement="Weights of the first, three-quarter and last layers are worse "
        "conditioned than those of the others",
        source="research notes, T-005",
        unit="log of the ratio of condition numbers, these to others",
        method=METHOD,
        least=0.22,
    ),
}
SIGNS = {"effective_rank": -1, "condition_number": 1}

Profiles = Mapping[str, Float[np.ndarray, " layer"]]
"""By statistic, one number per layer: mean logarithms, or the mean exponent."""


def run(subject: Subject) -> Outcome:
    """Takes the singular values of every matrix of the layers, and compares layers.

    Args:
        subject: the model; the text is not looked at.

    Reference: our own definition, after the research notes' T-005.
    """
    n_layers = subject.model.config.n_layers
    if n_layers < LEAST_LAYERS:
        return Outcome(
            findings=tuple(
                not_applicable(
                    claim,
                    n_layers,
                    f"needs at least {LEAST_LAYERS} layers, so that there are sets of "
                    f"three enough to compare with, got {n_layers}",
                )
                for claim in CLAIMS.values()
            ),
            tables={},
        )
    rows = {
        "model": matrices(subject.model),
        "shuffled": matrices(shuffled(subject.model, subject.key)),
    }
    profiles = {name: summary(part, n_layers) for name, part in rows.items()}
    return Outcome(
        findings=decide(profiles["model"], profiles["shuffled"]),
        tables={
            "matrices": [
                {"weights": name} | row for name, part in rows.items() for row in part
            ],
            "layers": [r for name, p in profiles.items() for r in _layers(name, p)],
            "tests": [r for name, p in profiles.items() for r in _tests(name, p)],
        },
    )


def matrices(model: Model) -> Rows:
    """Summarizes the spectrum of every matrix of the layers.

    Definition: as in `stats.spectra`; None stands for a condition number that is
    infinite, for an exponent of fewer than 50 singular values, and for everything about
    a matrix of zeros. The power law is of squared singular values.

    Args:
        model: an open model.

    Reference: as in `stats.spectra`.
    """
    found: Rows = []
    for tensor in model.architecture.tensors(model.config):
        if not (tensor.stacked and tensor.role == "matrix"):
            continue
        layers = np.asarray(full_weight(model, tensor.path), np.float64)
        for layer, weight in enumerate(layers):
            flat = weight.reshape(-1, weight.shape[-1])
            values = np.linalg.svd(flat, compute_uv=False)
            found.append(
                {
                    "layer": layer,
                    "matrix": ".".join(tensor.path[1:-1]),
                    "inputs": flat.shape[0],
                    "outputs": flat.shape[1],
                }
                | _statistics(values)
            )
    return found


def _statistics(values: np.ndarray) -> dict[str, float | None]:
    """The five statistics of one matrix, and how well the power law fits."""
    found: dict[str, float | None] = dict.fromkeys(
        (*STATISTICS, "exponent_error", "tail_share", "tail_distance")
    )
    if not np.any(values > 0):
        return found
    variances = values**2
    condition = spectra.condition_number(values)
    found |= {
        "effective_rank": spectra.effective_rank(values),
        "participation_ratio": spectra.participation_ratio(variances),
        "stable_rank": spectra.stable_rank(variances),
        "condition_number": condition if np.isfinite(condition) else None,
    }
    if np.sum(variances > 0) >= spectra.LEAST_VALUES and np.ptp(variances) > 0:
        law = spectra.power_law(variances)
        found |= {
            "exponent": law.exponent,
            "exponent_error": law.error,
            "tail_share": law.n_tail / len(values),
            "tail_distance": law.distance,
        }
    return found


def summary(rows: Rows, n_layers: int) -> dict[str, Float[np.ndarray, " layer"]]:
    """Averages each statistic over the matrices of a layer.

    Definition: the mean of logarithms, of the exponent that of the exponent itself.
    Matrices that lack a statistic in some layer do not count in any; a statistic that
    no matrix has in all layers is left out.

    Args:
        rows: as from `matrices`.
        n_layers: of the model.

    Reference: our own definition.
    """
    found = {}
    for statistic in STATISTICS:
        by_matrix: dict[str, dict[int, float]] = {}
        for row in rows:
            if row[statistic] is not None:
                number = row[statistic]
                value = number if statistic == "exponent" else np.log(number)
                by_matrix.setdefault(row["matrix"], {})[row["layer"]] = value
        whole = [
            [of_layer[layer] for layer in range(n_layers)]
            for of_layer in by_matrix.values()
            if len(of_layer) == n_layers
        ]
        if whole:
            found[statistic] = np.mean(whole, axis=0)
    return found


def contrasts(profiles: Profiles) -> dict[str, tuple[SetContrast, float]]:
    """Compares the three layers with the rest, statistic by statistic.

    Definition: `stats.outliers.set_contrast`, intervals corrected for five statistics;
    p-values by `stats.multiplicity.holm` over those that there are.

    Args:
        profiles: by statistic, one number per layer.

    Returns:
        Each contrast with its corrected p-value.

    Reference: as `set_contrast` and `holm`.
    """
    found = {
        name: set_contrast(values, lattice.gateways(len(values)), level=LEVEL)
        for name, values in profiles.items()
    }
    corrected = holm(np.array([one.p_value for one in found.values()]))
    return {
        name: (one, float(p))
        for (name, one), p in zip(found.items(), corrected, strict=True)
    }


def decide(profiles: Profiles, control: Profiles) -> tuple[Finding, ...]:
    """Judges whether the three layers stand out from the others.

    Definition: the effect is the mean of the three layers less that of the others, in
    logarithms, with the sign of the claim. Layers are compared as if they could stand
    in any order. The control objects if shuffled weights show the effect as well.

    Args:
        profiles: by statistic, one number per layer.
        control: the same with shuffled weights.

    Reference: our own definition.
    """
    compared, null = contrasts(profiles), contrasts(control)
    return tuple(
        _decide_one(claim, SIGNS[name], profiles[name], compared[name], null.get(name))
        if name in compared
        else not_applicable(
            claim,
            len(next(iter(profiles.values()), [])),
            "every matrix is singular in some layer, so that there is no number",
        )
        for name, claim in CLAIMS.items()
    )


def _decide_one(
    claim: Claim,
    sign: int,
    values: Float[np.ndarray, " layer"],
    found: tuple[SetContrast, float],
    null: tuple[SetContrast, float] | None,
) -> Finding:
    contrast, p_value = found
    chosen = lattice.gateways(len(values))
    inside = np.isin(np.arange(len(values)), chosen)
    control = None
    if null is not None and _oriented(null[0], sign)[0] > claim.support:
        control = f"shuffled weights {sign * null[0].estimate:.2f}"
    extreme = int(np.argmax(sign * values))
    return judge(
        claim,
        sign * contrast.estimate,
        _oriented(contrast, sign),
        len(values),
        f"{np.exp(values[inside].mean()):.4g} in layers "
        f"{', '.join(map(str, chosen))}, {np.exp(values[~inside].mean()):.4g} in the "
        f"others; {'largest' if sign > 0 else 'smallest'} in layer {extreme} "
        f"({np.exp(values[extreme]):.4g}); corrected p {p_value:.2g}",
        control=control,
    )


def _oriented(contrast: SetContrast, sign: int) -> tuple[float, float]:
    low, high = sorted([sign * contrast.low, sign * contrast.high])
    return low, high


def _layers(weights: str, profiles: Profiles) -> Rows:
    n_layers = len(next(iter(profiles.values()), []))
    return [
        {
            "weights": weights,
            "layer": layer,
            "gateway": "yes" if layer in lattice.gateways(n_layers) else "no",
        }
        | {
            name: None
            if name not in profiles
            else float(profiles[name][layer])
            if name == "exponent"
            else float(np.exp(profiles[name][layer]))
            for name in STATISTICS
        }
        for layer in range(n_layers)
    ]


def _tests(weights: str, profiles: Profiles) -> Rows:
    return [
        {
            "weights": weights,
            "statistic": name,
            "scale": "plain" if name == "exponent" else "logarithm",
            "contrast": one.estimate,
            "low": one.low,
            "high": one.high,
            "p_value": one.p_value,
            "corrected_p": corrected,
            "rank": one.rank,
            "sets": one.n_sets,
        }
        for name, (one, corrected) in contrasts(profiles).items()
    ]


EXPERIMENT = Experiment(
    id="T-005",
    title="Spectra of weights in the gateway layers",
    question="Do the weights of the first, three-quarter and last layers use fewer "
    "directions, or are they worse conditioned, than those of the other layers?",
    support="The shift between these layers and the others excludes 0 in the exact "
    "test over all sets of three layers, corrected for five statistics.",
    refutation="The effective rank is surely less than 5 % lower, or the condition "
    "number surely less than a quarter larger.",
    control="The same weights in random order, layer by layer: large condition numbers "
    "are found there, too.",
    run=run,
    passes=1,
)

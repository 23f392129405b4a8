"""T-001: do layers whose weights vary more carry more information, and matter more?

The size of a layer's weights is arbitrary: where a normalization follows, all of them
may be doubled and nothing changes, and neither does the relative error of rounding. So
information is measured in ways that scale does not enter: the bits about the input
token that a small decoder reads from the state after the layer, and the entropy of the
state's main components once every channel has variance 1. How critical a layer is, is
the loss added when only that layer is quantized.

The correlation that would be the least worth the claims' name is set at 0.3, which is
a tenth of the variance of ranks. Layers are few and not exchangeable: the first one is
special in most models, so every correlation is given without it, too. Neighbouring
layers are alike: where variance rises or falls with depth, all else that changes with
depth correlates with it, so the correlation with the layer's number stands beside.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy import stats

from jaxdisp.claims import losses
from jaxdisp.claims.experiment import Experiment, Outcome, Rows, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.measure import layer_information, reconstruction
from jaxdisp.measure.corpus import spread
from jaxdisp.measure.information_neighbours import NEIGHBOUR
from jaxdisp.measure.layer_information import COMPONENTS, Carried
from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.models.shuffled import shuffled
from jaxdisp.quant import moments
from jaxdisp.result import result
from jaxdisp.search import lattice
from jaxdisp.stats.correlation import RankCorrelation, rank_correlation
from jaxdisp.stats.jackknife import jackknife_interval

MIN_LAYERS, MIN_TOKENS = 6, 500
CONTROL_SENTENCES = 8
LEAST, DRAWS = 0.3, 10_000

CLAIM = Claim(
    id="T-001",
    statement="Layers whose weights have a higher variance carry more information "
    "about the input token.",
    source="research notes, T-001",
    unit="rank correlation",
    method="Spearman over layers; bits read by a linear decoder from held-out texts",
    least=LEAST,
)
CRITICAL = Claim(
    id="T-001b",
    statement="Layers whose weights have a higher variance are more critical: "
    "quantizing them alone costs more.",
    source="research notes, T-001 and H1.2",
    unit="rank correlation",
    method="Spearman over layers; mean loss added per sentence and language",
    least=LEAST,
)
ENTROPY = Claim(
    id="T-001c",
    statement="Layers whose weights have a higher variance have activations of higher "
    "entropy, scale left aside.",
    source="research notes, T-001",
    unit="rank correlation",
    method=f"Spearman over layers; {NEIGHBOUR}-th neighbours in "
    f"{COMPONENTS} components of standardized channels",
    least=LEAST,
)


@result
class Layers:
    """Everything that the claims are about, by layer, and the control's.

    `variance` is of all weights of a layer's matrices, `critical` in nats per sentence,
    with an interval over texts.
    """

    variance: Float[np.ndarray, " layer"]
    critical: Float[np.ndarray, " layer"]
    critical_low: Float[np.ndarray, " layer"]
    critical_high: Float[np.ndarray, " layer"]
    carried: Carried
    control_critical: Float[np.ndarray, " layer"]
    control: Carried


def run(subject: Subject) -> Outcome:
    """Measures variance, information and criticality of every layer.

    Args:
        subject: model, text and quantizer.

    Reference: our own definition.
    """
    lacking = _lacking(subject)
    if lacking is not None:
        return Outcome(findings=lacking, tables={})
    found_key, control_key, order_key, decide_key = jax.random.split(subject.key, 4)
    tokens = layer_information.take_tokens(
        subject.model, subject.corpus, subject.stride
    )
    if tokens.values.shape[1] < MIN_TOKENS:
        reason = f"needs at least {MIN_TOKENS} tokens, got {tokens.values.shape[1]}"
        return Outcome(findings=_none(tokens.values.shape[1], reason), tables={})
    carried = layer_information.measure_carried(tokens, found_key)
    null = shuffled(subject.model, order_key)
    lost = losses.layer_losses(subject)
    control = layer_information.measure_carried(
        layer_information.take_tokens(null, subject.few, subject.stride), control_key
    )
    finite = bool(np.all(np.isfinite(control.bits)))
    found = Layers(
        variance=weight_variance(subject.model),
        **_critical(np.mean(lost.alone - lost.full, axis=1), subject.few.groups),
        carried=carried,
        # some decoders overflow with shuffled weights
        control_critical=_control_critical(subject, null) if finite else control.bits,
        control=control,
    )
    return Outcome(
        findings=decide(found, key=decide_key),
        tables={
            "layers": _rows(found),
            "correlations": correlations(found, key=decide_key),
        },
    )


def _lacking(subject: Subject) -> tuple[Finding, ...] | None:
    """Findings that nothing can be measured, where that is known before any work."""
    n_layers, texts = subject.model.config.n_layers, len(set(subject.few.groups))
    if n_layers < MIN_LAYERS:
        return _none(n_layers, f"needs at least {MIN_LAYERS} layers, got {n_layers}")
    if texts < reconstruction.MIN_TEXTS:
        least = reconstruction.MIN_TEXTS
        return _none(n_layers, f"needs at least {least} texts, got {texts}")
    return None


def _none(n: int, reason: str) -> tuple[Finding, ...]:
    return tuple(
        not_applicable(claim, n, reason) for claim in (CLAIM, CRITICAL, ENTROPY)
    )


def weight_variance(model: Model) -> Float[np.ndarray, " layer"]:
    """Finds the variance of all weights of each layer's matrices together.

    Args:
        model: an open model.

    Reference: our own definition.
    """
    tensors = model.architecture.tensors(model.config)
    stacks = [
        decoder.leaf(model.params, tensor.path)
        for tensor in tensors
        if tensor.stacked and tensor.role == "matrix"
    ]
    found = []
    for layer in range(model.config.n_layers):
        parts = [
            moments.moments(jnp.ravel(stack[layer]).astype(jnp.float32))
            for stack in stacks
        ]
        total = parts[0]
        for part in parts[1:]:
            total = moments.merge(total, part)
        found.append(float(moments.variance(total)))
    return np.array(found)


def _critical(
    added: Float[np.ndarray, "layer sentence"], groups: tuple[int, ...]
) -> dict[str, Float[np.ndarray, " layer"]]:
    """Mean loss added by each layer, with an interval over texts."""
    text = np.array(groups)
    mean = added.mean(axis=1)
    low, high = jackknife_interval(
        mean,
        np.stack([added[:, text != each].mean(axis=1) for each in np.unique(text)]),
    )
    return {"critical": mean, "critical_low": low, "critical_high": high}


def _control_critical(subject: Subject, null: Model) -> Float[np.ndarray, " layer"]:
    n_layers = null.config.n_layers
    alone = lattice.one_quantized(n_layers)
    sites = np.concatenate([np.zeros_like(alone[:1]), alone])
    part = dataclasses.replace(subject, few=spread(subject.few, CONTROL_SENTENCES))
    nll = losses.evaluate(part, sites, model=null)
    return np.mean(nll[1:] - nll[0], axis=(1, 2))


def decide(
    found: Layers, *, key: PRNGKeyArray, draws: int = DRAWS
) -> tuple[Finding, ...]:
    """Decides the claims from what was measured.

    Definition: rank correlations with the variance of weights. The control objects
    where the same correlation in the model with shuffled weights, whose layers have the
    same variances, has an interval above 0.

    Args:
        found: by layer.
        key: of the permutations.
        draws: how many permutations.

    Reference: our own definition.
    """
    variance, real, null = found.variance, found.carried, found.control
    before, gaussian, depth = (
        _correlated(variance, other, key, draws)
        for other in (real.before, real.gaussian, np.arange(len(variance), dtype=float))
    )
    deeper = f"variance with depth {_said(depth)}"
    tried = (
        (CLAIM, real.bits, null.bits, f"token before {_said(before)}, {deeper}"),
        (CRITICAL, found.critical, found.control_critical, deeper),
        (ENTROPY, real.entropy, null.entropy, f"as a Gaussian {_said(gaussian)}"),
    )
    return tuple(
        _judged(
            claim,
            len(values),
            _correlated(variance, values, key, draws),
            _correlated(variance, control, key, draws),
            _left_out(variance, values),
            beside,
        )
        for claim, values, control, beside in tried
    )


def correlations(found: Layers, *, key: PRNGKeyArray) -> Rows:
    """Lists the correlations of the claims, of their controls, and with depth.

    Args:
        found: by layer.
        key: of the permutations.

    Reference: our own definition.
    """
    real, null = found.carried, found.control
    sides = {
        "layer number": np.arange(len(found.variance), dtype=float),
        "weight variance": found.variance,
        "bits about the input token": real.bits,
        "bits about the input token, shuffled": null.bits,
        "bits about the token before": real.before,
        "loss when quantized alone": found.critical,
        "loss when quantized alone, shuffled": found.control_critical,
        "entropy per component": real.entropy,
        "entropy per component, shuffled": null.entropy,
        "Gaussian entropy": real.gaussian,
    }
    names = list(sides)
    pairs = [("weight variance", name) for name in names if name != "weight variance"]
    pairs += [("layer number", name) for name in names[2:4]]
    pairs.append(("bits about the input token", "loss when quantized alone"))
    rows: Rows = []
    for x, y in pairs:
        seen = _correlated(sides[x], sides[y], key, DRAWS)
        numbers = {
            name: None if seen is None else float(getattr(seen, name))
            for name in ("estimate", "low", "high", "p_value")
        }
        rows.append({"x": x, "y": y, **numbers})
    return rows


def _said(found: RankCorrelation | None) -> str:
    return "none" if found is None else f"{found.estimate:.2f}"


def _correlated(
    x: Float[np.ndarray, " layer"],
    y: Float[np.ndarray, " layer"],
    key: PRNGKeyArray,
    draws: int,
) -> RankCorrelation | None:
    """The rank correlation, or None where a side is constant or not a number."""
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        return None
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return rank_correlation(x, y, key=key, draws=draws)


def _left_out(
    x: Float[np.ndarray, " layer"], y: Float[np.ndarray, " layer"]
) -> Float[np.ndarray, " layer"]:
    """Rank correlations without one layer each; 0 where nothing varies then."""
    found = np.zeros(len(x))
    for layer in range(len(x)):
        sides = [stats.rankdata(np.delete(side, layer)) for side in (x, y)]
        if all(np.ptp(side) > 0 for side in sides):
            found[layer] = np.corrcoef(*sides)[0, 1]
    return found


def _judged(
    claim: Claim,
    n_layers: int,
    seen: RankCorrelation | None,
    control: RankCorrelation | None,
    others: Float[np.ndarray, " layer"],
    beside: str,
) -> Finding:
    if seen is None:
        reason = "needs layers that differ, and numbers in all of them"
        return not_applicable(claim, n_layers, reason)
    objects = control is not None and control.low > claim.support
    return judge(
        claim,
        seen.estimate,
        (seen.low, seen.high),
        n_layers,
        f"p {seen.p_value:.2g}; {others[0]:.2f} without layer 0 (any one: "
        f"{others.min():.2f} to {others.max():.2f}), {_said(control)} with shuffled "
        f"weights, {beside}",
        control=f"{_said(control)} with shuffled weights" if objects else None,
    )


def _rows(found: Layers) -> Rows:
    """One row per layer; None where there is no number."""
    columns: dict[str, np.ndarray] = {
        "weight_variance": found.variance,
        "critical": found.critical,
        "critical_low": found.critical_low,
        "critical_high": found.critical_high,
        "control_critical": found.control_critical,
    }
    for prefix, carried in (("", found.carried), ("control_", found.control)):
        for field in dataclasses.fields(Carried):  # pyright: ignore[reportArgumentType]
            columns[prefix + field.name] = getattr(carried, field.name)
    return [
        {"layer": layer}
        | {
            name: float(column[layer]) if np.isfinite(column[layer]) else None
            for name, column in columns.items()
        }
        for layer in range(len(found.variance))
    ]


EXPERIMENT = Experiment(
    id="T-001",
    title="Information content of layers",
    question="Do layers whose weights have a higher variance carry more information, "
    "and are they more critical?",
    support="The interval of the rank correlation over layers lies above 0.",
    refutation=f"The interval lies below {LEAST:g}, the least correlation that would "
    "be worth the claim.",
    control="A model with shuffled weights, whose layers have the same variances and "
    "have learned nothing; and permutations of the layers.",
    run=run,
)

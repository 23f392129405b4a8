"""Mean-field theory: do errors grow with depth, and do gateways follow from it?"""

import itertools
from collections.abc import Iterable

import jax
import numpy as np
from jaxtyping import Float

from jaxdisp.claims import depth_tables, losses
from jaxdisp.claims.depth_tables import Depth
from jaxdisp.claims.experiment import Experiment, Outcome, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.measure import mean_field
from jaxdisp.measure.cube import encode
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import quantize
from jaxdisp.models.shuffled import shuffled
from jaxdisp.search import lattice
from jaxdisp.stats.jackknife import jackknife_interval

LEAST_TOKENS = 3
LEAST_TEXTS, LEAST_LAYERS, LEAST_FOR_TRIPLES = 3, 4, 6
"""Of 6 layers there are 20 triples: below, none can stand out at 5 %."""

SOURCE = "research notes, direction 'mean-field theory'"
GROWTH = Claim(
    id="mean-field",
    statement="The relative error of quantized states grows geometrically with depth",
    source=SOURCE,
    unit="nats per layer",
    method="slope over depth of the log relative error that layer 0 makes, mean over "
    "languages; jackknife over texts",
    least=0.02,
)
CORRELATION = Claim(
    id="mean-field-b",
    statement="Quantization makes the final states of different texts less alike, as "
    "independent noise would",
    source=SOURCE,
    unit="cosine, full precision minus quantized",
    method="mean over pairs of tokens of different texts and over languages; jackknife "
    "over texts",
    least=0.01,
)
GATEWAYS = Claim(
    id="mean-field-c",
    statement="Gateway layers make errors grow more than other layers do",
    source=SOURCE,
    unit="nats per layer, gateways minus others",
    method="growth of Gaussian noise put in before the first layer; jackknife over "
    "texts, rank among all triples of layers",
    least=0.05,
)
CLAIMS = (GROWTH, CORRELATION, GATEWAYS)


def run(subject: Subject) -> Outcome:
    """Follows states and their errors through depth, of the model and of a null model.

    Args:
        subject: model, text and quantizer.

    Reference: Poole et al. 2016, arXiv:1606.05340, and Schoenholz et al. 2016,
        arXiv:1611.01232 (the theory); our own definition of the experiment.
    """
    n_texts = _texts_with_tokens(subject)
    n_layers = subject.model.config.n_layers
    missing = None
    if n_texts < LEAST_TEXTS:
        missing = (
            f"needs {LEAST_TEXTS} texts with a sentence of {LEAST_TOKENS} tokens in "
            f"every language, got {n_texts}"
        )
    elif n_layers < LEAST_LAYERS:
        missing = f"needs at least {LEAST_LAYERS} layers, got {n_layers}"
    if missing is not None:
        return _nothing(n_texts, missing)
    found = measured(subject)
    if not np.all(np.isfinite(found.first.error[:, 1:])):
        return _nothing(n_texts, "needs errors, but quantizing layer 0 changes nothing")
    return Outcome(
        findings=decide(found),
        tables={
            "taps": depth_tables.taps(found),
            "layers": depth_tables.layers(found),
            "languages": depth_tables.languages(found, subject.corpus.languages),
        },
    )


def _texts_with_tokens(subject: Subject) -> int:
    """Counts texts of which tokens count: neither start tokens nor sentences' last."""
    groups = np.array(subject.few.groups)
    counts = [
        len(set(groups[[len(each) >= LEAST_TOKENS for each in sentences]].tolist()))
        for sentences in encode(subject.model, subject.few)
    ]
    return min(counts)


def _nothing(n_texts: int, missing: str) -> Outcome:
    findings = tuple(not_applicable(claim, n_texts, missing) for claim in CLAIMS)
    return Outcome(findings=findings, tables={})


def measured(subject: Subject) -> depth_tables.Measured:
    """Measures all that the claims rest on.

    Definition: `quantized` compares the model with all layers quantized to that in full
    precision, on all of the text, and `first` the model with layer 0 quantized, on few
    sentences. `noise` compares the model whose embeddings of tokens are noisy to the
    model itself, on few sentences; the noise is as large beside the
    embeddings as the error of quantization is after the first layer. `null` and
    `null_noise` are the same of a model with shuffled weights, on few sentences.

    Args:
        subject: model, text and quantizer.

    Reference: our own definition.
    """
    model = subject.model
    null_key, noise_key = jax.random.split(subject.key)
    n_layers = model.config.n_layers
    quantized = _quantized(subject, model, [1] * n_layers, few=False)
    size = float(np.exp(quantized.error[:, 1, 0].mean()))
    null_model = shuffled(model, null_key)
    return depth_tables.Measured(
        quantized=quantized,
        first=_quantized(subject, model, [1] + [0] * (n_layers - 1), few=True),
        noise=_noisy(subject, model, size, noise_key),
        null=_quantized(subject, null_model, [1] * n_layers, few=True),
        null_noise=_noisy(subject, null_model, size, noise_key),
    )


def _quantized(
    subject: Subject, model: Model, assignment: list[int], *, few: bool
) -> Depth:
    own = model is subject.model
    rounded = losses.rounded(subject) if own else quantize(model, subject.quantizer)
    sums = mean_field.language_sums(
        model,
        subject.few if few else subject.corpus,
        (rounded,),
        ([0] * len(assignment), assignment),
        stride=subject.stride,
        shapes=subject.corpus,
    )
    return depth(each for _, each in sums)


def _noisy(subject: Subject, model: Model, size: float, key: jax.Array) -> Depth:
    n_layers = model.config.n_layers
    # a version like the rounded one, and so the same programs
    sums = mean_field.language_sums(
        model,
        subject.few,
        (mean_field.noisy_embeddings(model, size, key),),
        ([0] * n_layers, [0] * n_layers + [1]),
        stride=subject.stride,
        shapes=subject.corpus,
    )
    return depth(each for _, each in sums)


def depth(sums: Iterable[mean_field.Sums]) -> Depth:
    """Turns sums over tokens into what is followed through depth.

    Args:
        sums: by language.

    Reference: as `measure.mean_field.relative_errors` and `correlations`.
    """
    error, power, correlation = [], [], []
    for each in sums:
        squares = mean_field.with_left_out(each.power)
        width = each.directions.shape[-1]
        tokens = mean_field.with_left_out(each.tokens)
        whole = mean_field.with_left_out(each.error)
        error.append(mean_field.relative_errors(whole, squares[0]))
        power.append(squares / tokens / width)
        correlation.append(mean_field.correlations(each.directions, each.tokens))
    return Depth(
        error=np.stack(error),
        power=np.stack(power, axis=1),
        correlation=np.stack(correlation, axis=1),
    )


def decide(found: depth_tables.Measured) -> tuple[Finding, ...]:
    """Decides the three claims by what was measured.

    Args:
        found: states and errors through depth.

    Reference: our own definition.
    """
    return (
        decide_growth(found),
        decide_correlation(found.quantized, found.null),
        decide_gateways(found.noise.error, found.null_noise.error),
    )


def decide_growth(found: depth_tables.Measured) -> Finding:
    """Decides whether an error grows geometrically, or is no more than passed on.

    Definition: the slope over taps 1 to L of the log relative error that quantizing
    layer 0 alone makes, mean over languages: no other error is added to it. 2 % per
    layer, which doubles it in 35 layers, is the least worth the name. The control is
    errors that only add up: with all layers quantized, the slope must be above
    `adding_up_slope`. What shuffled weights do is said and does not object, since the
    theory is one of random networks.

    Args:
        found: states and errors through depth.

    Reference: our own definition.
    """
    slope = _slope(found.first.error[:, 1:])
    everything = _slope(found.quantized.error[:, 1:])
    adding = mean_field.adding_up_slope(found.quantized.error.shape[1] - 1)
    noise, null = (_slope(x.error)[0] for x in (found.noise, found.null_noise))
    said = (
        f"with all layers {everything[0]:.3f}, and {adding:.3f} if errors only add up"
    )
    outrun = _interval(everything - adding)[0] > 0
    return judge(
        GROWTH,
        float(slope[0]),
        _interval(slope),
        len(slope) - 1,
        f"{slope[0]:.3f} per layer, {said}; Gaussian noise {noise:.3f}, and {null:.3f} "
        "with shuffled weights",
        control=None if outrun else said,
    )


def decide_correlation(own: Depth, null: Depth) -> Finding:
    """Decides whether quantization makes states of different texts less alike.

    Definition: cosine at the last tap, in full precision minus quantized, mean over
    languages; a hundredth of the scale is the least worth a name. The control is a
    model with shuffled weights: it shows the effect as well if its interval is above 0
    and its estimate at least half of the model's.

    Args:
        own: of the model.
        null: of the control.

    Reference: noise that is independent of the inputs lowers their correlation,
        Schoenholz et al. 2016, arXiv:1611.01232, section 3.2 (dropout).
    """
    change, control = (
        (each.correlation[0] - each.correlation[1])[:, -1].mean(axis=0)
        for each in (own, null)
    )
    lengths = mean_field.correlation_length(own.correlation[..., 0].mean(axis=1)).length
    full, rounded = (
        f"{x:.1f} layers" if np.isfinite(x) else "unbounded" for x in lengths.tolist()
    )
    as_well = _as_well(change, control)
    return judge(
        CORRELATION,
        float(change[0]),
        _interval(change),
        own.error.shape[-1] - 1,
        f"cosine {own.correlation[0, :, -1, 0].mean():.3f} in full precision, "
        f"{own.correlation[1, :, -1, 0].mean():.3f} quantized; correlation length "
        f"{full}, then {rounded}",
        control=f"shuffled weights {control[0]:.3f}" if as_well else None,
    )


def decide_gateways(
    own: Float[np.ndarray, "language tap all"],
    null: Float[np.ndarray, "language tap all"],
) -> Finding:
    """Decides whether noise grows more in the gateway layers than in the others.

    Definition: the gain of layer i is the step of the log relative error from tap i to
    i + 1, mean over languages; the effect is the mean gain of gateways minus that of
    other layers; 5 % per layer is the least worth a name. Controls: the gateways must
    be in the top 5 % of all triples, and shuffled weights must not show half of it.

    Args:
        own: log relative errors of noise put in before the first layer.
        null: the same with shuffled weights.

    Reference: our own definition; gains as in theorem T3c of the project's theory; an
        exact permutation test over triples of layers.
    """
    n_layers, n_texts = own.shape[1] - 1, own.shape[-1] - 1
    if n_layers < LEAST_FOR_TRIPLES:
        return not_applicable(
            GATEWAYS,
            n_texts,
            f"needs at least {LEAST_FOR_TRIPLES} layers, got {n_layers}",
        )
    claimed = lattice.gateways(n_layers)
    gains, null_gains = (np.diff(x.mean(axis=0), axis=0) for x in (own, null))
    contrast, control = (_contrast(x, claimed) for x in (gains, null_gains))
    triples = np.array(list(itertools.combinations(range(n_layers), 3)))
    sums = gains[triples, 0].sum(axis=1)
    rank = int(np.sum(sums >= gains[list(claimed), 0].sum() - 1e-12))
    said = f"the triple is number {rank} of {len(triples)}"
    objection = None if rank <= 0.05 * len(triples) else said
    if objection is None and _as_well(contrast, control):
        objection = f"shuffled weights {control[0]:.3f}"
    return judge(
        GATEWAYS,
        float(contrast[0]),
        _interval(contrast),
        n_texts,
        f"gateways {', '.join(map(str, claimed))}: "
        f"{gains[list(claimed), 0].mean():.3f} per layer, the mean of all is "
        f"{gains[:, 0].mean():.3f}; {said}",
        control=objection,
    )


def _slope(error: Float[np.ndarray, "language tap all"]) -> Float[np.ndarray, " all"]:
    return mean_field.depth_slope(error.mean(axis=0).T)


def _contrast(
    gains: Float[np.ndarray, "layer all"], claimed: tuple[int, ...]
) -> Float[np.ndarray, " all"]:
    others = [layer for layer in range(len(gains)) if layer not in claimed]
    return gains[list(claimed)].mean(axis=0) - gains[others].mean(axis=0)


def _interval(values: Float[np.ndarray, " all"]) -> tuple[float, float]:
    low, high = jackknife_interval(values[:1], values[1:, None])
    return float(low[0]), float(high[0])


def _as_well(
    own: Float[np.ndarray, " all"], control: Float[np.ndarray, " all"]
) -> bool:
    """Whether a control shows at least half of an effect."""
    return bool(_interval(control)[0] > 0 and control[0] >= 0.5 * own[0])


EXPERIMENT = Experiment(
    id="mean-field",
    title="Mean-field theory of errors",
    question="Do errors of quantization grow with depth as mean-field theory has it, "
    "and do gateway layers follow from it?",
    support="The whole interval is above 0: growth per layer of the error of layer 0 "
    "(a), less alike states (b), more growth in gateways (c).",
    refutation="The whole interval is below 0.02 per layer (a), below a cosine of 0.01 "
    "(b), below 0.05 per layer (c).",
    control="Errors that only add up, which those of all layers must outrun (a); "
    "models with shuffled weights (b, c); all other triples of layers (c).",
    run=run,
    passes=6,
)

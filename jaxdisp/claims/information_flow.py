"""Information flow: what quantized activations tell about full-precision ones.

Before the first layer both are equal, as what lies outside the layers is not quantized.
After a layer, its error and those carried on from before are noise in a channel, and
the information that gets through is measured in bits per token and component. There is
no law by which it has to fall with depth: a later layer sees the tokens' context, not
just the state before, and adds to a stream that keeps what was there.

The least worth the name is 0.1 bit per component, which is 15 % in the power of the
noise, and a rank correlation of 0.3 over languages.
"""

from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jaxdisp.claims import flow_tables, losses
from jaxdisp.claims.experiment import Experiment, Outcome, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.measure import states
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.disparity import contrast, weights_of
from jaxdisp.measure.kept_information import (
    COMPONENTS,
    MIN_TOKENS,
    Kept,
    check_neighbours,
    kept_information,
)
from jaxdisp.models.decoder import Parameters
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import quantize
from jaxdisp.models.shuffled import shuffled
from jaxdisp.result import result
from jaxdisp.stats.correlation import RankCorrelation, rank_correlation
from jaxdisp.stats.jackknife import jackknife_interval
from jaxdisp.stats.permuted_labels import label_p_value

MIN_LAYERS, MIN_LANGUAGES = 3, 5
LEAST_BITS, LEAST_CORRELATION = 0.1, 0.3
ERROR_RATE = 0.05

DECAY = Claim(
    id="information-flow",
    statement="What quantized activations tell about full-precision ones decays with "
    "depth.",
    source="research notes, direction 'information flow'",
    unit="bits per token and component, first to last layer",
    method="fitted line over layers, mean over languages; jackknife over texts",
    least=LEAST_BITS,
)
RESOURCES = Claim(
    id="information-flow-b",
    statement="Languages with little training text lose more bits by the last layer "
    "than languages with much.",
    source="research notes, direction 'information flow'",
    unit="bits per token and component",
    method="difference of means over languages; jackknife over texts",
    least=LEAST_BITS,
)
PREDICTS = Claim(
    id="information-flow-c",
    statement="Languages that lose more bits by the last layer lose more nats per "
    "sentence.",
    source="research notes, direction 'information flow'",
    unit="rank correlation",
    method="Spearman over languages",
    least=LEAST_CORRELATION,
)
CLAIMS = (DECAY, RESOURCES, PREDICTS)


@result
class Flow:
    """Bits that are kept, in total and without each text, and what languages lose.

    `degradation` is in nats per sentence, `tokens` how many a sentence has; the
    control's are those of the model with shuffled weights. `sides` weighs languages
    with little and with much training text, NaN where that is unknown.
    """

    bits: Float[np.ndarray, "language layer"]
    left_out: Float[np.ndarray, "group language layer"]
    control: Float[np.ndarray, "language layer"]
    control_left_out: Float[np.ndarray, "few language layer"]
    degradation: Float[np.ndarray, " language"]
    tokens: Float[np.ndarray, " language"]
    sides: Float[np.ndarray, "side language"]


def run(subject: Subject) -> Outcome:
    """Measures what each language keeps after every layer.

    Args:
        subject: model, text and quantizer.

    Reference: our own definition.
    """
    n_layers = subject.model.config.n_layers
    if n_layers < MIN_LAYERS:
        return _nothing(n_layers, f"needs at least {MIN_LAYERS} layers, got {n_layers}")
    cloud_key, order_key, decide_key = jax.random.split(subject.key, 3)
    model, languages = subject.model, subject.corpus.languages
    kept, checks, counts = [], [], []
    for full, rounded, group in _paired(
        model, losses.rounded(subject), subject.corpus, subject.stride
    ):
        lacking = _lacking(full, rounded, group, MIN_TOKENS)
        if lacking is not None:
            return _nothing(len(group), lacking)
        kept.append(_kept(full, rounded, group, cloud_key))
        checks.append(check_neighbours(full[-1], rounded[-1]))
        counts.append(len(group) / subject.corpus.n_sentences)
    if not all(np.all(np.isfinite(each.left_out)) for each in kept):
        reason = "needs noise: quantized activations equal the others, or are constant"
        return _nothing(len(kept), reason)
    control = _control(subject, order_key, cloud_key)
    lost = losses.layer_losses(subject)
    chosen = contrast(languages, model.training_bytes)
    flow = Flow(
        bits=np.stack([each.bits for each in kept]),
        left_out=np.stack([each.left_out for each in kept], axis=1),
        control=np.stack([each.bits for each in control]),
        control_left_out=np.stack([each.left_out for each in control], axis=1),
        degradation=np.mean(lost.everything - lost.full, axis=1),
        tokens=np.array(counts),
        sides=weights_of(chosen, languages),
    )
    return Outcome(
        findings=decide(flow, key=decide_key),
        tables={
            "layers": flow_tables.layer_rows(languages, kept, control),
            "languages": flow_tables.language_rows(
                languages,
                kept,
                checks,
                {"degradation": flow.degradation, "tokens": flow.tokens},
                model.training_bytes,
            ),
            "trend": flow_tables.trend_rows(kept, control),
        },
    )


def _control(
    subject: Subject, order_key: PRNGKeyArray, cloud_key: PRNGKeyArray
) -> list[Kept]:
    """What is kept in the model with shuffled weights; NaN where that can not be had.

    Of its few sentences there may be too few tokens, and some decoders overflow.
    """
    null = shuffled(subject.model, order_key)
    n_groups, n_layers = len(set(subject.few.groups)), null.config.n_layers
    nothing = np.full(n_layers, np.nan)
    missing = Kept(
        bits=nothing,
        left_out=np.full((n_groups, n_layers), np.nan),
        signal=nothing,
        noise=nothing,
        moved=nothing,
    )
    pairs = _paired(
        null, quantize(null, subject.quantizer), subject.few, subject.stride
    )
    return [
        _kept(full, rounded, group, cloud_key)
        if _lacking(full, rounded, group, 4 * COMPONENTS) is None
        else missing
        for full, rounded, group in pairs
    ]


def _lacking(
    full: np.ndarray, rounded: np.ndarray, group: np.ndarray, least: int
) -> str | None:
    """What is missing in a language, in words; None if nothing is."""
    n = len(group) - int(np.bincount(group).max())
    if n < least:
        return (
            f"needs at least {least} tokens in every language with any one text left "
            f"out, got {n}"
        )
    if not (np.all(np.isfinite(full)) and np.all(np.isfinite(rounded))):
        return "needs activations that are finite numbers"
    if np.array_equal(full, rounded):
        return "needs a quantizer that changes the layers' activations"
    return None


def _nothing(n: int, reason: str) -> Outcome:
    return Outcome(
        findings=tuple(not_applicable(claim, n, reason) for claim in CLAIMS), tables={}
    )


def _paired(
    model: Model, rounded: Parameters, corpus: Corpus, stride: int | None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """States after each layer of both versions, and the text of each token.

    Start tokens are left out: there is one per sentence, always the same.
    """
    texts = np.unique(corpus.groups, return_inverse=True)[1]
    versions = ([0] * model.config.n_layers, [1] * model.config.n_layers)
    runs = (
        states.language_states(
            model, corpus, versions=(rounded,), assignment=each, stride=stride
        )
        for each in versions
    )
    for (_, full), (_, other) in zip(*runs, strict=True):
        counted = np.flatnonzero(full.place > 0)
        group = texts[full.sentence[counted]]
        yield full.values[1:, counted], other.values[1:, counted], group


def _kept(
    full: np.ndarray, rounded: np.ndarray, group: np.ndarray, key: PRNGKeyArray
) -> Kept:
    return kept_information(
        full, rounded, group, n_groups=int(group.max()) + 1, key=key
    )


def decide(
    flow: Flow, *, key: PRNGKeyArray, draws: int = 10_000
) -> tuple[Finding, ...]:
    """Decides the claims from the bits that are kept.

    Definition: of the mean over languages the decay `-(L - 1) slope` of the line fitted
    over layers; at the last layer the mean of the high side less that of the low side;
    and the rank correlation of minus the bits with the degradation. Controls object to
    the first and the last where the model with shuffled weights has an interval above 0
    as well, and to the second where labels of languages dealt out at random give as
    much in more than 5 % of cases.

    Args:
        flow: what was measured.
        key: of the permutations.
        draws: how many permutations.

    Reference: our own definition.
    """
    resource_key, rank_key = jax.random.split(key)
    return (
        _decay(flow),
        _resources(flow, resource_key, draws),
        _predicts(flow, rank_key, draws),
    )


def decay(
    bits: Float[np.ndarray, "*batch language layer"],
) -> Float[np.ndarray, "*batch"]:
    """Fits a line over layers to the mean over languages, and says how far it falls.

    Definition: `-(L - 1)` times the least-squares slope.

    Args:
        bits: that are kept.

    Reference: our own definition.
    """
    n_layers = bits.shape[-1]
    place = np.arange(n_layers) - (n_layers - 1) / 2
    fall = -(n_layers - 1) * (bits.mean(axis=-2) @ place) / (place @ place)
    return np.asarray(fall)


def _decay(flow: Flow) -> Finding:
    estimate, null = float(decay(flow.bits)), float(decay(flow.control))
    interval = _interval(estimate, decay(flow.left_out))
    null_low, _ = _interval(null, decay(flow.control_left_out))
    mean = flow.bits.mean(axis=0)
    seen = (
        f"{mean[0]:.2f} bits after the first layer, {mean[-1]:.2f} after the last, "
        f"fewest ({mean.min():.2f}) after layer {int(mean.argmin())}"
    )
    objects = np.isfinite(null_low) and null_low > DECAY.support
    return judge(
        DECAY,
        estimate,
        interval,
        len(flow.left_out),
        seen,
        control=f"{null:.2f} with shuffled weights" if objects else None,
    )


def _resources(flow: Flow, key: PRNGKeyArray, draws: int) -> Finding:
    if not np.all(np.isfinite(flow.sides)):
        reason = "needs to know how much text of each of 2 languages was trained on"
        return not_applicable(RESOURCES, len(flow.bits), reason)
    weights = flow.sides[1] - flow.sides[0]
    last = flow.bits[:, -1]
    interval = _interval(float(last @ weights), flow.left_out[:, :, -1] @ weights)
    p_value = label_p_value(last, weights, key=key, draws=draws)
    little, much = flow.sides @ last
    null = flow.control[:, -1] @ weights
    return judge(
        RESOURCES,
        float(last @ weights),
        interval,
        len(flow.left_out),
        f"kept: {much:.2f} bits with much text, {little:.2f} with little; p "
        f"{p_value:.2g} if languages are sorted at random; {null:.2f} apart with "
        "shuffled weights",
        control=f"languages sorted at random are as far apart in {p_value:.0%} of cases"
        if p_value > ERROR_RATE
        else None,
    )


def _interval(
    estimate: float, left_out: Float[np.ndarray, " group"]
) -> tuple[float, float]:
    low, high = jackknife_interval(np.array([estimate]), left_out[:, None])
    return float(low[0]), float(high[0])


def _predicts(flow: Flow, key: PRNGKeyArray, draws: int) -> Finding:
    n = len(flow.bits)
    if n < MIN_LANGUAGES:
        reason = f"needs at least {MIN_LANGUAGES} languages, got {n}"
        return not_applicable(PREDICTS, n, reason)
    lost, null, count = (
        _correlated(each, flow.degradation, key, draws)
        for each in (-flow.bits[:, -1], -flow.control[:, -1], flow.tokens)
    )
    if lost is None:
        return not_applicable(PREDICTS, n, "needs languages that differ")
    objects = null is not None and null.low > PREDICTS.support
    return judge(
        PREDICTS,
        lost.estimate,
        (lost.low, lost.high),
        n,
        f"permutation p {lost.p_value:.2g}; of the number of tokens per sentence "
        f"{_said(count)}, of bits with shuffled weights {_said(null)}",
        control=f"{_said(null)} with shuffled weights" if objects else None,
    )


def _correlated(
    x: Float[np.ndarray, " language"],
    y: Float[np.ndarray, " language"],
    key: PRNGKeyArray,
    draws: int,
) -> RankCorrelation | None:
    if not np.all(np.isfinite(x)) or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return rank_correlation(x, y, key=key, draws=draws)


def _said(found: RankCorrelation | None) -> str:
    return "none" if found is None else f"{found.estimate:.2f}"


EXPERIMENT = Experiment(
    id="information-flow",
    title="Information flow",
    question="Does quantization lose information layer by layer, more of it in "
    "languages with little training text, and does that explain what they lose?",
    support="The interval lies above 0: of the decay, of the difference between sides, "
    "of the rank correlation.",
    refutation=f"It lies below {LEAST_BITS:g} bits, or below a correlation of "
    f"{LEAST_CORRELATION:g}.",
    control="Labels of languages dealt out at random; a model with shuffled weights, "
    "quantized the same way.",
    run=run,
)

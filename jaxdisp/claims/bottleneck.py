"""T-007: is the effective dimension smallest at three quarters of the depth?"""

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray
from scipy import stats

from jaxdisp.claims import losses
from jaxdisp.claims.dimension_tables import (
    Curve,
    curve,
    language_rows,
    layer_rows,
    place_rows,
)
from jaxdisp.claims.experiment import Experiment, Outcome, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.measure import states
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.text_blocks import MOST_BLOCKS, blocks
from jaxdisp.measure.token_covariance import Covariances, covariances
from jaxdisp.models.model import Model
from jaxdisp.models.shuffled import shuffled
from jaxdisp.search import lattice
from jaxdisp.stats.correlation import rank_correlation
from jaxdisp.stats.jackknife import bonferroni_level, jackknife_interval

TOKENS_PER_DIMENSION = 10
LEAST_TEXTS, LEAST_LAYERS = 4, 5
PERMUTATIONS = 10_000
MOST_BYTES = 8e9
"""What the pooled outer products of all texts and states may take."""

PLACE = Claim(
    id="T-007",
    statement="The layer at three quarters of the depth has the smallest effective "
    "dimension of all layers",
    source="research notes, T-007",
    unit="log of the ratio of the smallest other dimension to this layer's",
    method="jackknife over texts of each ratio, the least of all bounds",
    least=0.05,
)
CRITICALITY = Claim(
    id="T-007b",
    statement="Layers of smaller effective dimension lose more when they are quantized",
    source="research notes, T-007",
    unit="rank correlation, with its sign turned",
    method="rank correlation over layers, interval of Bonett and Wright, permutations",
    least=0.3,
)


def run(subject: Subject) -> Outcome:
    """Measures the effective dimension after every layer, and where it is smallest.

    Args:
        subject: model, text and quantizer.

    Reference: our own definition, after the research notes' T-007.
    """
    model, corpus = subject.model, subject.corpus
    missing, found = _missing(subject), None
    needed = TOKENS_PER_DIMENSION * model.config.width
    if missing is None:
        found = _measured(subject, model, corpus)
        missing = _too_few(found, needed)
    if found is None or missing is not None:
        n_texts = len(set(corpus.groups))
        return Outcome(
            findings=tuple(
                not_applicable(claim, n_texts, missing or "")
                for claim in (PLACE, CRITICALITY)
            ),
            tables={},
        )
    null_model = shuffled(model, jax.random.fold_in(subject.key, 2))
    null = _measured(subject, null_model, _control_text(subject, found, needed))
    key = jax.random.split(subject.key)
    pooled, control = curve(found, key[0]), curve(null, key[0])
    languages = language_rows(found, needed)
    cost = losses.layer_losses(subject)
    lost = (cost.alone - cost.full).mean(axis=(1, 2))
    return Outcome(
        findings=(
            decide_place(pooled, control),
            decide_criticality(pooled.whole, lost, key[1]),
        ),
        tables={
            "layers": layer_rows(pooled, control, lost, found, null),
            "languages": languages,
            "places": place_rows(pooled, languages),
        },
    )


def smallest_at(found: Curve, target: int) -> tuple[float, tuple[float, float]]:
    """Estimates by how much a layer's dimension is below the smallest of all others.

    Definition: `min_j d[j]`, `d[j] = log dimension[j] - log dimension[target]`. Each
    d[j] is smooth and has a jackknife interval; the lower bound is the least of the
    lower ones, the upper bound the least of the upper ones at the level of Bonferroni
    for so many. So a minimum of noisy numbers has an interval that covers.

    Args:
        found: dimensions by layer.
        target: the layer.

    Returns:
        The estimate and its interval.

    Reference: Berger 1982, Technometrics 24, "Multiparameter hypothesis testing and
        acceptance sampling" (the lower bound: intersection of tests); Dunn 1961.
    """
    others = np.arange(len(found.whole)) != target

    def ratios(dimension: np.ndarray) -> np.ndarray:
        logs = np.log(dimension)
        return logs[..., others] - logs[..., [target]]

    estimates, left_out = ratios(found.whole), ratios(found.left_out)
    low = jackknife_interval(estimates, left_out)[0]
    level = bonferroni_level(int(others.sum()))
    high = jackknife_interval(estimates, left_out, level=level)[1]
    return float(estimates.min()), (float(low.min()), float(high.min()))


def decide_place(found: Curve, control: Curve) -> Finding:
    """Judges whether the layer at three quarters has the smallest dimension.

    Definition: `smallest_at`; refuted if some other layer's is surely not 5 % above.
    The control objects if shuffled weights have their smallest dimension there, too.

    Args:
        found: dimensions by layer.
        control: the same with shuffled weights.

    Reference: our own definition.
    """
    n_layers = len(found.whole)
    target = lattice.gateways(n_layers)[1]
    estimate, interval = smallest_at(found, target)
    place = int(np.argmin(found.whole))
    share = float(np.mean(np.argmin(found.resampled, axis=1) == place))
    null = smallest_at(control, target)
    return judge(
        PLACE,
        estimate,
        interval,
        len(found.left_out),
        f"{found.whole[target]:.1f} dimensions after layer {target}; fewest after "
        f"layer {place} ({found.whole[place]:.1f}; so in {share:.0%} of resamples), "
        f"with shuffled weights after layer {int(np.argmin(control.whole))}",
        control=f"{null[0]:.2f} with shuffled weights"
        if null[1][0] > PLACE.support
        else None,
    )


def decide_criticality(
    dimension: Float[np.ndarray, " layer"],
    lost: Float[np.ndarray, " layer"],
    key: PRNGKeyArray,
) -> Finding:
    """Judges whether layers of smaller dimension lose more when they are quantized.

    Definition: the effect is Spearman's correlation over layers of dimension and loss,
    times -1; the control is its distribution when layers are permuted.

    Args:
        dimension: after each layer.
        lost: when only this layer is quantized, in nats per sentence.
        key: of the permutations.

    Reference: our own definition.
    """
    n_layers = len(dimension)
    if np.ptp(dimension) == 0 or np.ptp(lost) == 0:
        return not_applicable(CRITICALITY, n_layers, "all layers are alike")
    found = rank_correlation(-dimension, lost, key=key, draws=PERMUTATIONS)
    left = [
        _spearman(np.delete(-dimension, layer), np.delete(lost, layer))
        for layer in range(n_layers)
    ]
    return judge(
        CRITICALITY,
        found.estimate,
        (found.low, found.high),
        n_layers,
        f"without one layer between {min(left):.2f} and {max(left):.2f}; p "
        f"{found.p_value:.2g} by permutations of the layers",
        control=f"permuted layers do as well, p {found.p_value:.2g}"
        if found.p_value > 0.05
        else None,
    )


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Rank correlation without more; 0 where a side is constant."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    ranks = [stats.rankdata(side) for side in (x, y)]
    return float(np.corrcoef(*ranks)[0, 1])


def _most_blocks(subject: Subject) -> int:
    """How many blocks of texts fit into memory."""
    config = subject.model.config
    block = 8 * (config.n_layers + 1) * config.width**2
    return min(MOST_BLOCKS, int(MOST_BYTES // block))


def _missing(subject: Subject) -> str | None:
    """What is too few, or too much, to begin with."""
    n_texts = len(set(subject.corpus.groups))
    n_layers = subject.model.config.n_layers
    if n_layers < LEAST_LAYERS:
        return f"needs at least {LEAST_LAYERS} layers, got {n_layers}"
    if n_texts < LEAST_TEXTS:
        return f"needs at least {LEAST_TEXTS} texts, got {n_texts}"
    if _most_blocks(subject) < LEAST_TEXTS:
        return (
            f"covariances of {subject.model.config.width} dimensions after {n_layers} "
            f"layers for {LEAST_TEXTS} blocks of texts take more than "
            f"{MOST_BYTES / 1e9:g} GB"
        )
    return None


def _too_few(found: Covariances, needed: int) -> str | None:
    total = int(found.n_tokens.sum())
    if total < needed:
        return (
            f"needs at least {needed} tokens, {TOKENS_PER_DIMENSION} per dimension, "
            f"got {total}"
        )
    return None


def _measured(subject: Subject, model: Model, corpus: Corpus) -> Covariances:
    found = states.language_states(model, corpus, stride=subject.stride)
    return covariances(found, blocks(corpus.groups, _most_blocks(subject)))


def _control_text(subject: Subject, found: Covariances, needed: int) -> Corpus:
    """The few sentences, if they have tokens and texts enough with some to spare."""
    share = subject.few.n_sentences / subject.corpus.n_sentences
    enough = found.n_tokens.sum() * share > 1.2 * needed
    if enough and len(set(subject.few.groups)) >= LEAST_TEXTS:
        return subject.few
    return subject.corpus


EXPERIMENT = Experiment(
    id="T-007",
    title="Effective dimension by layer",
    question="Is the effective dimension of hidden states smallest after the layer at "
    "three quarters of the depth, and do layers of small dimension lose most?",
    support="The dimension after this layer is below that after each other layer, for "
    "other texts too; the rank correlation of small dimension and loss excludes 0.",
    refutation="Some other layer's dimension is surely not 5 % above this one's; the "
    "rank correlation is surely below 0.3.",
    control="The same weights in random order, layer by layer; permuted layers.",
    run=run,
    passes=3,
)

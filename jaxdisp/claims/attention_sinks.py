"""Attention sinks: do heads park their attention, and does quantization move it?"""

import itertools

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jaxdisp.claims import losses, sink_tables
from jaxdisp.claims.experiment import Experiment, Outcome, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.measure import attention
from jaxdisp.measure import corpus as corpora
from jaxdisp.models import attention_taps
from jaxdisp.models.shuffled import shuffled
from jaxdisp.search import lattice
from jaxdisp.stats import bootstrap
from jaxdisp.stats.correlation import rank_correlation
from jaxdisp.stats.jackknife import jackknife_interval

NULL_MODELS = 3
LEAST_TEXTS, LEAST_LANGUAGES, LEAST_LAYERS = 3, 5, 7
"""Of 7 layers there are 21 pairs: below, no pair can stand out at 5 %."""

SINK_SHARE = 0.3
"""Heads that give the first token more are called sinks by Gu et al. 2024."""

EXIST = Claim(
    id="attention-sinks",
    statement="After layer 0, heads give the first token more attention than chance",
    source="research notes, direction 'attention sinks'",
    unit="share of attention beyond that of uniform attention",
    method="mean over heads, layers and languages; bootstrap of texts, BCa",
    least=0.05,
)
ENDS = Claim(
    id="attention-sinks-b",
    statement="Quantization moves attention to the first token more in the first and "
    "last layer than in the layers between",
    source="research notes, direction 'attention sinks'",
    unit="log of the ratio of changes",
    method="jackknife over texts; rank among all pairs of layers",
    least=float(np.log(1.1)),
)
LOSE = Claim(
    id="attention-sinks-c",
    statement="Languages whose attention to the first token changes more lose more",
    source="research notes, direction 'attention sinks'",
    unit="rank correlation",
    method="rank correlation over languages, interval of Bonett and Wright, "
    "permutations",
    least=0.3,
)
CLAIMS = (EXIST, ENDS, LOSE)


def run(subject: Subject) -> Outcome:
    """Measures where heads look, in full precision, quantized, and in null models.

    Args:
        subject: model, text and quantizer.

    Reference: our own definition, after the research notes' direction; sinks as in
        Xiao et al. 2023, arXiv:2309.17453.
    """
    missing, n_texts = _missing(subject)
    if missing is not None:
        return Outcome(
            findings=tuple(not_applicable(c, n_texts, missing) for c in CLAIMS),
            tables={},
        )
    found = measured(subject)
    full, everything = losses.evaluate(
        subject, lattice.uniform(subject.model.config.n_layers)
    )
    lost = (everything - full).mean(axis=1)
    dropped = subject.corpus.n_sentences - len(found.text)
    return Outcome(
        findings=decide(found, lost, jax.random.fold_in(subject.key, 2)),
        tables={
            "layers": sink_tables.layers(found),
            "heads": sink_tables.heads(found),
            "languages": sink_tables.languages(found, lost, subject.corpus.languages),
            "text": [{"sentences": len(found.text), "too_short": dropped}],
        },
    )


def _missing(subject: Subject) -> tuple[str | None, int]:
    """What there is too little of, and how many texts there are."""
    model = subject.model
    if not attention_taps.attends(model.architecture, model.config):
        return f"needs attention, which {model.architecture.name} has not", 0
    enough = attention.readable(model, subject.corpus)
    texts = np.array(subject.corpus.groups)[enough]
    n_texts = len(set(texts.tolist()))
    few = np.isin(np.array(subject.few.lines), _lines(subject.corpus, enough))
    if n_texts < LEAST_TEXTS or not few.any():
        return (
            f"needs sentences of at least {LEAST_TEXTS} texts with "
            f"{attention.LEAST_TOKENS} tokens in every language, got {n_texts}"
        ), n_texts
    if model.config.n_layers < 2:
        return "needs at least 2 layers, got 1", n_texts
    return None, n_texts


def _lines(corpus: corpora.Corpus, enough: np.ndarray) -> np.ndarray:
    return np.array(corpus.lines)[enough]


def measured(subject: Subject) -> sink_tables.Sinks:
    """Measures what the first token gets, by layer, head, language and sentence.

    Args:
        subject: model, text and quantizer.

    Reference: as `measure.attention.excess` and `shift`.
    """
    model = subject.model
    enough = attention.readable(model, subject.corpus)
    corpus = corpora.keep(subject.corpus, np.flatnonzero(enough).tolist())
    draws = jax.random.uniform(jax.random.fold_in(subject.key, 0), (len(enough),))
    uniform = np.asarray(draws, np.float64)[enough]
    versions = (losses.rounded(subject),)
    ones = [1] * model.config.n_layers
    pairs = zip(
        attention.language_looks(model, corpus, uniform, versions=versions),
        attention.language_looks(
            model, corpus, uniform, versions=versions, assignment=ones
        ),
        strict=True,
    )
    parts = [_of_language(full, other) for (_, full), (_, other) in pairs]
    columns = [np.stack(each, axis=2) for each in zip(*parts, strict=True)]
    few = np.flatnonzero(np.isin(corpus.lines, subject.few.lines))
    null = np.mean(
        [_null(subject, corpus, few, uniform, n) for n in range(NULL_MODELS)], axis=0
    )
    return sink_tables.Sinks(
        first=columns[0],
        rounded=columns[1],
        other=columns[2],
        shift=columns[3],
        rank=columns[4],
        rest=columns[5],
        chance=columns[6][0, 0],
        null=null,
        few=few,
        text=np.array(corpus.groups),
    )


def _of_language(
    full: attention.Looks, rounded: attention.Looks
) -> tuple[np.ndarray, ...]:
    start, n_sentences = np.zeros_like(full.beside), len(full.beside)
    at = (full.place, full.sentence)
    nothing = np.zeros((1, 1, len(full.place)))
    return (
        attention.excess(full.first, *at, start),
        attention.excess(rounded.first, *at, start),
        attention.excess(full.other, *at, full.beside),
        attention.shift(full.first, rounded.first, full.sentence, n_sentences),
        full.rank.astype(np.float64),
        full.rest.astype(np.float64),
        -attention.excess(nothing, *at, start),
    )


def _null(
    subject: Subject,
    corpus: corpora.Corpus,
    few: Int[np.ndarray, " few"],
    uniform: Float[np.ndarray, " sentence"],
    number: int,
) -> Float[np.ndarray, "layer few"]:
    """What the first token gets in a model that has learned nothing."""
    key = jax.random.fold_in(jax.random.fold_in(subject.key, 1), number)
    model = shuffled(subject.model, key)
    looks = attention.language_looks(
        model,
        corpora.keep(corpus, few.tolist()),
        uniform[few],
        # so many versions as the model itself has, and so the same programs
        versions=(model.params,),
        shapes=corpus,
    )
    start = np.zeros(len(few), int)
    return np.mean(
        [
            attention.excess(one.first, one.place, one.sentence, start).mean(axis=1)
            for _, one in looks
        ],
        axis=0,
    )


def decide(
    found: sink_tables.Sinks, lost: Float[np.ndarray, " language"], key: PRNGKeyArray
) -> tuple[Finding, ...]:
    """Decides the three claims by what was measured.

    Args:
        found: what places get.
        lost: what quantization costs each language, in nats per sentence.
        key: of draws and permutations.

    Reference: our own definition.
    """
    own, other = jax.random.split(key)
    return (
        decide_existence(found, own),
        decide_ends(found.shift.mean(axis=(1, 2)), found.text),
        decide_losses(found.shift.mean(axis=(0, 1, 3)), lost, other),
    )


def decide_existence(found: sink_tables.Sinks, key: PRNGKeyArray) -> Finding:
    """Decides whether the first token gets more than chance, and others do not.

    Definition: `estimate` is the mean excess over heads, layers from 1 on, languages
    and sentences. The claim needs a twentieth of all attention, below which a sink
    would be no more than one of 20 tokens looked at alike. The control shows it as
    well unless the excess is above that of another place, and above that of models
    with shuffled weights, by intervals of the differences.

    Args:
        found: what places get.
        key: of the draws.

    Reference: our own definition.
    """
    own = found.first[1:].mean(axis=(0, 1, 2))
    beside = found.other[1:].mean(axis=(0, 1, 2))
    null = found.null[1:].mean(axis=0)
    whole = _means(np.stack([own, own - beside], axis=1), found.text, key)
    against = _means((own[found.few] - null)[:, None], found.text[found.few], key)
    (estimate, low, high), (_, over, _) = whole
    control = None
    if not over > 0:
        control = f"another place gets {beside.mean():.3f} beyond chance"
    elif not against[0][1] > 0:
        control = f"with shuffled weights it gets {null.mean():.3f} beyond chance"
    weight = found.first[1:].mean(axis=(2, 3)) + found.chance.mean()
    return judge(
        EXIST,
        estimate,
        (low, high),
        len(set(found.text.tolist())),
        f"{estimate:.3f} beyond chance (another place {beside.mean():.3f}, shuffled "
        f"weights {null.mean():.3f}); {np.sum(weight > SINK_SHARE)} of {weight.size} "
        f"heads give it over {SINK_SHARE:g}",
        control=control,
    )


def _means(
    values: Float[np.ndarray, "sentence column"],
    text: Int[np.ndarray, " sentence"],
    key: PRNGKeyArray,
) -> list[tuple[float, float, float]]:
    """Estimate, low and high of the mean of each column."""
    resamples = bootstrap.resample(values, text, key=key)
    found = bootstrap.interval(resamples)
    bounds = (found.estimate, found.low, found.high)
    columns = np.stack([np.asarray(x, np.float64) for x in bounds], axis=1)
    return [(one[0], one[1], one[2]) for one in columns.tolist()]


def decide_ends(
    shift: Float[np.ndarray, "layer sentence"], text: Int[np.ndarray, " sentence"]
) -> Finding:
    """Decides whether the first and the last layer change more than those between.

    Definition: the log of the ratio of mean changes; a tenth more is the least that
    would set these layers apart. Inputs of layer 0 are exact, those of later layers
    carry the errors of all before them, as deployed. The control is all other pairs of
    layers: the claimed one must be in the top 5 % by the mean of its two.

    Args:
        shift: change of what the first token gets.
        text: of each sentence.

    Reference: our own definition; an exact permutation test over pairs of layers.
    """
    n_layers, n_texts = len(shift), len(set(text.tolist()))
    if n_layers < LEAST_LAYERS:
        return not_applicable(
            ENDS, n_texts, f"needs at least {LEAST_LAYERS} layers, got {n_layers}"
        )
    sums = np.stack([shift[:, text == each].sum(axis=1) for each in np.unique(text)])
    weights = np.concatenate([np.ones((1, n_texts)), 1 - np.eye(n_texts)])
    by_layer = weights @ sums
    ends, between = by_layer[:, [0, -1]].mean(axis=1), by_layer[:, 1:-1].mean(axis=1)
    if np.any(between <= 0) or np.any(ends <= 0):
        return not_applicable(ENDS, n_texts, "needs a change, but nothing has changed")
    contrast = np.log(ends / between)
    low, high = jackknife_interval(contrast[:1], contrast[1:, None])
    pairs = [sum(pair) for pair in itertools.combinations(by_layer[0], 2)]
    claimed = by_layer[0, 0] + by_layer[0, -1]
    rank = int(np.sum(np.array(pairs) >= claimed * (1 - 1e-12)))
    moved = shift.mean(axis=1)
    said = f"this pair of layers is number {rank} of {len(pairs)}"
    return judge(
        ENDS,
        float(contrast[0]),
        (float(low[0]), float(high[0])),
        n_texts,
        f"share of attention that moves: layer 0 {moved[0]:.4f}, last {moved[-1]:.4f}, "
        f"between {moved[1:-1].mean():.4f}; {said}",
        control=None if rank <= 0.05 * len(pairs) else said,
    )


def decide_losses(
    shift: Float[np.ndarray, " language"],
    lost: Float[np.ndarray, " language"],
    key: PRNGKeyArray,
) -> Finding:
    """Decides whether languages whose sinks change more lose more.

    Definition: rank correlation over languages; less than 0.3 would be less than a
    tenth of the variance of ranks. The control is languages shuffled.

    Args:
        shift: change of what the first token gets.
        lost: nats per sentence.
        key: of the permutations.

    Reference: our own definition.
    """
    n = len(lost)
    if n < LEAST_LANGUAGES:
        return not_applicable(
            LOSE, n, f"needs at least {LEAST_LANGUAGES} languages, got {n}"
        )
    if np.ptp(shift) == 0 or np.ptp(lost) == 0:
        return not_applicable(LOSE, n, "needs languages that differ, but all are equal")
    found = rank_correlation(shift, lost, key=key)
    said = f"shuffled languages reach it with p = {found.p_value:.2g}"
    return judge(
        LOSE,
        found.estimate,
        (found.low, found.high),
        n,
        f"rank correlation {found.estimate:.2f} over languages; {said}",
        control=None if found.p_value <= 0.05 else said,
    )


EXPERIMENT = Experiment(
    id="attention-sinks",
    title="Attention sinks",
    question="Do heads park attention on the first token, where does quantization move "
    "it, and do languages pay for that?",
    support="The interval of the excess over uniform attention is above 0 (a), that of "
    "the log ratio of changes in the end layers above 0 (b), that of the rank "
    "correlation with losses above 0 (c).",
    refutation="The whole interval is below 0.05 of attention (a), below a tenth more "
    "change (b), below a correlation of 0.3 (c).",
    control="Another place of each sentence and models with shuffled weights (a), all "
    "other pairs of layers (b), shuffled languages (c).",
    run=run,
    passes=3,
)

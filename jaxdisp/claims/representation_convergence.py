"""T-009: whether languages are most alike inside the network, and where.

Alignment is that of representations on parallel sentences. It is not to be computed
from how text is cut into tokens, yet mean states tell how many tokens there are, and
translations are alike in that; so what goes with the number of tokens is removed.

The two claims about a place have 0 as the least effect: a peak is one however flat.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxdisp.claims import alignment, losses
from jaxdisp.claims.experiment import Experiment, Outcome, Rows, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.measure import convergence, similarity
from jaxdisp.models.shuffled import shuffled
from jaxdisp.result import result
from jaxdisp.stats import bootstrap
from jaxdisp.stats.correlation import RankCorrelation, rank_correlation

LEAST_TEXTS, LEAST_LANGUAGES, LEAST_SENTENCES = 4, 2, 8
LEAST_LAYERS, LAYERS_FOR_PLACE, LANGUAGES_FOR_RANKS = 3, 6, 5
THREE_QUARTERS = 0.75

SOURCE = "research notes, T-009"
UNIT = "mean-centred cosine of translations minus that of others, without length"
METHOD = "max-t bootstrap over texts, for the best of several layers on either side"
INSIDE = Claim(
    id="T-009",
    statement=(
        "Languages are most alike inside the network: more than after the first or the "
        "last layer, or before them."
    ),
    source=SOURCE,
    unit=UNIT,
    method=METHOD,
)
PLACE = Claim(
    id="T-009b",
    statement="Languages are most alike at three quarters of the depth.",
    source=SOURCE,
    unit=UNIT,
    method=METHOD,
)
FOLLOW = Claim(
    id="T-009c",
    statement="Languages that are better aligned with the others lose less.",
    source=SOURCE,
    unit="Spearman correlation over languages, its sign turned",
    method="Bonett-Wright interval; languages are related, so it is rather too narrow",
    least=0.3,
)
"""Below 0.3, ranks of one would explain less than a tenth of those of the other."""
CLAIMS = (INSIDE, PLACE, FOLLOW)


@result
class Evidence:
    """All that is decided from: the model, and two that know nothing of translations.

    `mismatched` is the model on sentences that are no translations of one another,
    `untrained` one with its weights shuffled. `lost` is in nats per sentence.
    """

    model: alignment.Alignment
    mismatched: alignment.Alignment
    untrained: alignment.Alignment
    lost: Float[np.ndarray, " language"]


def decide(evidence: Evidence, key: jax.Array) -> tuple[Finding, ...]:
    """Decides the three claims.

    Args:
        evidence: margins and losses.
        key: of resamples and permutations.

    Reference: our own definition.
    """
    inside, place, ranks = jax.random.split(key, 3)
    return (
        _decide_inside(evidence, inside),
        _decide_place(evidence.model, place),
        _decide_ranks(evidence, ranks),
    )


def _decide_inside(evidence: Evidence, key: jax.Array) -> Finding:
    n_layers = len(evidence.model.margins) - 1
    inner = np.arange(2, n_layers)
    ends = np.array([0, 1, n_layers])
    found = alignment.contrast(evidence.model, inner, ends, key)
    profile = evidence.model.margins.mean(axis=(1, 2))
    peak = int(inner[np.argmax(profile[inner])])
    remark = (
        f"the margin is {profile[peak]:.3f} after {peak} of {n_layers} layers and "
        f"{profile[0]:.3f} before, {profile[1]:.3f} after the first and "
        f"{profile[n_layers]:.3f} after the last"
    )
    control = None
    for name, other in (
        ("mismatched sentences", evidence.mismatched),
        ("shuffled weights", evidence.untrained),
    ):
        shown = alignment.contrast(other, inner, ends, key)
        if shown[1] > INSIDE.support:
            control = f"with {name} it is {_said(shown)}"
    return _judged(INSIDE, found, evidence.model, remark, control)


def near_three_quarters(n_layers: int) -> Int[np.ndarray, " tap"]:
    """Lists the taps within one layer of three quarters of the depth.

    Definition: taps i with `|i - 3/4 n| <= 1`, of n layers.

    Args:
        n_layers: layers of the model.

    Reference: the claim under test; the notes' own places, 9 / 12 and 9 / 11, are both
        within.
    """
    taps = np.arange(n_layers + 1)
    return taps[np.abs(taps - THREE_QUARTERS * n_layers) <= 1]


def _decide_place(model: alignment.Alignment, key: jax.Array) -> Finding:
    n_layers = len(model.margins) - 1
    n_texts = len(np.unique(model.text))
    if n_layers < LAYERS_FOR_PLACE:
        needed = f"needs at least {LAYERS_FOR_PLACE} layers, got {n_layers}"
        return not_applicable(PLACE, n_texts, needed)
    near = near_three_quarters(n_layers)
    elsewhere = np.setdiff1d(np.arange(n_layers + 1), near)
    found = alignment.contrast(model, near, elsewhere, key)
    low, high = alignment.peak_interval(model, key)
    profile = model.margins.mean(axis=(1, 2))
    remark = (
        f"the peak is after {np.argmax(profile)} of {n_layers} layers, in 95 % of "
        f"resamples after {low} to {high}; three quarters is {near[0]} to {near[-1]}"
    )
    return _judged(PLACE, found, model, remark, None)


def _decide_ranks(evidence: Evidence, key: jax.Array) -> Finding:
    n = len(evidence.lost)
    if n < LANGUAGES_FOR_RANKS:
        needed = f"needs at least {LANGUAGES_FOR_RANKS} languages, got {n}"
        return not_applicable(FOLLOW, n, needed)
    found = _followed(evidence.model, evidence.lost, key)
    untrained = _followed(evidence.untrained, evidence.lost, key)
    remark = (
        f"ranks of margins and of nats lost correlate by {-found.estimate:.2f} (p = "
        f"{found.p_value:.2g} with languages shuffled), by {-untrained.estimate:.2f} "
        "with shuffled weights"
    )
    control = None
    if untrained.low > FOLLOW.support:
        control = (
            f"{untrained.estimate:.2f} [{untrained.low:.2f}, {untrained.high:.2f}]"
        )
    interval = (found.low, found.high)
    return judge(FOLLOW, found.estimate, interval, n, remark, control=control)


def _followed(
    found: alignment.Alignment, lost: Float[np.ndarray, " language"], key: jax.Array
) -> RankCorrelation:
    return rank_correlation(alignment.at_peak(found).mean(axis=1), -lost, key=key)


def _judged(
    claim: Claim,
    found: tuple[float, float, float],
    model: alignment.Alignment,
    remark: str,
    control: str | None,
) -> Finding:
    n_texts = len(np.unique(model.text))
    return judge(claim, found[0], found[1:], n_texts, remark, control=control)


def _said(found: tuple[float, float, float]) -> str:
    return f"{found[0]:.3f} [{found[1]:.3f}, {found[2]:.3f}]"


def run(subject: Subject) -> Outcome:
    """Measures and decides; see `EXPERIMENT`.

    Args:
        subject: what it is run on.

    Reference: our own definition.
    """
    missing = _missing(subject)
    if missing is not None:
        findings = tuple(not_applicable(each, *missing) for each in CLAIMS)
        return Outcome(findings=findings, tables={})
    weights, mismatch, lines, decision = jax.random.split(subject.key, 4)
    found = alignment.sentence_states(subject.model, subject.corpus, subject.stride)
    nothing_learned = shuffled(subject.model, weights)
    random = alignment.sentence_states(nothing_learned, subject.few, subject.stride)
    means = alignment.without_length(found)
    nats = losses.layer_losses(subject)
    evidence = Evidence(
        model=alignment.measured(means, subject.corpus),
        mismatched=alignment.measured(
            alignment.mismatched(means, mismatch), subject.corpus
        ),
        untrained=alignment.measured(alignment.without_length(random), subject.few),
        lost=(nats.everything - nats.full).mean(axis=1),
    )
    raw = alignment.measured(found.means, subject.corpus)
    return Outcome(
        findings=decide(evidence, decision),
        tables={
            "layers": _layer_rows(evidence, raw, found, lines),
            "languages": _language_rows(subject.corpus.languages, evidence, lines),
        },
    )


def _missing(subject: Subject) -> tuple[int, str] | None:
    n_layers, few = subject.model.config.n_layers, subject.few
    n_texts, n_languages = len(set(few.groups)), len(few.languages)
    largest = max(few.groups.count(group) for group in set(few.groups))
    n_left = few.n_sentences - largest
    for number, least, what in (
        (n_layers, LEAST_LAYERS, "layers"),
        (n_languages, LEAST_LANGUAGES, "languages"),
        (n_texts, LEAST_TEXTS, "texts"),
        (few.n_sentences, LEAST_SENTENCES, "sentences"),
        (n_left, similarity.MIN_FOR_CKA, "sentences without the longest text"),
    ):
        if number < least:
            return number, f"needs at least {least} {what}, got {number}"
    return None


def _layer_rows(
    evidence: Evidence,
    raw: alignment.Alignment,
    states: alignment.SentenceStates,
    key: jax.Array,
) -> Rows:
    """Every measure at every depth, averaged over languages."""
    model, n_layers = evidence.model, len(raw.margins) - 1
    retrieved = [
        np.asarray(convergence.retrieval(jnp.asarray(each))).mean(axis=0)
        for each in alignment.without_length(states)
    ]
    per_sentence = np.stack([model.margins.mean(axis=1), retrieved])
    resamples = bootstrap.resample(
        np.moveaxis(per_sentence, -1, 0), model.text, key=key
    )
    found = bootstrap.interval(resamples)
    of_sentences = np.stack([found.estimate, found.low, found.high])
    clouds = np.minimum(alignment.clouds(states, model.text, key), [[np.inf], [1.0]])
    share = np.bincount(alignment.peaks(model, key), minlength=n_layers + 1)
    return [
        {"tap": tap, "depth": tap / n_layers}
        | _named("margin", of_sentences[:, 0, tap])
        | _named("retrieval", of_sentences[:, 1, tap])
        | _named("cka", clouds[:, 1, tap])
        | _named("distance", clouds[:, 0, tap])
        | {
            "with_length": float(raw.margins[tap].mean()),
            "mismatched": float(evidence.mismatched.margins[tap].mean()),
            "untrained": float(evidence.untrained.margins[tap].mean()),
            "share_of_peaks": float(share[tap] / share.sum()),
        }
        for tap in range(n_layers + 1)
    ]


def _named(name: str, three: Sequence[float] | np.ndarray) -> dict[str, float]:
    keys = (name, f"{name}_low", f"{name}_high")
    return dict(zip(keys, map(float, three), strict=True))


def _language_rows(
    languages: Sequence[str], evidence: Evidence, key: jax.Array
) -> Rows:
    """Margins at the peak, and what is lost, by language."""
    found = [
        bootstrap.interval(
            bootstrap.resample(alignment.at_peak(each).T, each.text, key=key)
        )
        for each in (evidence.model, evidence.untrained)
    ]
    trained, untrained = (
        np.stack([each.estimate, each.low, each.high]) for each in found
    )
    return [
        {"language": language, "lost": float(evidence.lost[number])}
        | _named("margin", trained[:, number])
        | _named("untrained", untrained[:, number])
        for number, language in enumerate(languages)
    ]


EXPERIMENT = Experiment(
    id="T-009",
    title="Representation convergence",
    question=(
        "Are languages most alike inside the network, at three quarters of its depth, "
        "and do those that are better aligned lose less?"
    ),
    support=(
        "The margin of translations is larger inside than at the ends, and within a "
        "layer of three quarters larger than elsewhere, with the whole 95 % interval "
        "over texts; ranks of languages by it go against what they lose."
    ),
    refutation=("The interval lies below 0, or excludes a rank correlation of 0.3."),
    control=(
        "No peak where sentences are no translations of each other, nor in a model "
        "with shuffled weights, whose margins must not follow the losses either."
    ),
    run=run,
)

"""T-004: whether the first and the last layer, protected together, keep the last state.

The last layer's error goes into the last state by itself, so protecting it helps there
trivially; what is to be shown is that the pair helps more than the last with another.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxdisp.claims import final_states, losses
from jaxdisp.claims.experiment import Experiment, Outcome, Rows, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import similarity, synergy
from jaxdisp.result import result
from jaxdisp.search import lattice
from jaxdisp.stats.correlation import rank_correlation
from jaxdisp.stats.jackknife import bonferroni_level, jackknife_interval

SENTENCES = 16
"""Of the few: states of 79 configurations are 400 layers for every one of them."""
PAIRS = 66
"""Measured at most, all of 12 layers; of more, a part is drawn."""
LEAST_LAYERS, LEAST_TEXTS, LEAST_LANGUAGES = 3, 4, 5

NOTHING, FIRST, LAST, BOTH = range(4)
"""Places of what is protected, before other layers and other pairs."""

Effect = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Estimate, low, high."""

SOURCE = "research notes, T-004"
RANDOM_PAIR = Claim(
    id="T-004",
    statement=(
        "Protecting the first and the last layer keeps the last hidden states closer "
        "to full precision than protecting other pairs of layers."
    ),
    source=SOURCE,
    unit="log of one minus cosine, mean of other pairs minus this one",
    method="delete-a-text jackknife of a mean over languages and pairs",
    least=0.05,
)
"""Less than 5 % would not be seen beside the spread over texts of a single sentence."""
TOGETHER = Claim(
    id="T-004b",
    statement=(
        "The first and the last layer save more together than the sum of what each "
        "saves alone."
    ),
    source=SOURCE,
    unit="share of one minus cosine with nothing protected",
    method="delete-a-text jackknife of a mean over languages",
    least=0.02,
)
"""Errors that are independent and small add up: 0. Of what is lost, 2 % is worth it."""
LANGUAGES = Claim(
    id="T-004c",
    statement=(
        "Languages whose last hidden states move further from full precision lose more."
    ),
    source=SOURCE,
    unit="Spearman correlation over languages",
    method="Bonett-Wright interval; languages are related, so it is rather too narrow",
    least=0.3,
)
"""Below 0.3, ranks of one would explain less than a tenth of those of the other."""
CLAIMS = (RANDOM_PAIR, TOGETHER, LANGUAGES)


@result
class Moved:
    """How far final states moved, and what was lost: all that is decided from.

    `distance` sums one minus cosine over the `tokens` of each text. `lost` is in nats
    per sentence, with everything quantized.
    """

    distance: Float[np.ndarray, "config language text"]
    tokens: Float[np.ndarray, "language text"]
    lost: Float[np.ndarray, " language"]


def protection_sets(n_layers: int, key: jax.Array) -> list[tuple[int, ...]]:
    """Lists what is protected: nothing, first, last, both, other layers, other pairs.

    Definition: all pairs if they are at most `PAIRS`; else a third of them holds the
    last layer, and the others are drawn from the rest.

    Args:
        n_layers: layers of the model, at least 3.
        key: of the draw.

    Reference: our own definition.
    """
    last = n_layers - 1
    named = [(), (0,), (last,), (0, last)]
    singles = [(layer,) for layer in range(1, last)]
    pairs = list(itertools.combinations(range(n_layers), 2))
    pairs.remove((0, last))
    order = [pairs[place] for place in _permutation(key, len(pairs))]
    with_last = [pair for pair in order if last in pair]
    without = [pair for pair in order if last not in pair]
    if len(pairs) >= PAIRS:
        with_last = with_last[: PAIRS // 3]
        without = without[: PAIRS - 1 - len(with_last)]
    return named + singles + sorted(with_last + without)


def _permutation(key: jax.Array, n: int) -> list[int]:
    return np.asarray(jax.random.permutation(key, n)).tolist()


def _per_token(moved: Moved) -> Float[np.ndarray, "replicate config language"]:
    """One minus cosine, of all texts and then without each."""
    totals = [
        np.concatenate([whole[None], whole[None] - np.moveaxis(each, -1, 0)])
        for each in (moved.distance, moved.tokens)
        for whole in (each.sum(axis=-1),)
    ]
    return totals[0] / totals[1][:, None]


def _interval(
    values: Float[np.ndarray, " replicate *cell"], *, level: float = 0.95
) -> Effect:
    """Estimate, low, high from all texts and those without each."""
    flat = values.reshape(len(values), -1)
    bounds = jackknife_interval(flat[0], flat[1:], level=level)
    value, low, high = (each.reshape(values.shape[1:]) for each in (flat[0], *bounds))
    return value, low, high


def _said(effect: Effect) -> str:
    value, low, high = (float(each) for each in effect)
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def decide(
    sets: list[tuple[int, ...]], moved: Moved, key: jax.Array
) -> tuple[Finding, ...]:
    """Decides the three claims.

    Args:
        sets: what is protected, as from `protection_sets`.
        moved: how far states moved.
        key: of permutations.

    Reference: our own definition.
    """
    u = _per_token(moved)
    return (_random_pairs(sets, u), _together(sets, u), _languages(u, moved, key))


def _random_pairs(sets: list[tuple[int, ...]], u: np.ndarray) -> Finding:
    last = max(max(each, default=0) for each in sets)
    pairs = [at for at, each in enumerate(sets) if len(each) == 2 and at != BOTH]
    effect = _over(u, pairs)
    gaps = (np.log(u[:, [BOTH]]) - np.log(u[:, pairs])).mean(axis=2)
    clear = _interval(gaps, level=bonferroni_level(len(pairs)))[1] > 0
    remark = (
        f"1 - cos is {_percent(effect[0])} below that of {len(pairs)} other pairs: "
        f"rank {1 + int(np.sum(gaps[0] > 0))}, {int(np.sum(clear))} clearly better"
    )
    control = None
    for layer, name in ((last, "last"), (0, "first")):
        sharing = _over(u, [at for at in pairs if layer in sets[at]])
        if sharing[1] <= RANDOM_PAIR.support or sharing[2] < RANDOM_PAIR.least:
            control = (
                f"below pairs of the {name} layer and any other it is "
                f"{_percent(sharing[0])}"
            )
    return _judged(RANDOM_PAIR, effect, len(u) - 1, remark, control)


def _over(u: np.ndarray, rivals: list[int]) -> Effect:
    found = synergy.advantage(u[:, BOTH], np.moveaxis(u[:, rivals], 1, 0))
    return _interval(found.mean(axis=1))


def _judged(
    claim: Claim, effect: Effect, n: int, remark: str, control: str | None
) -> Finding:
    value, low, high = (float(each) for each in effect)
    return judge(claim, value, (low, high), n, remark, control=control)


def _percent(log_ratio: np.ndarray) -> str:
    return f"{100 * (1 - np.exp(-float(log_ratio))):.0f} %"


def _synergies(sets: list[tuple[int, ...]], u: np.ndarray) -> np.ndarray:
    """Of every pair, `[replicate, pair]`, in the order of `sets`; mean of languages."""
    at = {each: place for place, each in enumerate(sets)}
    return np.stack(
        [
            synergy.synergy(u[:, NOTHING], u[:, at[a,]], u[:, at[b,]], u[:, at[a, b]])
            for a, b in (each for each in sets if len(each) == 2)
        ],
        axis=1,
    ).mean(axis=2)


def _together(sets: list[tuple[int, ...]], u: np.ndarray) -> Finding:
    of_pairs = _synergies(sets, u)
    beyond = _interval(of_pairs[:, 0] - of_pairs[:, 1:].mean(axis=1))
    saved = [1 - float((u[0, at] / u[0, NOTHING]).mean()) for at in (FIRST, LAST, BOTH)]
    remark = (
        f"of 1 - cos the first saves {saved[0]:.1%}, the last {saved[1]:.1%}, both "
        f"{saved[2]:.1%}"
    )
    control = None
    if beyond[1] <= 0:
        control = f"beyond the mean of other pairs it is {_said(beyond)}"
    return _judged(TOGETHER, _interval(of_pairs[:, 0]), len(u) - 1, remark, control)


def _languages(u: np.ndarray, moved: Moved, key: jax.Array) -> Finding:
    n = len(moved.lost)
    if n < LEAST_LANGUAGES:
        return not_applicable(
            LANGUAGES, n, f"needs at least {LEAST_LANGUAGES} languages, got {n}"
        )
    found = rank_correlation(u[0, NOTHING], moved.lost, key=key)
    remark = (
        f"ranks of 1 - cos and of nats lost per sentence correlate by "
        f"{found.estimate:.2f}; with languages shuffled, 95 % lie from "
        f"{found.null_low:.2f} to {found.null_high:.2f} (p = {found.p_value:.2g})"
    )
    return judge(LANGUAGES, found.estimate, (found.low, found.high), n, remark)


def run(subject: Subject) -> Outcome:
    """Measures and decides; see `EXPERIMENT`.

    Args:
        subject: what it is run on.

    Reference: our own definition.
    """
    n_layers = subject.model.config.n_layers
    groups = np.unique(subject.few.groups)
    missing = _missing(n_layers, len(groups))
    if missing is not None:
        return _none(*missing)
    drawn, permuted = jax.random.split(subject.key)
    few = corpora.spread(subject.few, max(SENTENCES, len(groups)))
    sets = protection_sets(n_layers, drawn)
    found = final_states.final_states(
        dataclasses.replace(subject, few=few),
        lattice.protecting(sets, n_layers),
        close=BOTH + 1,
    )
    nats = losses.layer_losses(subject)
    text = np.unique(few.groups, return_inverse=True)[1]
    moved = Moved(
        distance=_by_text(found.distance, text),
        tokens=_by_text(found.tokens, text),
        lost=(nats.everything - nats.full).mean(axis=1),
    )
    if not np.all(_per_token(moved) > 0):
        return _none(0, "needs weights that rounding changes; no state has moved")
    return Outcome(
        findings=decide(sets, moved, permuted),
        tables={
            "sets": _set_rows(sets, moved),
            "languages": _language_rows(few.languages, found, moved, text),
        },
    )


def _none(number: int, reason: str) -> Outcome:
    findings = tuple(not_applicable(each, number, reason) for each in CLAIMS)
    return Outcome(findings=findings, tables={})


def _missing(n_layers: int, n_texts: int) -> tuple[int, str] | None:
    if n_layers < LEAST_LAYERS:
        return n_layers, f"needs at least {LEAST_LAYERS} layers, got {n_layers}"
    if n_texts < LEAST_TEXTS:
        return n_texts, f"needs at least {LEAST_TEXTS} texts, got {n_texts}"
    return None


def _by_text(
    values: Float[np.ndarray, "*axis sentence"], text: Int[np.ndarray, " sentence"]
) -> Float[np.ndarray, "*axis text"]:
    return values @ np.eye(text.max() + 1)[text]


def _set_rows(sets: list[tuple[int, ...]], moved: Moved) -> Rows:
    """Geometric mean of one minus cosine over languages, by what is protected."""
    u = _per_token(moved)
    distance = np.exp(np.stack(_interval(np.log(u).mean(axis=2))))
    pairs = [at for at, each in enumerate(sets) if len(each) == 2]
    beyond = np.stack(_interval(_synergies(sets, u)))
    rows = []
    for at, protected in enumerate(sets):
        three = [None] * 3
        if at in pairs:
            three = beyond[:, pairs.index(at)].tolist()
        rows.append(
            {"protected": ",".join(map(str, protected)), "size": len(protected)}
            | _named("one_minus_cosine", distance[:, at].tolist())
            | _named("synergy", three)
        )
    return rows


def _named(name: str, three: Sequence[float | None]) -> dict[str, float | None]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), three, strict=True))


def _language_rows(
    names: Sequence[str],
    found: final_states.FinalStates,
    moved: Moved,
    text: Int[np.ndarray, " sentence"],
) -> Rows:
    u = np.stack(_interval(_per_token(moved)[:, : BOTH + 1]))
    logits = found.readout.sum(axis=-1) / found.tokens.sum(axis=-1)
    cka = np.minimum(_interval(_kernel_alignment(found.means, text)), 1.0)
    return [
        {"language": name, "protected": protected, "lost": float(moved.lost[number])}
        | _named("one_minus_cosine", u[:, at, number].tolist())
        | {"of_logits": float(logits[at, number])}
        | _named("cka", cka[:, at, number].tolist())
        for number, name in enumerate(names)
        for at, protected in enumerate(("nothing", "first", "last", "both"))
    ]


def _kernel_alignment(
    means: Float[np.ndarray, "version language sentence width"],
    text: Int[np.ndarray, " sentence"],
) -> Float[np.ndarray, "replicate close language"]:
    """Debiased CKA of sentences' means with full precision, and without each text."""
    each = jax.vmap(jax.vmap(similarity.gram))
    grams = np.asarray(each(jnp.asarray(means, jnp.float32)))
    found = []
    for left_out in (-1, *range(text.max() + 1)):
        kept = np.flatnonzero(text != left_out)
        centred = jax.vmap(jax.vmap(similarity.unbiased))(
            jnp.asarray(grams[..., kept[:, None], kept])
        )
        found.append(
            [jax.vmap(similarity.alignment)(centred[0], one) for one in centred[1:]]
        )
    return np.asarray(found, np.float64)


EXPERIMENT = Experiment(
    id="T-004",
    title="Residual propagation",
    question=(
        "Does protecting the first and the last layer together keep the last layer's "
        "hidden states as they are in full precision?"
    ),
    support=(
        "One minus cosine is lower than for other pairs of layers, and more is saved "
        "than the sum of what each saves, with the whole 95 % interval over texts; "
        "ranks of languages by it follow what they lose."
    ),
    refutation=(
        "The interval excludes 5 % less than other pairs, a synergy of 2 %, or a rank "
        "correlation of 0.3."
    ),
    control=(
        "Pairs of the first, and of the last, with any other layer must be 5 % worse, "
        "too; other pairs must have less synergy; shuffled languages."
    ),
    run=run,
)

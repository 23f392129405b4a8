"""Where does the damage enter? Activations are exchanged between two runs.

Full-precision activations put into the quantized run restore part of what it lost, and
quantized ones put into the full-precision run produce part of it. This is an
intervention, carried out on the model, not a correlation. Layers are compared by what
they add to the residual stream ("update"): the state after a layer carries everything
before it along, so that its share rises with depth by construction, to 1 after the last
layer. For the same reason a single token restored late recovers that token's own
prediction and nothing else; "fifths" of a sentence show where in it the damage is.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Int, PRNGKeyArray

from jaxdisp.claims import losses, tracing_tables
from jaxdisp.claims.experiment import Experiment, Outcome, Subject
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import disparity, tracing
from jaxdisp.measure.corpora import codes
from jaxdisp.search import lattice
from jaxdisp.stats import correlation

LAYERS, TEXTS, SENTENCES = 6, 8, 16
"""At least so many layers, of which one triple can be special, and texts, since
resampling fewer gives intervals that are too narrow; at most so many sentences."""
STATE, UPDATE = range(2)
ALL = tracing.PARTS.index("all")
CORRECTION = 1
USUAL = 0.05
"""Where this share of all triples does as well, the triple is nothing special."""

GATEWAYS = Claim(
    id="causal-tracing",
    statement="Restoring what a gateway layer (first, three-quarter, last) adds to the "
    "residual stream recovers more of the damage than restoring another layer.",
    source="research notes, direction 'causal tracing'",
    unit="share of the damage",
    method="ratio of sums, BCa interval over texts, rank among all triples of layers",
    least=0.02,
)
"""Two hundredths of the damage: a quarter of what a layer of 12 has on average."""

UNEQUAL = Claim(
    id="causal-tracing-b",
    statement="Restoring the gateway layers recovers a larger share of the damage in "
    "low-resource than in high-resource languages.",
    source="research notes, direction 'causal tracing'",
    unit="difference of shares",
    method="three layers added up, ratio of sums on each side, BCa interval over texts",
    least=0.02,
)
"""The same size as above."""

DIRECTIONS = Claim(
    id="causal-tracing-c",
    statement="The layers that restore most when taken from full precision are those "
    "that damage most when taken from the quantized run.",
    source="our own check of direction 'causal tracing'",
    unit="rank correlation over layers",
    method="Spearman's correlation of updates' shares, interval of Bonett and Wright",
    least=0.5,
)
"""Half of a perfect agreement: with less, the two directions name other layers."""

SPECIFIC = Claim(
    id="causal-tracing-d",
    statement="Restoring the state after layer 0 recovers more of the damage than the "
    "correction of another sentence of the language does.",
    source="our own check of direction 'causal tracing'",
    unit="difference of shares",
    method="ratio of sums, BCa interval over texts",
    least=0.02,
)
"""The same size as above."""

CLAIMS = (GATEWAYS, UNEQUAL, DIRECTIONS, SPECIFIC)


def _run(subject: Subject) -> Outcome:
    few, problem = _text(subject)
    if few is None:
        n = len(set(subject.few.groups))
        return _nothing(n, problem)
    traces = tracing.trace(subject.model, few, losses.rounded(subject))
    return decide(
        traces,
        np.array(few.groups),
        few.languages,
        subject.model.training_bytes,
        key=subject.key,
    )


def _text(subject: Subject) -> tuple[corpora.Corpus | None, str]:
    """The sentences that are traced, or why there are too few."""
    fits = tracing.fitting(subject.model, subject.few)
    n_texts = len({subject.few.groups[place] for place in fits.tolist()})
    if n_texts < TEXTS:
        return None, (
            f"needs sentences of at least {TEXTS} texts that fit into the model's "
            f"context in every language, got {n_texts}"
        )
    kept = corpora.keep(subject.few, fits.tolist())
    return corpora.spread(kept, SENTENCES), ""


def _nothing(n: int, reason: str) -> Outcome:
    return Outcome(
        findings=tuple(not_applicable(claim, n, reason) for claim in CLAIMS), tables={}
    )


def decide(
    traces: tracing.Traces,
    groups: Int[np.ndarray, " sentence"],
    languages: Sequence[str],
    training_bytes: dict[str, int],
    *,
    key: PRNGKeyArray,
) -> Outcome:
    """Judges the claims by what patches have changed.

    Definition: shares of the damage of all languages together are ratios of sums
    (`tracing.shares`). For updates at all tokens: the mean over gateways minus that
    over the other layers, where the control is whether more than 5 % of all triples of
    layers have as much; their sum in the half of the languages with the least training
    text minus that in the other half, with the same control; the rank correlation over
    layers of shares restored and produced. For the state after layer 0: its share
    minus that of another sentence's correction.

    Args:
        traces: what patches change.
        groups: the text that each sentence belongs to.
        languages: their names.
        training_bytes: bytes of training text per language, where known.
        key: of resamples and permutations.

    Reference: our own definition.
    """
    n_texts = len(set(groups.tolist()))
    resampling, order = jax.random.split(key)
    whole = _shares(traces, groups, key=resampling)
    if not np.isfinite(float(whole["placebo"].together.low[0, 0])):
        lost = "needs a damage whose interval over texts lies above 0; here it does not"
        return _nothing(n_texts, lost)
    findings = (
        _gateways(traces, groups, key=resampling),
        _unequal(traces, groups, (languages, training_bytes), key=resampling),
        _directions(whole, key=order),
        _specific(traces, whole, groups, key=resampling),
    )
    return Outcome(
        findings=findings,
        tables=tracing_tables.tables(whole, traces.damage, languages, training_bytes),
    )


def _shares(
    traces: tracing.Traces, groups: np.ndarray, *, key: PRNGKeyArray
) -> dict[str, tracing.Shares]:
    """Of everything that was patched, in one resampling."""
    kinds = {
        "restored": traces.restored,
        "placebo": traces.placebo,
        "produced": traces.produced,
    }
    if (n_layers := traces.restored.shape[2]) >= LAYERS:
        chosen = np.array(lattice.gateways(n_layers))
        kinds["gateways"] = traces.restored[UPDATE, ALL, chosen].sum(axis=0)[None]
    size = traces.damage.shape
    flat = np.concatenate([nats.reshape(-1, *size) for nats in kinds.values()])
    whole = tracing.shares(flat, traces.damage, groups, key=key)
    found, first = {}, 0
    for name, nats in kinds.items():
        shape, start = nats.shape[:-2], first
        first += int(np.prod(shape))

        def part(x: Any, start: int = start, shape: Any = shape) -> Any:
            own = x[start : start + int(np.prod(shape))]
            return own.reshape(*shape, *own.shape[1:])

        found[name] = jax.tree.map(part, whole)
    return found


def _gateways(
    traces: tracing.Traces, groups: np.ndarray, *, key: PRNGKeyArray
) -> Finding:
    updates, n_layers = traces.restored[UPDATE, ALL], traces.restored.shape[2]
    n_texts = len(set(groups.tolist()))
    if n_layers < LAYERS:
        return not_applicable(GATEWAYS, n_texts, _too_shallow(n_layers))
    chosen = lattice.gateways(n_layers)
    added, lost = updates.sum(axis=1), traces.damage.sum(axis=0)
    found = tracing.share_difference(
        np.stack(
            [tracing.excess_weights(n_layers, chosen) @ added, np.zeros_like(lost)]
        ),
        np.stack([lost, lost]),
        groups,
        key=key,
    )
    layers = added.sum(axis=1) / lost.sum()
    rank, n_triples = tracing.rank_among_triples(layers, chosen)
    without = tracing.excess_weights(n_layers - 1, [n - 1 for n in chosen[1:]])
    mean = float(layers[np.array(chosen)].mean())
    return judge(
        GATEWAYS,
        float(found.estimate),
        (float(found.low), float(found.high)),
        n_texts,
        f"a gateway restores {_percent(mean)}, another layer "
        f"{_percent(mean - float(found.estimate))} of the damage; rank {rank} of "
        f"{n_triples} triples; without layer 0 the gap is "
        f"{_percent(float(without @ layers[1:]))}",
        control=_usual(rank, n_triples, "restore as much"),
    )


def _usual(rank: int, n_triples: int, what: str) -> str | None:
    """What the control shows where a triple is no better than many others."""
    if rank <= USUAL * n_triples:
        return None
    return f"{rank - 1} of the other {n_triples - 1} triples {what} or more"


def _unequal(
    traces: tracing.Traces,
    groups: np.ndarray,
    known: tuple[Sequence[str], dict[str, int]],
    *,
    key: PRNGKeyArray,
) -> Finding:
    updates, n_layers = traces.restored[UPDATE, ALL], traces.restored.shape[2]
    n_texts, (languages, training_bytes) = len(set(groups.tolist())), known
    chosen = disparity.contrast(languages, training_bytes)
    if chosen is None:
        unknown = (
            "needs at least 2 languages whose amount of training text is known, got "
            f"{len(codes.matched(training_bytes, languages))}"
        )
        return not_applicable(UNEQUAL, n_texts, unknown)
    if n_layers < LAYERS:
        return not_applicable(UNEQUAL, n_texts, _too_shallow(n_layers))
    weights = disparity.weights_of(chosen, languages)
    lost = weights @ traces.damage
    gateways = lattice.gateways(n_layers)
    added = weights @ updates[np.array(gateways)].sum(axis=0)
    sides = tracing.shares(added, lost, groups, key=key).of_language
    if not np.all(np.isfinite(np.asarray(sides.low))):
        unsure = (
            "needs a damage whose interval over texts lies above 0 in low-resource and "
            "in high-resource languages"
        )
        return not_applicable(UNEQUAL, n_texts, unsure)
    found = tracing.share_difference(added, lost, groups, key=key)
    by_layer = (weights @ updates).sum(axis=-1) / lost.sum(axis=-1)
    gaps = by_layer[:, 0] - by_layer[:, 1]
    rank, n_triples = tracing.rank_among_triples(gaps, gateways)
    low, high = np.asarray(sides.estimate, float)
    return judge(
        UNEQUAL,
        float(found.estimate),
        (float(found.low), float(found.high)),
        n_texts,
        f"{_percent(low)} in low-resource, {_percent(high)} in high-resource languages "
        f"(three layers added up); rank {rank} of {n_triples} triples",
        control=_usual(rank, n_triples, "differ as much"),
    )


def _directions(whole: dict[str, tracing.Shares], *, key: PRNGKeyArray) -> Finding:
    restored = np.asarray(whole["restored"].together.estimate)[UPDATE, ALL]
    produced = np.asarray(whole["produced"].together.estimate)[UPDATE]
    n_layers = len(restored)
    if n_layers < LAYERS or np.ptp(restored) == 0 or np.ptp(produced) == 0:
        few = f"needs at least {LAYERS} layers that differ, got {n_layers}"
        return not_applicable(DIRECTIONS, n_layers, few)
    found = correlation.rank_correlation(restored, produced, key=key)
    remark = f"r = {found.estimate:.2f} (p = {found.p_value:.2g} by permutation)"
    rest = restored[1:], produced[1:]
    if all(np.ptp(side) > 0 for side in rest):
        without = correlation.rank_correlation(*rest, key=key)
        remark += f", {without.estimate:.2f} without layer 0"
    return judge(DIRECTIONS, found.estimate, (found.low, found.high), n_layers, remark)


def _specific(
    traces: tracing.Traces,
    whole: dict[str, tracing.Shares],
    groups: np.ndarray,
    *,
    key: PRNGKeyArray,
) -> Finding:
    own, other = traces.restored[STATE, ALL, 0], traces.placebo[CORRECTION, 0]
    lost = traces.damage.sum(axis=0)
    found = tracing.share_difference(
        np.stack([own.sum(axis=0), other.sum(axis=0)]),
        np.stack([lost, lost]),
        groups,
        key=key,
    )
    placebo = np.asarray(whole["placebo"].together.estimate)[:, 0]
    restored = float(whole["restored"].together.estimate[STATE, ALL, 0])
    return judge(
        SPECIFIC,
        float(found.estimate),
        (float(found.low), float(found.high)),
        len(set(groups.tolist())),
        f"the own state recovers {_percent(restored)}, another sentence's correction "
        f"{_percent(float(placebo[CORRECTION]))} and its whole state "
        f"{_percent(float(placebo[0]))}",
    )


def _too_shallow(n_layers: int) -> str:
    return f"needs at least {LAYERS} layers, got {n_layers}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


EXPERIMENT = Experiment(
    id="causal-tracing",
    title="Causal tracing",
    question="In which layers, where in a sentence and for which languages does "
    "quantization do its damage, by exchanging activations between the two runs?",
    support="Restoring the update of a gateway layer recovers more of the damage than "
    "that of another layer does, the interval over texts lies above 0, and at most 5 % "
    "of all triples of layers recover as much.",
    refutation="The interval lies below 2 % of the damage.",
    control="Activations of another sentence of the language at the same tokens; all "
    "other triples of layers.",
    run=_run,
)

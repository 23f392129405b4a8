"""Measuring causes on a model, carrying out interventions, and setting them beside."""

import dataclasses
import functools as ft
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from jaxdisp.causal import confrontation, language_table, measured, variables
from jaxdisp.causal.estimates import COVARIATES
from jaxdisp.causal.interventions import carried_out, measured_effects
from jaxdisp.causal.interventions.carried_out import TARGETS, Ground
from jaxdisp.causal.interventions.intervention import Intervention
from jaxdisp.causal.interventions.mediation import PARTS, Mediation
from jaxdisp.causal.posterior import Posterior
from jaxdisp.causal.units import Units, make_units
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.readings import Readings
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer
from jaxdisp.report import heap, runs
from jaxdisp.report.causes import analysis
from jaxdisp.report.causes.analysis import Choices

Rows = list[dict[str, Any]]

PASSES = {"T": 14, "A": 8, "R": 16}
"""About how many times each target's interventions read the text, for progress."""

FEW = 16
"""Sentences per language that interventions are carried out on, by default."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for of causes: a fit, interventions on targets, or both.

    With `measures` every estimator of T, A and R is measured by language, too. What
    cannot be had is refused with its reason if it is `optional`, and an error else.
    """

    choices: Choices | None = None
    targets: tuple[str, ...] = TARGETS
    tap: int | None = None
    few: int = FEW
    measures: bool = False
    optional: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Inputs:
    """What is asked for, and what it is measured and carried out on."""

    wanted: Wanted
    model: Model
    corpus: Corpus
    few: Corpus
    quantizer: Quantizer
    reference: str
    tap: int
    key: PRNGKeyArray
    stride: int | None


def check(
    wanted: Wanted,
    model: Model,
    corpus: Corpus,
    quantizer: Quantizer,
    *,
    reference: str | None,
    seed: int,
    stride: int | None,
) -> Inputs:
    """Checks that causes can be measured on a model and a corpus.

    Args:
        wanted: what is asked for.
        model: an open model.
        corpus: parallel text.
        quantizer: how weights are rounded.
        reference: language that tokens are relative to and states are moved towards;
            None chooses.
        seed: of everything random.
        stride: of windows, in tokens; None is half of the context.

    Raises:
        ValueError: if a target, the tap or the reference does not exist, or there are
            too few languages, sentences or texts.

    Reference: our own definition.
    """
    unknown = [target for target in wanted.targets if target not in TARGETS]
    if unknown:
        raise ValueError(
            f"no intervention on {', '.join(unknown)}; allowed are {', '.join(TARGETS)}"
        )
    tap = variables.middle_tap(model) if wanted.tap is None else wanted.tap
    if not 0 <= tap <= model.config.n_layers:
        raise ValueError(
            f"--tap must be from 0, before the first layer, to {model.config.n_layers},"
            f" after the last, got {tap}"
        )
    least = 3 if wanted.choices is not None else 2
    if len(corpus.languages) < least and not wanted.optional:
        raise ValueError(
            f"{corpus.source}: causes need at least {least} languages, got "
            f"{len(corpus.languages)}"
        )
    few = corpora.spread(corpus, wanted.few)
    if wanted.targets and len(set(few.groups)) < 2 and not wanted.optional:
        raise ValueError(
            f"{corpus.source}: interventions need sentences of at least 2 texts, got "
            f"{few.n_sentences} of 1; raise --few-limit"
        )
    return Inputs(
        wanted=wanted,
        model=model,
        corpus=corpus,
        few=few,
        quantizer=quantizer,
        reference=variables.reference_language(corpus, model.training_bytes, reference),
        tap=tap,
        key=jax.random.key(seed),
        stride=stride,
    )


def work(inputs: Inputs) -> int:
    """Counts what is read, in sentences, for a progress bar.

    Args:
        inputs: checked.

    Reference: our own definition.
    """
    n_languages = len(inputs.corpus.languages)
    total = sum(_sentences(inputs, target) for target in inputs.wanted.targets)
    if inputs.wanted.choices is not None:
        total += 2 * n_languages * inputs.corpus.n_sentences
    return total


def results(
    inputs: Inputs, run: runs.Run | None, advance: Callable[[int], object]
) -> dict[str, Any]:
    """Measures, fits and intervenes, or takes from an unfinished run what it has.

    Args:
        inputs: checked.
        run: where each part is kept once it is done; None keeps nothing.
        advance: called with the sentences read since the last call.

    Returns:
        Tables by name: those of `analysis.analyse` where a fit was asked for, with
        `units` measured (and `by_language`, if that was) and the `confrontation`; and
        `interventions`, `interventions_by_language` and `mediations`.

    Reference: our own definition.
    """
    found: dict[str, Any] = {
        "reference": inputs.reference,
        "tap": inputs.tap,
        "intervention_sentences": inputs.few.n_sentences,
    }
    refused: Rows = []
    posterior = None
    try:
        analysed, posterior = _fitted(inputs, run, advance)
        found |= analysed
    except ValueError as error:
        _refuse(inputs, "the causal model", error, refused)
    interventions: list[Intervention] = []
    mediations: Rows = []
    for target in inputs.wanted.targets:
        carry_out = ft.partial(_carried_out, inputs, target)
        try:
            kept = runs.keep_object(run, f"causes-{target}", carry_out)
        except ValueError as error:
            _refuse(inputs, f"do({target})", error, refused)
        else:
            interventions += [_restored(each) for each in kept["interventions"]]
            mediations += kept["mediations"]
        heap.give_back()
        advance(_sentences(inputs, target))
    found["refused"] = found.get("refused", []) + refused
    found |= _effects(interventions, inputs.key) | {"mediations": mediations}
    if posterior is not None and interventions:
        beside = confrontation.confront(posterior, interventions, key=inputs.key)
        found["confrontation"] = dataclasses.asdict(beside)
        if problems := found["diagnostics"]["problems"]:
            _refuse_verdicts(found["confrontation"], problems[0])
    return found


def _fitted(
    inputs: Inputs, run: runs.Run | None, advance: Callable[[int], object]
) -> tuple[dict[str, Any], Posterior | None]:
    """What is measured, and the model fitted to it, if that was asked for."""
    choices = inputs.wanted.choices
    if choices is None:
        return {}, None
    tables = runs.keep_object(run, "causes-measured", lambda: _measured(inputs))
    advance(2 * len(inputs.corpus.languages) * inputs.corpus.n_sentences)
    units = units_of(tables["units"])
    analysed, posterior = analysis.analyse(units, choices, inputs.key)
    return analysed | tables, posterior


def _refuse_verdicts(confronted: dict[str, Any], problem: str) -> None:
    """Takes back what rests on draws that are not to be trusted."""
    for row in (*confronted["arrows"], *confronted["interventions"]):
        row |= {"verdict": "refused", "reason": problem}


def _refuse(inputs: Inputs, what: str, error: ValueError, refused: Rows) -> None:
    if not inputs.wanted.optional:
        raise ValueError(f"{what}: {error}") from error
    refused.append({"what": what, "reason": str(error)})


def units_of(rows: Rows) -> Units:
    """Takes from measured rows what the model is fitted to.

    Args:
        rows: as from `measured.units`.

    Raises:
        ValueError: as `make_units`.

    Reference: our own definition.
    """
    return make_units(measured.selected(rows), optional=COVARIATES)


def _sentences(inputs: Inputs, target: str) -> int:
    return PASSES[target] * len(inputs.few.languages) * inputs.few.n_sentences


def _measured(inputs: Inputs) -> dict[str, Any]:
    found = measured.measure(
        inputs.model,
        inputs.corpus,
        inputs.quantizer,
        reference=inputs.reference,
        tap=inputs.tap,
        stride=inputs.stride,
    )
    tables: dict[str, Any] = {"units": measured.units(found)}
    if inputs.wanted.measures:
        rows, missing = language_table.languages(found, key=inputs.key)
        why = [{"what": name, "reason": text} for name, text in missing.items()]
        tables |= {"by_language": rows, "missing": why}
    return tables


def _carried_out(inputs: Inputs, target: str) -> dict[str, Any]:
    """Interventions on one variable, in a form that can be kept."""
    ground = Ground(
        model=inputs.model,
        corpus=inputs.few,
        quantizer=inputs.quantizer,
        tap=inputs.tap,
        reference=inputs.few.languages.index(inputs.reference),
        key=inputs.key,
        before=_before(inputs),
    )
    found = carried_out.carry_out(target, ground)
    return {
        "interventions": [
            dataclasses.asdict(each)
            | {
                side: {name: x.tolist() for name, x in getattr(each, side).items()}
                for side in ("before", "after")
            }
            for each in found.interventions
        ],
        "mediations": [row for each in found.mediations for row in _parts(each)],
    }


@ft.lru_cache(maxsize=1)
def _before(inputs: Inputs) -> Readings:
    """Readings of the text undisturbed, once for all targets."""
    return carried_out.read_before(
        inputs.model, inputs.few, inputs.quantizer, inputs.tap
    )


def _restored(kept: dict[str, Any]) -> Intervention:
    sides = {
        side: {name: np.array(x, float) for name, x in kept[side].items()}
        for side in ("before", "after")
    }
    named = {"languages": tuple(kept["languages"]), "groups": tuple(kept["groups"])}
    everything: dict[str, Any] = kept | named | sides
    return Intervention(**everything)


def _parts(found: Mediation) -> Rows:
    """The parts of an effect on D, over languages."""
    rows = []
    for part in PARTS:
        interval = getattr(found, part)
        row = {"mediator": found.mediator, "part": part, "refused": found.refused}
        if interval is None:
            rows.append(row | {"estimate": None, "low": None, "high": None})
            continue
        rows.append(
            row
            | {
                name: float(getattr(interval, name))
                for name in ("estimate", "low", "high")
            }
        )
    return rows


def _effects(interventions: list[Intervention], key: PRNGKeyArray) -> dict[str, Rows]:
    """What each intervention changed, over languages and in each of them."""
    overall: Rows = []
    by_language: Rows = []
    for number, done in enumerate(interventions):
        own = jax.random.fold_in(key, number)
        found = measured_effects.measure_effects(done, key=own)
        about = {
            name: getattr(done, name)
            for name in ("target", "kind", "amount", "unit", "placebo")
        }
        for name, interval in found.overall.items():
            change = {
                "change": float(interval.estimate),
                "low": float(interval.low),
                "high": float(interval.high),
            }
            before = float(np.mean(done.before[name]))
            after = float(np.mean(done.after[name]))
            row = about | {"variable": name, "before": before, "after": after}
            overall.append(row | change)
            each = found.by_language[name]
            by_language += [
                about
                | {
                    "variable": name,
                    "language": language,
                    "before": float(done.before[name][place].mean()),
                    "after": float(done.after[name][place].mean()),
                    "change": float(each.estimate[place]),
                    "low": float(each.low[place]),
                    "high": float(each.high[place]),
                }
                for place, language in enumerate(done.languages)
            ]
    return {"interventions": overall, "interventions_by_language": by_language}

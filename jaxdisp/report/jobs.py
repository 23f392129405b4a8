"""What commands that measure a model do with opened inputs."""

import dataclasses
import functools as ft
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure.cube import Evaluation
from jaxdisp.measure.survey import Survey, survey
from jaxdisp.models.model import count_parameters
from jaxdisp.report import (
    clip_matrices,
    clipping,
    files,
    heap,
    results,
    runs,
    searching,
    weight_rows,
)
from jaxdisp.report.causes import job as causes_job
from jaxdisp.report.claims import job as claims_job
from jaxdisp.report.hypotheses import job
from jaxdisp.report.plans import job as plan_job
from jaxdisp.report.registration import deviations, record
from jaxdisp.report.settings import Inputs, Settings, describe, hashes
from jaxdisp.search import lattice, plan, sweep

Advance = Callable[[int], object]

IN_PARTS = ("run", "claims")
"""Commands of several parts, each under its own name in `results.json`."""


def work(settings: Settings, inputs: Inputs) -> int:
    """Counts the sentences that a run evaluates, for its progress bar.

    Args:
        settings: of the run.
        inputs: opened.

    Reference: our own definition.
    """
    total = sum(searching.work(made) for made in _plans(settings, inputs).values())
    if inputs.searched is not None:
        searched = inputs.searched
        total += searching.work(searching.planned(searched), searched.search.guided)
        if settings.command == "run":
            total += plan_job.work(_to_plan(settings, inputs, searched))
    if inputs.compared is not None:
        passes = 2 if settings.command == "clip" else 1
        read = passes * inputs.compared.calibration.n_sentences
        total += read * len(inputs.corpus.languages)
        if settings.command == "run" or settings.deploy:
            total += clipping.work(inputs.compared.corpus, inputs.compared.deploy)
    if inputs.examined is not None:
        total += job.work(inputs.examined)
    if inputs.caused is not None:
        total += causes_job.work(inputs.caused)
    if inputs.claimed is not None:
        total += claims_job.work(inputs.claimed)
    return total


def execute(
    settings: Settings,
    inputs: Inputs,
    run: runs.Run | None = None,
    advance: Advance = int,
    *,
    evaluate: bool = True,
) -> dict[str, Any]:
    """Does what the settings ask for, and writes the run if there is one.

    Args:
        settings: of the run.
        inputs: opened.
        run: where results are kept; None writes nothing.
        advance: called with the number of sentences done since the last call; the
            default only takes note.
        evaluate: whether a search may evaluate what its store lacks.

    Raises:
        ValueError: if a store is damaged or lacks what may not be evaluated.
        FloatingPointError: if a loss is not finite.
        OSError: if something cannot be written, as when the disk is full.

    Returns:
        The content of `results.json`.

    Reference: our own definition.
    """
    in_parts = settings.command in IN_PARTS
    found = _described(settings, inputs)
    found |= _measured(settings, inputs, run, advance)
    if inputs.searched is not None:
        wanted = _to_plan(settings, inputs, inputs.searched)
        found |= _searched(settings, wanted, run, advance, evaluate=evaluate)
    if inputs.compared is not None:
        found |= _clipped(settings, inputs.compared, run, advance)
    if inputs.examined is not None:
        examined = job.results(inputs.examined, run, advance)
        found |= {"hypotheses": examined} if in_parts else examined
    if inputs.caused is not None:
        caused = causes_job.results(inputs.caused, run, advance)
        found |= {"causes": caused} if in_parts else caused
    if inputs.claimed is not None:
        found["claims"] = claims_job.results(inputs.claimed, found, run, advance)
    if settings.registered is not None and run is not None:
        found["registration"] = _registered(settings, inputs, run, found)
    found = runs.rounded(found)
    if run is not None and searching.first() and "shard" not in found:
        about = runs.environment(run, hashes(inputs))
        runs.finish(run, found, files.written(found, about), about)
    return found


def _registered(
    settings: Settings, inputs: Inputs, run: runs.Run, found: dict[str, Any]
) -> dict[str, Any]:
    frozen = record.read(run.directory)
    options = dict(settings.registered.options) if settings.registered else {}
    differing = deviations.deviations(frozen, options, hashes(inputs))
    return deviations.report(frozen, differing, found)


def _plans(settings: Settings, inputs: Inputs) -> dict[str, plan.Plan]:
    """What is evaluated besides a search: everything quantized, and single layers."""
    if settings.command not in ("measure", "run"):
        return {}
    n_layers = inputs.model.config.n_layers
    uniform = lattice.uniform(n_layers)
    wanted = {
        "base": (inputs.corpus, lattice.with_outside(uniform, uniform[:, 0])),
    }
    if settings.layer_limit:
        single = np.arange(n_layers)[:, None]
        parts = [
            (uniform[:1], 0),
            (lattice.one_quantized(n_layers), 0),
            (uniform[1:], 1),
            (lattice.protecting(single, n_layers), 1),
        ]
        sites = [lattice.with_outside(rows, outside) for rows, outside in parts]
        text = corpora.spread(inputs.corpus, settings.layer_limit)
        wanted["layers"] = (text, np.concatenate(sites))
    return {
        name: plan.make(
            inputs.model, text, sites, [settings.quantizer], stride=settings.stride
        )
        for name, (text, sites) in wanted.items()
    }


def _survey(
    settings: Settings,
    inputs: Inputs,
    made: plan.Plan,
    places: slice,
    found: Evaluation,
) -> Survey:
    """Everything said about some configurations, counted from the first of them."""
    part = dataclasses.replace(found, nll=found.nll[places])
    return survey(
        inputs.model,
        made.corpus,
        part,
        part.nll[0],
        chosen=inputs.chosen,
        seed=settings.seed,
    )


def _described(settings: Settings, inputs: Inputs) -> dict[str, Any]:
    model, corpus = inputs.model, inputs.corpus
    return {
        "schema_version": runs.SCHEMA_VERSION,
        "command": settings.command,
        "model": model.source,
        "architecture": model.architecture.name,
        "n_layers": model.config.n_layers,
        "parameters": count_parameters(model),
        "vocabulary": model.config.vocabulary,
        "dtype": model.dtype,
        "quantizer": dataclasses.asdict(settings.quantizer),
        "quantizer_in_words": describe(settings.quantizer),
        "seed": settings.seed,
        "corpus": corpus.source,
        "corpus_facts": corpora.described(corpus),
        "measured_languages": list(corpus.languages),
        "hashes": hashes(inputs),
        "n_sentences": corpus.n_sentences,
        "n_groups": len(set(corpus.groups)),
        "windows": dataclasses.asdict(inputs.longer),
    }


def _measured(
    settings: Settings, inputs: Inputs, run: runs.Run | None, advance: Advance
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, made in _plans(settings, inputs).items():
        with searching.opened(_directory(run)) as kept:
            losses = searching.evaluate(made, kept, advance)
        everything = sweep.evaluation(made, losses)
        about = ft.partial(_survey, settings, inputs, made, found=everything)
        if name == "base":
            base = about(slice(None))
            corpus = made.corpus
            found |= {
                "degradation": results.degradation_rows(inputs.model, corpus, base, 1),
                "disparity": results.disparity_entries(corpus, base, 1, inputs.chosen),
                "sentence_losses": results.sentence_losses(corpus, base.evaluation),
            }
            continue
        half = 1 + inputs.model.config.n_layers
        rows = results.layer_rows(
            made.corpus, about(slice(half)), treatment="quantized"
        )
        rows += results.layer_rows(
            made.corpus, about(slice(half, None)), treatment="protected"
        )
        found |= {"layer_sentences": made.corpus.n_sentences, "layers": rows}
    return found


def _searched(
    settings: Settings,
    wanted: plan_job.Inputs,
    run: runs.Run | None,
    advance: Advance,
    *,
    evaluate: bool,
) -> dict[str, Any]:
    """Results of a search, and the plan that it leads to, if it does."""
    heap.give_back()
    with searching.opened(_directory(run)) as kept:
        asked, known = searching.explore(wanted.searched, kept, advance)
        made = searching.planned(asked)
        shard = asked.shard if evaluate else None
        losses = searching.evaluate(made, kept, advance, shard)
        if asked.shard[1] > 1:
            cells = searching.count_cells(made, losses)
            return {"shard": list(asked.shard), "cells": cells}
        found = searching.results(asked, made, losses) | known
        # a search by itself has measured every set on all of its text
        told = advance if settings.command == "run" else int
        planned = plan_job.results(wanted, found, kept, told, evaluate=evaluate)
    return ({"search": found} if settings.command in IN_PARTS else found) | planned


def _to_plan(
    settings: Settings, inputs: Inputs, searched: searching.Inputs
) -> plan_job.Inputs:
    return plan_job.Inputs(
        searched=searched, corpus=inputs.corpus, revision=settings.revision
    )


def _directory(run: runs.Run | None) -> pathlib.Path | None:
    return None if run is None else run.directory


def _clipped(
    settings: Settings,
    inputs: clipping.Inputs,
    run: runs.Run | None,
    advance: Advance,
) -> dict[str, Any]:
    heap.give_back()
    solved = clipping.solve(inputs, advance)
    heap.give_back()
    rounded = weight_rows.weight_rows(inputs.model, inputs.quantizer)
    found: dict[str, Any] = {"weights": rounded}
    if settings.command == "clip":
        found["matrices"] = clip_matrices.matrix_rows(inputs, solved, advance)
        found["effective_kurtosis"] = clip_matrices.kurtosis_rows(inputs, solved)
    if settings.command == "run" or settings.deploy:
        found["clipping"] = clipping.compare(inputs, solved, run, advance)
    return found

"""What `measure`, `run` and `clip` do with opened inputs."""

import dataclasses
import functools as ft
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxdisp.measure import assignments, cube
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.cube import Evaluation
from jaxdisp.measure.survey import Survey, survey
from jaxdisp.report import clip_matrices, clipping, files, results, runs
from jaxdisp.report.settings import Inputs, Settings, hashes

PIECE = 20


Advance = Callable[[int], object]


def work(settings: Settings, inputs: Inputs) -> int:
    """Counts the sentences that a run evaluates, for its progress bar.

    Args:
        settings: of the run.
        inputs: opened.

    Reference: our own definition.
    """
    n_layers, available = inputs.model.config.n_layers, inputs.corpus.n_sentences
    total = 0 if settings.command == "clip" else 2 * available
    if settings.layer_limit:
        total += (2 * n_layers + 2) * min(settings.layer_limit, available)
    if settings.set_limit:
        sets = len(assignments.subsets(n_layers, settings.protect))
        total += (sets + 2) * min(settings.set_limit, available)
    total *= len(inputs.corpus.languages)
    if inputs.compared is not None:
        passes = 2 if settings.command == "clip" else 1
        read = passes * inputs.compared.calibration.n_sentences
        total += read * len(inputs.corpus.languages)
        if settings.command == "run" or settings.deploy:
            total += clipping.work(inputs.compared.corpus, inputs.compared.deploy)
    return total


def execute(
    settings: Settings,
    inputs: Inputs,
    run: runs.Run | None = None,
    advance: Advance = int,
) -> dict[str, Any]:
    """Does what the settings ask for, and writes the run if there is one.

    Args:
        settings: of the run.
        inputs: opened.
        run: where results are kept; None writes nothing.
        advance: called with the number of sentences done since the last call; the
            default only takes note.

    Returns:
        The content of `results.json`.

    Reference: our own definition.
    """
    found = _described(settings, inputs)
    if settings.command != "clip":
        found |= _measured(
            settings, inputs, ft.partial(_sweep, settings, inputs, run, advance)
        )
    if inputs.compared is not None:
        found |= _clipped(settings, inputs.compared, run, advance)
    found = runs.rounded(found)
    if run is not None:
        runs.finish(run, found, files.written(settings, inputs, found), hashes(inputs))
    return found


def _sweep(
    settings: Settings,
    inputs: Inputs,
    run: runs.Run | None,
    advance: Advance,
    name: str,
    corpus: Corpus,
    sites: np.ndarray,
    *,
    against: int = 0,
) -> Survey:
    """Evaluates configurations in pieces that survive a kill.

    `against` is the configuration that degradation is counted from.
    """
    per_config = corpus.n_sentences * len(corpus.languages)
    parts = []
    for number in range(0, len(sites), PIECE):
        piece = sites[number : number + PIECE]

        def losses(piece: np.ndarray = piece) -> np.ndarray:
            return np.asarray(
                cube.evaluate(
                    inputs.model,
                    corpus,
                    piece,
                    [settings.quantizer],
                    progress=lambda done: advance(done * per_config),
                ).nll
            )

        label = f"{name}-{number // PIECE}"
        kept = run is not None and runs.has(run, label)
        parts.append(runs.keep(run, label, losses))
        if kept:
            advance(len(piece) * per_config)
    n_tokens, n_bytes = cube.sizes(inputs.model, corpus)
    evaluation = Evaluation(
        nll=jnp.asarray(np.concatenate(parts)), n_tokens=n_tokens, n_bytes=n_bytes
    )
    return survey(
        inputs.model,
        corpus,
        evaluation,
        evaluation.nll[against],
        chosen=inputs.chosen,
        seed=settings.seed,
    )


def _described(settings: Settings, inputs: Inputs) -> dict[str, Any]:
    model, corpus = inputs.model, inputs.corpus
    return {
        "schema_version": runs.SCHEMA_VERSION,
        "model": model.source,
        "quantizer": dataclasses.asdict(settings.quantizer),
        "seed": settings.seed,
        "n_sentences": corpus.n_sentences,
        "n_groups": len(set(corpus.groups)),
        "left_out_lines": list(inputs.left_out),
    }


def _measured(
    settings: Settings, inputs: Inputs, sweep: Callable[..., Survey]
) -> dict[str, Any]:
    model, corpus = inputs.model, inputs.corpus
    base = sweep("base", corpus, assignments.uniform(model.config.n_layers))
    found = {
        "degradation": results.degradation_rows(model, corpus, base, 1),
        "disparity": results.disparity_entries(corpus, base, 1, inputs.chosen),
    }
    if settings.layer_limit:
        found |= _layers(settings, inputs, sweep)
    if settings.set_limit:
        found |= _sets(settings, inputs, sweep)
    return found


def _clipped(
    settings: Settings,
    inputs: clipping.Inputs,
    run: runs.Run | None,
    advance: Advance,
) -> dict[str, Any]:
    solved = clipping.solve(inputs, advance)
    found: dict[str, Any] = {}
    if settings.command == "clip":
        found["matrices"] = clip_matrices.matrix_rows(inputs, solved, advance)
        found["effective_kurtosis"] = clip_matrices.kurtosis_rows(inputs, solved)
    if settings.command == "run" or settings.deploy:
        found["clipping"] = clipping.compare(inputs, solved, run, advance)
    return found


def _layers(
    settings: Settings, inputs: Inputs, sweep: Callable[..., Survey]
) -> dict[str, Any]:
    n_layers = inputs.model.config.n_layers
    corpus = corpora.spread(inputs.corpus, settings.layer_limit)
    single = np.arange(n_layers)[:, None]
    uniform = assignments.uniform(n_layers)
    alone = np.concatenate([uniform[:1], assignments.one_quantized(n_layers)])
    without = np.concatenate([uniform[1:], assignments.protecting(single, n_layers)])
    quantized = sweep("quantized", corpus, alone)
    protected = sweep("protected", corpus, without)
    rows = results.layer_rows(corpus, quantized, treatment="quantized")
    rows += results.layer_rows(corpus, protected, treatment="protected")
    return {"layer_sentences": corpus.n_sentences, "layers": rows}


def _sets(
    settings: Settings, inputs: Inputs, sweep: Callable[..., Survey]
) -> dict[str, Any]:
    n_layers = inputs.model.config.n_layers
    corpus = corpora.spread(inputs.corpus, settings.set_limit)
    sets = assignments.subsets(n_layers, settings.protect)
    sites = np.concatenate(
        [assignments.uniform(n_layers), assignments.protecting(sets, n_layers)]
    )
    found = sweep("sets", corpus, sites)
    rows = results.set_rows(corpus, found, sets)
    return {
        "set_sentences": corpus.n_sentences,
        "gateway": results.gateway_sentence(rows, n_layers),
        "unprotected": results.disparity_entries(corpus, found, 1, inputs.chosen),
        "protection_sets": rows,
    }

"""What the commands `measure` and `run` do, from settings to the files of a run."""

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
from jaxdisp.measure.disparity import Contrast, contrast
from jaxdisp.measure.survey import Survey, survey
from jaxdisp.models.model import Model, load
from jaxdisp.models.quantized import Quantizer, check_quantizer
from jaxdisp.report import page, plots, results, runs, tables

PIECE = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that determines a run.

    `limit` is how many sentences per language are measured (None is all);
    `layer_limit` and `set_limit` how many of them the sweeps over single layers and
    over protection sets of `protect` layers use; 0 leaves that sweep out.
    """

    command: str
    model: str | None
    revision: str | None
    corpus: str | None
    languages: tuple[str, ...] | None
    quantizer: Quantizer
    limit: int | None
    reference: str | None
    seed: int
    layer_limit: int = 0
    set_limit: int = 0
    protect: int = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """The opened model and corpus, and the lines that had to be left out."""

    model: Model
    corpus: Corpus
    left_out: tuple[int, ...]
    chosen: Contrast | None


Advance = Callable[[int], object]


def open_inputs(settings: Settings) -> Inputs:
    """Opens model and corpus and checks that the settings fit them.

    Args:
        settings: of the run.

    Raises:
        ValueError: if anything a user gave is wrong; nothing has been written then.

    Reference: our own definition.
    """
    if not 0 <= settings.seed < 2**32:
        raise ValueError(f"seed must be between 0 and 2^32 - 1, got {settings.seed}")
    model = load(settings.model, settings.revision)
    text = corpora.load_corpus(settings.corpus, settings.languages)
    check_quantizer(model, settings.quantizer)
    if settings.limit is not None:
        text = corpora.spread(text, settings.limit)
    fitting = cube.fitting(model, text)
    _check_texts(fitting, "--limit")
    for option, limit in (
        ("--layer-limit", settings.layer_limit),
        ("--set-limit", settings.set_limit),
    ):
        if limit < 0:
            raise ValueError(f"{option} must be 0 (no such sweep) or more, got {limit}")
        if limit:
            _check_texts(corpora.spread(fitting, limit), option)
    if settings.set_limit:
        assignments.subsets(model.config.n_layers, settings.protect)
    return Inputs(
        model=model,
        corpus=fitting,
        left_out=tuple(sorted(set(text.lines) - set(fitting.lines))),
        chosen=contrast(fitting.languages, model.training_bytes, settings.reference),
    )


def _check_texts(text: Corpus, option: str) -> None:
    n_groups = len(set(text.groups))
    if n_groups < 2:
        raise ValueError(
            f"{text.source}: {n_groups} independent text would be measured, but "
            f"intervals need at least 2; raise {option}, or split groups.tsv"
        )


def work(settings: Settings, inputs: Inputs) -> int:
    """Counts the sentences that a run evaluates, for its progress bar.

    Args:
        settings: of the run.
        inputs: opened.

    Reference: our own definition.
    """
    n_layers, available = inputs.model.config.n_layers, inputs.corpus.n_sentences
    total = 2 * available
    if settings.layer_limit:
        total += (2 * n_layers + 2) * min(settings.layer_limit, available)
    if settings.set_limit:
        sets = len(assignments.subsets(n_layers, settings.protect))
        total += (sets + 2) * min(settings.set_limit, available)
    return total * len(inputs.corpus.languages)


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
    sweep = ft.partial(_sweep, settings, inputs, run, advance)
    n_layers = inputs.model.config.n_layers
    base = sweep("base", inputs.corpus, assignments.uniform(n_layers))
    found = _results(settings, inputs, base)
    if settings.layer_limit:
        found |= _layers(settings, inputs, sweep)
    if settings.set_limit:
        found |= _sets(settings, inputs, sweep)
    found = runs.rounded(found)
    if run is not None:
        runs.finish(run, found, _files(settings, inputs, found), _hashes(inputs))
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


def _results(settings: Settings, inputs: Inputs, base: Survey) -> dict[str, Any]:
    model, corpus = inputs.model, inputs.corpus
    return {
        "schema_version": runs.SCHEMA_VERSION,
        "model": model.source,
        "quantizer": dataclasses.asdict(settings.quantizer),
        "seed": settings.seed,
        "n_sentences": corpus.n_sentences,
        "n_groups": len(set(corpus.groups)),
        "left_out_lines": list(inputs.left_out),
        "degradation": results.degradation_rows(model, corpus, base, 1),
        "disparity": results.disparity_entries(corpus, base, 1, inputs.chosen),
    }


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


def _hashes(inputs: Inputs) -> dict[str, str]:
    return inputs.model.hashes | {"corpus": inputs.corpus.digest}


def _files(
    settings: Settings, inputs: Inputs, found: dict[str, Any]
) -> dict[str, bytes]:
    what = describe(settings.quantizer)
    title = f"{inputs.model.source}: {what}"
    rows = found["degradation"]
    files = {"tables/degradation.csv": tables.csv(rows)}
    files |= plots.drawn("degradation", plots.degradation_figure(rows, title=title))
    if "layers" in found:
        files["tables/layers.csv"] = tables.csv(found["layers"])
        figure = plots.layer_figure(found["layers"], title=title)
        files |= plots.drawn("layers", figure)
    if "protection_sets" in found:
        files["tables/protection_sets.csv"] = tables.csv(found["protection_sets"])
    if settings.command == "run":
        summary = {
            "title": "What quantization costs each language",
            "summary": f"{title}, measured on {found['n_sentences']} parallel "
            f"sentences in {len(rows)} languages ({inputs.corpus.source} corpus).",
            "command": settings.command,
            "provenance": "; ".join(
                f"{name} {digest[:12]}" for name, digest in _hashes(inputs).items()
            ),
        }
        chosen = found["disparity"]["contrast"]
        content = page.content(summary, found, chosen)
        files["report.html"] = page.render(content, files)
    return files


def describe(quantizer: Quantizer) -> str:
    """Names a quantizer in words.

    Args:
        quantizer: how weights are rounded.

    Reference: our own definition.
    """
    whose = {
        "tensor": "per tensor",
        "channel": "per output channel",
        "group": f"per {quantizer.group_size} input channels",
    }
    return (
        f"{quantizer.bits} bits, {quantizer.grid} grid, "
        f"{whose[quantizer.granularity]}, {' and '.join(quantizer.include)}"
    )


def configuration(settings: Settings, inputs: Inputs) -> dict[str, Any]:
    """Returns the content of `config.json`: settings and what they were applied to.

    Args:
        settings: of the run.
        inputs: opened.

    Reference: our own definition.
    """
    return dataclasses.asdict(settings) | {"hashes": _hashes(inputs)}

"""Losses of a run evaluated anew, by plain passes, and what follows from them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import cube
from jaxdisp.measure.cube import Evaluation
from jaxdisp.measure.degradation import degradation
from jaxdisp.measure.disparity import disparity, weights_of
from jaxdisp.measure.survey import survey
from jaxdisp.report import results
from jaxdisp.report.settings import Inputs, Settings
from jaxdisp.report.verified_checks import (
    ROUNDING,
    Check,
    check,
    chosen,
    stored,
    with_bounds,
)
from jaxdisp.search import lattice

VERSIONS = ("full", "quantized")
WORDS = {"full": "in full precision", "quantized": "quantized"}
BOUNDS = ("", "_low", "_high")


def sampled(
    inputs: Inputs,
    wanted: Settings,
    losses: dict[str, Any],
    *,
    count: int | None,
    seed: int,
) -> list[Check]:
    """Evaluates a random sample of losses anew, each by a plain pass of the model.

    Args:
        inputs: opened.
        wanted: settings of the run.
        losses: as from `results.sentence_losses`.
        count: how many; None is all.
        seed: of the sample.

    Reference: `cube.evaluate`, the oracle of what measured the run.
    """
    n_lines = len(losses["lines"])
    total = 2 * len(losses["languages"]) * n_lines
    cells = [
        (place // n_lines // 2, place // n_lines % 2, place % n_lines)
        for place in chosen(total, count, seed)
    ]
    found = []
    for language, name in enumerate(losses["languages"]):
        here = [cell for cell in cells if cell[0] == language]
        if not here:
            continue
        text = part_of(inputs.corpus, [language], sorted({line for *_, line in here}))
        fresh = plain_losses(inputs, wanted, text)
        lines = {line: place for place, line in enumerate(text.lines)}
        for _, version, line in here:
            number = losses["lines"][line]
            value = fresh.nll[version, 0, lines[number]]
            found.append(
                check(
                    "losses",
                    f"{name}, line {number}, {WORDS[VERSIONS[version]]}",
                    losses[VERSIONS[version]][language][line],
                    value,
                    ROUNDING[wanted.dtype] * float(value),
                )
            )
    return found


def part_of(
    corpus: corpora.Corpus, languages: Sequence[int], lines: Sequence[int] | None = None
) -> corpora.Corpus:
    """Keeps some languages, and some sentences.

    Args:
        corpus: parallel text.
        languages: by place.
        lines: by place; None keeps all.

    Reference: our own definition.
    """
    kept = dataclasses.replace(
        corpus,
        languages=tuple(corpus.languages[place] for place in languages),
        sentences=tuple(corpus.sentences[place] for place in languages),
    )
    return kept if lines is None else corpora.keep(kept, lines)


def plain_losses(inputs: Inputs, wanted: Settings, text: corpora.Corpus) -> Evaluation:
    """Evaluates full precision and everything quantized, by plain passes.

    Args:
        inputs: opened.
        wanted: settings of the run.
        text: what is evaluated.

    Reference: `cube.evaluate`.
    """
    uniform = lattice.uniform(inputs.model.config.n_layers)
    sites = lattice.with_outside(uniform, uniform[:, 0])
    return cube.evaluate(
        inputs.model, text, sites, [wanted.quantizer], stride=wanted.stride
    )


def from_stored(inputs: Inputs, wanted: Settings, found: dict[str, Any]) -> list[Check]:
    """Computes degradation and disparity anew from the losses that are stored.

    Args:
        inputs: opened.
        wanted: settings of the run.
        found: the content of `results.json`.

    Reference: `survey.survey`.
    """
    losses = found["sentence_losses"]
    cells = jnp.asarray([losses[name] for name in VERSIONS], jnp.float32)
    evaluation = Evaluation(
        nll=cells,
        n_tokens=jnp.asarray(losses["n_tokens"]),
        n_bytes=jnp.asarray(losses["n_bytes"]),
    )
    about = survey(
        inputs.model,
        inputs.corpus,
        evaluation,
        cells[0],
        chosen=inputs.chosen,
        seed=wanted.seed,
    )
    # what is stored is rounded, of each loss by this at most
    slack = float(sum(_last_digit(np.asarray(cells[n])).max() for n in (0, 1)))
    rows = results.degradation_rows(inputs.model, inputs.corpus, about, 1)
    made = _rows_checked("degradation", found["degradation"], rows, slack)
    entries = results.disparity_entries(inputs.corpus, about, 1, inputs.chosen)
    return made + _disparity_checked(found["disparity"], entries, rows, slack)


def fresh_degradation(
    inputs: Inputs,
    wanted: Settings,
    found: dict[str, Any],
    *,
    count: int | None,
    seed: int,
) -> list[Check]:
    """Measures what some languages lose anew, on all sentences.

    Args:
        inputs: opened.
        wanted: settings of the run.
        found: the content of `results.json`.
        count: how many languages; None is all.
        seed: of the choice.

    Reference: `degradation.degradation`.
    """
    made = []
    rows = {row["language"]: row for row in found["degradation"]}
    for place in chosen(len(inputs.corpus.languages), count, seed):
        text = part_of(inputs.corpus, [place])
        fresh = plain_losses(inputs, wanted, text)
        about = survey(
            inputs.model, text, fresh, fresh.nll[0], chosen=None, seed=wanted.seed
        )
        slack = ROUNDING[wanted.dtype] * float(jnp.sum(jnp.max(fresh.nll[:, 0], 1)))
        anew = results.degradation_rows(inputs.model, text, about, 1)
        recorded = [rows[text.languages[0]]]
        made += _rows_checked("degradation, evaluated anew", recorded, anew, slack)
    return made


def layers(
    inputs: Inputs,
    wanted: Settings,
    found: dict[str, Any],
    *,
    count: int | None,
    seed: int,
) -> list[Check]:
    """Measures some effects of single layers anew.

    Args:
        inputs: opened.
        wanted: settings of the run.
        found: the content of `results.json`.
        count: how many; None is all.
        seed: of the choice.

    Reference: `degradation.degradation`.
    """
    n_layers, rows = inputs.model.config.n_layers, found["layers"]
    sentences = corpora.spread(inputs.corpus, wanted.layer_limit)
    made = []
    for place in chosen(len(rows), count, seed):
        row = rows[place]
        alone = row["treatment"] == "quantized"
        outside = lattice.FULL if alone else lattice.QUANTIZED
        reference = lattice.uniform(n_layers)[[outside]]
        treated = reference.copy()
        treated[0, row["layer"]] = 1 - outside
        sites = lattice.with_outside(np.concatenate([reference, treated]), outside)
        text = part_of(sentences, [inputs.corpus.languages.index(row["language"])])
        fresh = cube.evaluate(
            inputs.model, text, sites, [wanted.quantizer], stride=wanted.stride
        )
        name = f"layer {row['layer']} {row['treatment']} alone, {row['language']}"
        made += lost("layers", name, row, "effect", text, fresh, wanted)
    return made


def lost(
    part: str,
    name: str,
    row: dict[str, Any],
    field: str,
    text: corpora.Corpus,
    fresh: Evaluation,
    wanted: Settings,
) -> list[Check]:
    """Compares what the second of two configurations adds with what is recorded.

    Args:
        part: what kind of number it is.
        name: which.
        row: holds `field`, `field_low` and `field_high`.
        field: name of the number.
        text: one language's sentences.
        fresh: losses of the two configurations.
        wanted: settings of the run.

    Reference: `degradation.degradation`.
    """
    added = degradation(
        fresh,
        fresh.nll[0],
        np.asarray(text.groups),
        key=jax.random.key(wanted.seed),
        vocabulary=2,
    ).per_sentence
    slack = ROUNDING[wanted.dtype] * float(jnp.sum(jnp.max(fresh.nll[:, 0], 1)))
    recorded = [row[field + end] for end in ("", "_low", "_high")]
    anew = [bound[1, 0] for bound in (added.estimate, added.low, added.high)]
    return with_bounds(part, name, recorded, anew, slack)


def unequal(
    text: corpora.Corpus,
    fresh: Evaluation,
    inputs: Inputs,
    wanted: Settings,
) -> Any:
    """Measures disparity of configurations against the first.

    Args:
        text: what was evaluated.
        fresh: its losses.
        inputs: opened.
        wanted: settings of the run.

    Reference: `disparity.disparity`.
    """
    return disparity(
        fresh,
        fresh.nll[0],
        np.asarray(text.groups),
        weights=weights_of(inputs.chosen, text.languages),
        key=jax.random.key(wanted.seed),
    )


def _last_digit(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    return np.vectorize(stored, otypes=[float])(values)


def _rows_checked(
    part: str,
    recorded: Sequence[dict[str, Any]],
    anew: Sequence[dict[str, Any]],
    slack: float,
) -> list[Check]:
    """Compares rows of degradation; losses may differ by `slack` nats per sentence."""
    by_language = {row["language"]: row for row in anew}
    made = []
    for row in recorded:
        name = row["language"]
        if name not in by_language:
            made.append(check(part, f"{name}, measured", "yes", "no"))
            continue
        other = by_language[name]
        per_byte = other["d_byte"] / other["d_sent"] if other["d_sent"] else 1.0
        per_token = other["d_tok"] / other["d_sent"] if other["d_sent"] else 1.0
        scales = {"d_sent": 1.0, "d_byte": abs(per_byte), "d_tok": abs(per_token)}
        for field, scale in scales.items():
            had, now = ([one[field + end] for end in BOUNDS] for one in (row, other))
            made += with_bounds(part, f"{name}, {field}", had, now, slack * scale)
        made.append(
            check(part, f"{name}, loss", row["loss"], other["loss"], slack * per_byte)
        )
        made += [
            check(part, f"{name}, {field}", row[field], other[field], 1e-6)
            for field in ("tokens_per_byte", "n_tokens", "n_bytes", "training_bytes")
        ]
        if min(abs(other["d_sent_low"]), abs(other["d_sent_high"])) > slack:
            made.append(check(part, f"{name}, flag", row["flag"], other["flag"]))
    return made


def _disparity_checked(
    recorded: dict[str, Any],
    anew: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    slack: float,
) -> list[Check]:
    level = abs(anew["mean"]["estimate"]) or 1.0
    least = min(abs(row["d_sent"]) for row in rows) or level
    relative = {"gini": 4 * slack / level, "log_ratio": 4 * slack / least}
    made = []
    for name in results.UNITS:
        had, made_anew = (
            [entry[name][end] for end in ("estimate", "low", "high")]
            for entry in (recorded, anew)
        )
        allowed = relative.get(name, 2 * slack)
        made += with_bounds("disparity", name, had, made_anew, allowed)
    one, other = (entry["worst"]["language"] for entry in (recorded, anew))
    made.append(check("disparity", "worst language", one, other))
    return made

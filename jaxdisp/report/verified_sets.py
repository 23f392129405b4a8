"""Sets of layers and clipping rules of a run, evaluated anew by plain passes."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxdisp.measure import cube
from jaxdisp.report import clipping, search_lattice
from jaxdisp.report.settings import Inputs, Settings
from jaxdisp.report.verified_checks import ROUNDING, Check, check, chosen, with_bounds
from jaxdisp.report.verified_losses import lost, part_of, unequal
from jaxdisp.search import lattice

PER_LANGUAGE = "per-language"
"""The rule whose ranges differ between languages, which is left out."""


def sets(
    inputs: Inputs,
    wanted: Settings,
    searched: dict[str, Any],
    *,
    count: int | None,
    seed: int,
) -> list[Check]:
    """Measures some sets of protected layers anew.

    Args:
        inputs: opened, with those of the search.
        wanted: settings of the run.
        searched: results of the search.
        count: how many sets; None is all.
        seed: of the choice.

    Reference: `cube.evaluate`, `disparity.disparity`.
    """
    within = inputs.searched
    if within is None:
        return []
    versions = search_lattice.quantizers(wanted.quantizer, within.search.bits)
    rows, text, made = searched["sets"], within.corpus, []
    for place in chosen(len(rows), count, seed):
        row = rows[place]
        assignment = np.asarray([row["assignment"]])
        sites = np.concatenate(
            [
                lattice.with_outside(np.zeros_like(assignment), lattice.FULL),
                lattice.with_outside(assignment, lattice.QUANTIZED),
            ]
        )
        fresh = cube.evaluate(inputs.model, text, sites, versions, stride=wanted.stride)
        slack = _slack(fresh.nll, wanted)
        name = f"assignment {' '.join(map(str, row['assignment']))}"
        mean = jnp.mean(fresh.nll[1] - fresh.nll[0], axis=1)
        made += [
            check("sets", f"{name}, {language}", row["d_sent"][language], value, slack)
            for language, value in zip(text.languages, mean, strict=True)
        ]
        about = unequal(text, fresh, inputs, wanted)
        for field, measure in (
            ("mean", about.mean),
            ("worst", about.worst),
            ("disparity", getattr(about, searched["disparity_measure"])),
        ):
            recorded = [row[field + end] for end in ("", "_low", "_high")]
            anew = [each[1] for each in (measure.estimate, measure.low, measure.high)]
            made += with_bounds("sets", f"{name}, {field}", recorded, anew, 2 * slack)
    return made


def rules(
    inputs: Inputs,
    wanted: Settings,
    compared: dict[str, Any],
    *,
    count: int | None,
    seed: int,
) -> list[Check]:
    """Measures what some clipping rules cost some languages anew.

    Args:
        inputs: opened, with those of the comparison of rules.
        wanted: settings of the run.
        compared: results of the comparison.
        count: how many pairs of a rule and a language; None is all.
        seed: of the choice.

    Reference: `clipping.rounded`, `cube.evaluate`.
    """
    within = inputs.compared
    if within is None:
        return []
    rows = [row for row in compared["degradation"] if row["rule"] != PER_LANGUAGE]
    picked = [rows[place] for place in chosen(len(rows), count, seed)]
    solved = clipping.solve(within, int)
    layers, made = inputs.model.config.n_layers + 1, []
    for rule in dict.fromkeys(row["rule"] for row in picked):
        params = clipping.rounded(within, solved, rule)
        for row in picked:
            if row["rule"] != rule:
                continue
            place = within.corpus.languages.index(row["language"])
            text = part_of(within.corpus, [place])
            fresh = cube.evaluate(
                inputs.model,
                text,
                [[0] * layers, [1] * layers],
                [params],
                stride=wanted.stride,
            )
            name = f"{rule}, {row['language']}"
            made += lost("clipping", name, row, "d_sent", text, fresh, wanted)
    return made


def _slack(nll: Any, wanted: Settings) -> float:
    """By how much a difference of two losses may be off, in nats per sentence."""
    return ROUNDING[wanted.dtype] * 2 * float(jnp.max(nll))

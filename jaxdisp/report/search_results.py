"""Results of a search as plain rows: sets, their ranks, and that of the claimed set."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxdisp.measure import disparity
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.cube import Evaluation
from jaxdisp.measure.degradation import losses_added
from jaxdisp.measure.disparity import Contrast, Disparity
from jaxdisp.report.results import UNITS, interval_fields
from jaxdisp.report.search_lattice import Lattice
from jaxdisp.search import lattice, objectives, pareto, ranking

CHUNK = 256
NONE, ALL = 1, 0
"""Rows of a lattice: every layer quantized, none protected; and all protected."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What a search measured, and everything that its statistics need.

    `added` are nats added to each sentence against full precision, by row of the
    lattice; `weights` those of `disparity.weights_of`.
    """

    corpus: Corpus
    lattice: Lattice
    added: Float[np.ndarray, "sentence subset language"]
    weights: Float[np.ndarray, "side language"]
    objective: str
    effective_bits: Float[np.ndarray, " subset"]
    seed: int

    @property
    def groups(self) -> Int[np.ndarray, " sentence"]:
        """The text that each sentence belongs to."""
        return np.asarray(self.corpus.groups)

    @property
    def compares(self) -> bool:
        """Whether two sides of languages are known."""
        return bool(np.isfinite(self.weights).all())

    @property
    def key(self) -> jax.Array:
        """Randomness of all resampling, so that everything is paired."""
        return jax.random.key(self.seed)


def check_objective(objective: str, chosen: Contrast | None) -> None:
    """Checks that an objective can be computed.

    Args:
        objective: one of `objectives.OBJECTIVES`.
        chosen: which languages are compared; None where that is unknown.

    Raises:
        ValueError: if the objective compares sides of languages that are not known.

    Reference: our own definition.
    """
    if objective in ("difference", "log_ratio") and chosen is None:
        raise ValueError(
            f"--objective {objective.replace('_', '-')} compares languages of little "
            "and much training text, which is unknown: name a --reference language"
        )


def measured(
    corpus: Corpus,
    evaluation: Evaluation,
    of: Lattice,
    *,
    chosen: Contrast | None,
    objective: str,
    effective_bits: Float[np.ndarray, " subset"],
    seed: int,
) -> Measured:
    """Turns losses into nats added, configuration 0 being full precision.

    Args:
        corpus: the text measured.
        evaluation: full precision, then the rows of the lattice.
        of: the lattice.
        chosen: which languages are compared.
        objective: one of `objectives.OBJECTIVES`.
        effective_bits: of each row.
        seed: of the resampling.

    Reference: our own definition.
    """
    return Measured(
        corpus=corpus,
        lattice=of,
        added=losses_added(evaluation, evaluation.nll[0])[:, 1:],
        weights=disparity.weights_of(chosen, corpus.languages),
        objective=objective,
        effective_bits=effective_bits,
        seed=seed,
    )


def rows(found: Measured) -> dict[str, Any]:
    """Lists the measured sets with their ranks, and the place of the claimed one.

    Args:
        found: what was measured.

    Reference: our own definition.
    """
    unequal = _disparities(found)
    measure = "difference" if found.compares else "max_min"
    every = objectives.objectives(
        found.added,
        found.groups,
        weights=found.weights,
        objective=found.objective,
        key=found.key,
    )
    asked = found.lattice.asked
    ranked = ranking.ranking(objectives.chosen(every, asked))
    sets = _set_rows(found, unequal, ranked, measure)
    content = {
        "objective": found.objective,
        "objective_unit": UNITS[found.objective],
        "disparity_measure": measure,
        "languages": list(found.corpus.languages),
        "unprotected": _fields(found, unequal, NONE, measure),
        "sets": sets,
        "best_sets": [row["layers"] for row in sets if row["among_best"]],
    }
    content |= _proposed(found, every, sets)
    return content


def _disparities(found: Measured) -> Disparity:
    """Intervals of all rows, in chunks of one shape that each begin with row 1."""
    n_rows = found.added.shape[1]
    step = min(CHUNK, n_rows)
    parts = []
    for first in range(0, n_rows, step):
        places = np.minimum(np.arange(first, first + step), n_rows - 1)
        cube = np.moveaxis(found.added[:, [NONE, *places]], 0, -1)
        evaluation = Evaluation(
            nll=jnp.asarray(cube, jnp.float32),
            n_tokens=jnp.ones(cube.shape[1:], int),
            n_bytes=jnp.ones(cube.shape[1:], int),
        )
        part = disparity.disparity(
            evaluation,
            jnp.zeros(cube.shape[1:]),
            found.groups,
            weights=found.weights,
            key=found.key,
        )
        kept = slice(1, 1 + min(step, n_rows - first))
        parts.append(jax.tree.map(lambda x, kept=kept: np.asarray(x)[kept], part))
    return jax.tree.map(lambda *each: jnp.asarray(np.concatenate(each)), *parts)


def _fields(
    found: Measured, unequal: Disparity, row: int, measure: str
) -> dict[str, Any]:
    languages = found.corpus.languages
    return {
        "bytes": int(found.lattice.n_bytes[row]),
        "effective_bits": float(found.effective_bits[row]),
        **interval_fields("mean", unequal.mean, (row,)),
        **interval_fields("worst", unequal.worst, (row,)),
        "worst_language": languages[unequal.worst_language[row]],
        **interval_fields("disparity", getattr(unequal, measure), (row,)),
        "d_sent": dict(
            zip(languages, found.added[:, row].mean(axis=0).tolist(), strict=True)
        ),
    }


def _set_rows(
    found: Measured, unequal: Disparity, ranked: ranking.Ranking, measure: str
) -> list[dict[str, Any]]:
    asked = found.lattice.asked
    flags = np.asarray(disparity.levels_down(unequal, base=NONE))
    fronts = pareto.fronts(
        found.lattice.n_bytes[asked],
        mean=np.asarray(unequal.mean.estimate, np.float64)[asked],
        worst=np.asarray(unequal.worst.estimate, np.float64)[asked],
        disparity=abs(np.asarray(getattr(unequal, measure).estimate, np.float64))[
            asked
        ],
    )
    made = []
    for place, row in enumerate(asked.tolist()):
        versions = found.lattice.rows[row]
        made.append(
            {
                "layers": list(lattice.protected_layers(versions)),
                "assignment": versions.tolist(),
                **_fields(found, unequal, row, measure),
                "objective": float(ranked.objective[place]),
                "rank": int(ranked.rank[place]),
                "rank_low": int(ranked.low[place]),
                "rank_high": int(ranked.high[place]),
                "among_best": bool(ranked.among_best[place]),
                "share_best": float(ranked.share_best[place]),
                "levelling_down": bool(flags[row]),
                "fronts": [
                    name
                    for name in ("mean", "worst", "disparity")
                    if getattr(fronts, name)[place]
                ],
            }
        )
    return sorted(made, key=lambda row: (row["rank"] == 0, row["rank"]))


def _proposed(
    found: Measured, every: objectives.Objectives, sets: list[dict[str, Any]]
) -> dict[str, Any]:
    """The set that the gateway claim names, if it was asked for."""
    n_layers = found.lattice.rows.shape[1]
    nothing = {"proposed": None, "matched_budget": None}
    if n_layers < 5:
        return nothing
    claimed = list(lattice.gateways(n_layers))
    wanted = [int(layer not in claimed) for layer in range(n_layers)]
    row = next((row for row in sets if row["assignment"] == wanted), None)
    if row is None:
        return nothing
    asked = found.lattice.asked
    place = next(
        n for n, at in enumerate(asked) if found.lattice.rows[at].tolist() == wanted
    )
    matched = pareto.matched_budget(
        found.lattice.n_bytes[asked], objectives.chosen(every, asked), place
    )
    best = found.lattice.rows[asked[matched.best]] if matched.best >= 0 else None
    fields = {
        "layers": claimed,
        "rank": matched.rank,
        "rank_low": matched.low,
        "rank_high": matched.high,
        "n_sets": matched.number,
        "among_best": matched.among_best,
        "best": None if best is None else list(lattice.protected_layers(best)),
        **interval_fields("difference", matched.difference, ()),
    }
    names = ("rank", "rank_low", "rank_high", "among_best")
    whole = fields | {name: row[name] for name in names} | {"n_sets": len(sets)}
    whole["sentence"] = _answer(fields, found.objective)
    return {"proposed": whole, "matched_budget": fields}


def _answer(fields: dict[str, Any], objective: str) -> str:
    """Says whether the claimed set is the best of its size."""
    named = "{" + ", ".join(map(str, fields["layers"])) + "}"
    if not fields["rank"]:
        return f"{named} has no rank: its {objective} is not bounded."
    place = (
        f"{named} ranks {fields['rank']} of {fields['n_sets']} sets of its size by "
        f"{objective.replace('_', '-')} (95 % interval of its rank: "
        f"{fields['rank_low']} to {fields['rank_high']})"
    )
    if fields["n_sets"] == 1:
        return f"{place}: it is the only one."
    best = "{" + ", ".join(map(str, fields["best"])) + "}"
    if fields["among_best"]:
        other = "" if fields["rank"] == 1 else f" (the best measured is {best})"
        return f"{place}: it is not distinguishable from the best{other}."
    return (
        f"{place}: some set is better above noise, so that it is not the best (the "
        f"best measured is {best})."
    )

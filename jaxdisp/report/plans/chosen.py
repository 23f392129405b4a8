"""Which of the measured sets becomes the plan, and how much the choice is worth.

The set that did best on some sentences did so partly by luck, and does worse on others.
So what it saves is measured on sentences that had no part in the choice, where there
are any; and how many sets are not distinguishable from the best is said beside it. The
other sentences may be of the same texts, whose luck is then shared in part.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool

from jaxdisp.measure import disparity
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.cube import Evaluation
from jaxdisp.measure.degradation import losses_added
from jaxdisp.models.quantized import Quantizer
from jaxdisp.report import runs, search_tables
from jaxdisp.report.plans import plan as plans
from jaxdisp.report.plans import predicted
from jaxdisp.report.results import UNITS, interval_fields
from jaxdisp.search import objectives


def recommended(searched: dict[str, Any]) -> dict[str, Any] | None:
    """Finds the set that a search recommends, among its `sets`.

    Definition: the first by its rank, of equal ones that of fewest bytes. Where every
    assignment was asked for, protecting all layers among them, so that nothing limits
    the size: the one of fewest bytes among those not distinguishable from the best.

    Args:
        searched: results of a search.

    Returns:
        One of its `sets`; None where none has a rank.

    Reference: our own definition; of few bytes as Breiman et al. 1984, Classification
    and Regression Trees, section 3.4.3 (the smallest within one standard error).
    """
    ranked = [row for row in searched["sets"] if row["rank"]]
    if any(not any(row["assignment"]) for row in ranked):
        best = [row for row in ranked if row["among_best"]]
        return min(best, key=lambda row: (row["bytes"], row["rank"]))
    return min(ranked, key=lambda row: (row["rank"], row["bytes"]), default=None)


def of_search(
    searched: dict[str, Any], target: plans.Target, row: dict[str, Any]
) -> plans.Plan:
    """Makes a plan of one set of a search, what is outside the layers in version 1.

    Args:
        searched: results of a search.
        target: the model that was searched.
        row: one of its `sets`.

    Reference: our own definition.
    """
    return plans.Plan(
        model=target,
        quantizers=tuple(
            Quantizer(**(each | {"include": tuple(each["include"])}))
            for each in searched["quantizers"]
        ),
        assignment=tuple(row["assignment"]),
        outside=1,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Basis:
    """What a set was chosen by: the results of a search, its row, and the lines."""

    searched: dict[str, Any]
    row: dict[str, Any]
    lines: tuple[int, ...]


def described(
    basis: Basis, corpus: Corpus, found: Evaluation, how: predicted.How
) -> dict[str, Any]:
    """Says how a set was chosen, and what it does on sentences it was not chosen by.

    Definition: `worse` counts the sets that the interval of its rank leaves behind it;
    `held_out` has the objective of the plan on the other sentences, and what protecting
    saves there: the objective of everything in version 1 minus it, paired.

    Args:
        basis: what it was chosen by.
        corpus: the text that the plan was measured on.
        found: losses of full precision, everything in version 1, and the plan.
        how: the languages compared, and the seed.

    Returns:
        The content of `chosen` in `plan.json`.

    Reference: our own definition; intervals as in `stats.bootstrap`.
    """
    searched, row = basis.searched, basis.row
    ranked = [each for each in searched["sets"] if each["rank"]]
    others = np.array([line not in basis.lines for line in corpus.lines])
    content = {
        "by": searched["objective"],
        "from": len(ranked),
        "sentences": len(basis.lines),
        "rank": row["rank"],
        "rank_high": row["rank_high"],
        "among_best": sum(each["among_best"] for each in ranked),
        "worse": len(ranked) - row["rank_high"],
        "objective": row["objective"],
        "unit": UNITS[searched["objective"]],
        "held_out": _held_out(searched["objective"], corpus, found, others, how),
    }
    content = runs.rounded(content)
    return content | {"sentence": _sentence(basis, content)}


def _held_out(
    objective: str,
    corpus: Corpus,
    found: Evaluation,
    others: Bool[np.ndarray, " sentence"],
    how: predicted.How,
) -> dict[str, Any] | None:
    """The objective on other sentences; None where they are not of two texts."""
    groups = np.asarray(corpus.groups)[others]
    if len(set(groups.tolist())) < 2:
        return None
    added = losses_added(found, found.nll[predicted.FULL])[others]
    each = objectives.objectives(
        added[:, [predicted.UNPROTECTED, predicted.PLANNED]],
        groups,
        weights=disparity.weights_of(how.chosen, corpus.languages),
        objective=objective,
        key=jax.random.key(how.seed),
    )
    saved = objectives.interval(
        *(
            np.asarray(values[..., 0] - values[..., 1])
            for values in (each.estimate, each.replicates, each.jackknife)
        )
    )
    return {
        "sentences": int(others.sum()),
        "objective": float(each.estimate[1]),
        "unprotected": float(each.estimate[0]),
        **interval_fields("saved", saved, ()),
    }


def _sentence(basis: Basis, content: dict[str, Any]) -> str:
    what = search_tables.OBJECTIVES[content["by"]]
    number, sentences = content["from"], content["sentences"]
    braces = search_tables.in_braces(basis.row)
    named = "no layer" if braces == "{}" else braces
    role = (
        f"gives the smallest {what} of {number} sets"
        if content["rank"] == 1
        else f"takes the fewest bytes of those of {number} sets that are not "
        f"distinguishable from the best, by {what}"
    )
    measured = f"measured on {sentences} sentences: {_among(content)}"
    return f"Protecting {named} {role}, {measured}. {_elsewhere(content)}"


def _among(content: dict[str, Any]) -> str:
    if content["from"] == 1:
        return "no other was measured"
    best, worse = content["among_best"], content["worse"]
    shared = (
        "no other set is indistinguishable from the best"
        if best == 1
        else f"{best} of them are not distinguishable from the best"
    )
    if worse:
        return f"{shared}, and it is better above noise than {worse}"
    return (
        f"{shared}, and protecting it is not distinguishable from protecting any other"
    )


def _elsewhere(content: dict[str, Any]) -> str:
    held_out = content["held_out"]
    if held_out is None:
        return (
            "All sentences had a part in the choice, so that what it is predicted to "
            "lose is flattered by luck."
        )
    if held_out["saved"] is None or held_out["saved_low"] is None:
        return "What it saves on other sentences is not bounded."
    unit = f" {content['unit']}" if content["unit"] else ""
    bounds = f"[{held_out['saved_low']:+.2f}, {held_out['saved_high']:+.2f}]"
    noise = (
        ""
        if held_out["saved_low"] > 0 or held_out["saved_high"] < 0
        else ", which is not distinguishable from protecting nothing"
    )
    before = f"{held_out['unprotected']:.2f} with nothing protected"
    return (
        f"On the {held_out['sentences']} sentences that had no part in the choice it "
        f"is {held_out['objective']:.2f}{unit} instead of {before} "
        f"({content['objective']:.2f} on those that had): "
        f"{held_out['saved']:+.2f} {bounds} saved{noise}."
    )

"""How far a fit can be trusted, in sentences."""

from collections.abc import Iterator
from typing import Any

from jaxdisp.causal.graph import NODES
from jaxdisp.report.causes.numbers import digits, written

Rows = list[dict[str, Any]]

LEAST_P = 0.05


def sentences(found: dict[str, Any]) -> list[str]:
    """Says whether chains agree, what would overturn arrows, and what is predicted.

    Args:
        found: `diagnostics`, `sensitivity` and `held_out` of results, if there.

    Reference: our own definition.
    """
    if not found.get("effects"):
        return []
    return [
        *_chains(found["diagnostics"]),
        *_priors(found["prior"]),
        *_arrows(found["sensitivity"]),
        *_common_cause(found["sensitivity"]),
        *_levels(found["sensitivity"]),
        *_held_out(found["held_out"]["summaries"]),
    ]


def _chains(found: dict[str, Any]) -> Iterator[str]:
    if found["problems"]:
        yield from (f"no verdict: {problem}" for problem in found["problems"])
        return
    quantities = found["quantities"]
    largest = max(row["rhat"] for row in quantities)
    least = min(min(row["bulk"], row["tail"]) for row in quantities)
    yield (
        f"chains agree: R-hat at most {largest:.3f}, at least {least:.0f} effective "
        f"draws, {found['divergences']} divergences, E-BFMI at least "
        f"{min(found['bfmi']):.2f}"
    )


def _priors(rows: Rows) -> Iterator[str]:
    bounds = [row[name] for row in rows for name in ("low", "high")]
    known = [bound for bound in bounds if bound is not None]
    if known:
        yield (
            f"priors let variables spread {min(known):.2g} to {max(known):.2g} times "
            "as much as they do"
        )


def _arrows(found: dict[str, Any]) -> Iterator[str]:
    rows = [
        row
        for row in found["coefficients"]
        if row["coefficient"].endswith(">D") and row["robustness_value"] is not None
    ]
    if not rows:
        return
    best = max(rows, key=lambda row: row["robustness_value"])
    sure = best["robustness_value_05"]
    interval = "" if sure is None else f", {_percent(sure)} its interval hold 0"
    if sure == 0:
        interval = "; its interval holds 0 as it is"
    yield (
        f"sensitivity: of the arrows into D {best['coefficient']} is the hardest to "
        f"overturn; an unobserved cause that explains "
        f"{_percent(best['robustness_value'])} of both its ends would make it 0"
        f"{interval}"
    )


def _common_cause(found: dict[str, Any]) -> Iterator[str]:
    least = {row["effect"]: row["strength"] for row in found["least_confounder"]}
    if "total" in least:
        strength = least["total"]
        if strength is None:
            yield "no common cause of T and D up to strength 1 lets the total be 0"
        elif strength == 0:
            yield "the total effect may be 0 even without a common cause of T and D"
        else:
            yield (
                f"a common cause of T and D that moves both by about {strength:.2f} SD "
                "of their errors would let the total be 0"
            )
    door = found["front_door"]
    if door["estimate"] is not None:
        said = written(door, "estimate")
        yield f"through A and R whatever T and D share (front door): {said}"


def _levels(found: dict[str, Any]) -> Iterator[str]:
    names = [row["coefficient"] for row in found["levels"] if row["differs"]]
    if names:
        yield (
            f"{', '.join(names)}: slopes within languages and between them differ, "
            "which speaks for a cause that differs between languages"
        )


def _held_out(rows: Rows) -> Iterator[str]:
    if not rows:
        return
    said = []
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        each = "; ".join(f"{_names(row)} {written(row, 'r2')}" for row in own)
        said.append(f"by {method} from {each}")
    # with as many tries as rows, one of them is better by chance more easily
    chosen = [row for row in rows if row["p_value"] * len(rows) < LEAST_P]
    better = any((row["r2"] or 0) > 0 for row in chosen)
    verdict = "better" if better else "no better"
    yield (
        f"languages left out are predicted {verdict} than by the mean of the others: "
        f"R2 {'; '.join(said)}"
    )


def _names(row: dict[str, Any]) -> str:
    names = row["predictors"].split(", ")
    more = [name for name in names if name not in NODES]
    known = "+".join(name for name in names if name in NODES)
    return f"{known} and covariates" if more else known


def _percent(share: float) -> str:
    return f"{100 * share:.{min(digits(100 * share), 1)}f} %"

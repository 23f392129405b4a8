"""What a model's data say of the notes' claims D1 to D7, D12, D15 and D16."""

import math
from typing import Any

from jaxdisp.claims import cause_tables
from jaxdisp.claims.cause_tables import Causes
from jaxdisp.claims.evidence import Judge
from jaxdisp.claims.finding import Claim, Finding, Verdict
from jaxdisp.claims.ledger import typed_tables as typed
from jaxdisp.claims.theorems import mediation_on_model
from jaxdisp.claims.theorems.mediation_on_model import BY_LANGUAGES, PER_T, POSTERIOR

NARROW = 0.5
"""Widest interval of a share that still says which share it is."""

DO = ("do(T)>D", "do(A)>D", "do(R)>D")


def claim(name: str, statement: str, unit: str, method: str, **bounds: Any) -> Claim:
    """Words a claim of the notes as these judges put it to a model.

    Args:
        name: id of the entry.
        statement: the claim, in terms of what is measured here.
        unit: of the estimate.
        method: of the interval.
        bounds: `support`, `least` and `most` of the claim.

    Reference: `finding.Claim`.
    """
    return Claim(
        id=name,
        statement=statement,
        source="theory development, theory 4; formal proofs, theorem 4",
        unit=unit,
        method=method,
        **bounds,
    )


def _effect(causes: Causes, name: str) -> dict[str, Any]:
    return dict(cause_tables.row(causes, "effects", name=name))


def _written(row: dict[str, Any]) -> str:
    return f"{row['median']:.3g} [{row['low']:.3g}, {row['high']:.3g}]"


def _total(asked: Claim, causes: Causes) -> Finding:
    found = _effect(causes, "total")
    remark = f"the total effect of T on D is {_written(found)} {found['unit']}"
    return cause_tables.negative(asked, found, len(causes["languages"]), remark)


def _direct(asked: Claim, causes: Causes) -> Finding:
    found = _effect(causes, "natural_direct")
    remark = f"direct {_written(found)}, in all {_written(_effect(causes, 'total'))}"
    for row in causes.get("mediations", ()):
        if row["part"] == "direct" and row["estimate"] is not None:
            remark += (
                f"; measured with {row['mediator']} put back after do(T) "
                f"{row['estimate']:.3g} [{row['low']:.3g}, {row['high']:.3g}]"
            )
    interval = (float(found["low"]), float(found["high"]))
    n = len(causes["languages"])
    return cause_tables.compared_with(asked, 0.0, found["median"], interval, n, remark)


def _proportion(causes: Causes) -> dict[str, Any]:
    """The share mediated; refused where the total may be 0."""
    total = _effect(causes, "total")
    if total["low"] <= 0 <= total["high"]:
        raise ValueError(
            f"the total effect may be 0 ({_written(total)}), and a share of nothing "
            "means nothing"
        )
    return _effect(causes, "proportion_mediated")


def _share(asked: Claim, causes: Causes) -> Finding:
    found = _proportion(causes)
    interval = (float(found["low"]), float(found["high"]))
    remark = f"through A and R goes {_written(found)} of the total"
    n = len(causes["languages"])
    claimed = float(typed.SHARES[0])
    return cause_tables.compared_with(
        asked, claimed, found["median"], interval, n, remark
    )


def _along_the_chain(asked: Claim, causes: Causes) -> Finding:
    _proportion(causes)
    total, path = _effect(causes, "total"), _effect(causes, "T>A>R>D")
    ends = sorted(path[bound] / total["median"] for bound in ("low", "high"))
    estimate = path["median"] / total["median"]
    remark = (
        f"{_written(path)} of {_written(total)} goes along T>A>R>D, a share of "
        f"{estimate:.2g} of the total's median"
    )
    n = len(causes["languages"])
    claimed = typed.COEFFICIENTS["b1"] * typed.COEFFICIENTS["b2"]
    return cause_tables.compared_with(
        asked, claimed, estimate, (ends[0], ends[1]), n, remark
    )


def _coefficients(asked: Claim, causes: Causes) -> Finding:
    units = cause_tables.units(causes, "T", "A", "R")
    first, interval, n = cause_tables.correlated(units, "T", "A")
    second, around, _ = cause_tables.correlated(units, "A", "R")
    remark = (
        f"within languages r(T, A) = {first:.2g} and r(A, R) = {second:.2g} "
        f"[{around[0]:.2g}, {around[1]:.2g}], for {typed.COEFFICIENTS['b2']:g}"
    )
    claimed = typed.COEFFICIENTS["b1"]
    return cause_tables.compared_with(asked, claimed, first, interval, n, remark)


def _interventions(asked: Claim, causes: Causes) -> Finding:
    confronted = causes.get("confrontation") or {}
    rows = [row for row in confronted.get("arrows", ()) if row["arrow"] in DO]
    if not rows:
        raise ValueError("no intervention was carried out and set beside a prediction")
    verdicts = {row["arrow"]: row["verdict"] for row in rows}
    held = sum(word == "holds" for word in verdicts.values())
    verdict: Verdict = "inconclusive"
    if "fails" in verdicts.values():
        verdict = "fails"
    elif held == len(DO):
        verdict = "holds"
    said = ", ".join(f"{arrow} {word}" for arrow, word in verdicts.items())
    return Finding(
        id=asked.id,
        statement=asked.statement,
        source=asked.source,
        estimate=held / len(rows),
        unit=asked.unit,
        interval=None,
        n=len(rows),
        method=asked.method,
        verdict=verdict,
        reason=f"what the fitted model predicts, against what was carried out: {said}",
    )


def _estimable(asked: Claim, causes: Causes) -> Finding:
    found = _proportion(causes)
    n = len(causes["languages"])
    width = found["high"] - found["low"]
    wide = width > NARROW
    return Finding(
        id=asked.id,
        statement=asked.statement,
        source=asked.source,
        estimate=float(found["median"]),
        unit=asked.unit,
        interval=(float(found["low"]), float(found["high"])),
        n=n,
        method=asked.method,
        verdict="inconclusive" if wide else "holds",
        reason=f"the interval is {width:.2g} wide, {'more' if wide else 'not more'} "
        f"than {NARROW:g}; it rests on {len(causes.get('units', ()))} rows of {n} "
        "languages, not on one of each",
    )


def _robust(asked: Claim, causes: Causes) -> Finding:
    tables = causes.get("sensitivity", {})
    found = cause_tables.row(tables, "coefficients", coefficient="T>D")
    value = found["robustness_value"]
    if value is None or not math.isfinite(value):
        raise ValueError("the robustness value of T>D has no number")
    flips = [
        row["covariate"]
        for row in tables.get("benchmarks", ())
        if row["coefficient"] == "T>D" and row["possible"] and row["sign_flips"]
    ]
    certain = found["robustness_value_05"]
    remark = (
        f"T>D is {found['estimate']:.3g} [{found['low']:.3g}, {found['high']:.3g}]; a "
        f"cause that explains {100 * value:.2g} % of what is left of both T and D "
        f"makes it 0, one of {100 * certain:.2g} % makes it insignificant"
    )
    if flips:
        remark += f"; one as strong as {', '.join(flips)} turns its sign"
    weak = bool(flips) or certain <= 0
    return Finding(
        id=asked.id,
        statement=asked.statement,
        source=asked.source,
        estimate=float(value),
        unit=asked.unit,
        interval=None,
        n=len(causes["languages"]),
        method=asked.method,
        verdict="fails" if weak else "inconclusive",
        reason=f"{remark}; "
        + (
            "so little overturns it"
            if weak
            else "what was not measured may be stronger"
        ),
    )


total: Judge = cause_tables.answered(
    claim("D1", "Better tokenization lowers degradation.", PER_T, POSTERIOR), _total
)
"""Whether the total effect of T on D is negative."""

mean_of_reciprocal: Judge = mediation_on_model.shortfall
"""How far the mean of 1 / R is from 1 / mean: T4c."""

direct: Judge = cause_tables.answered(
    claim(
        "D3",
        "T has no effect on D but through A and R.",
        "units of D per unit of T, after the link",
        POSTERIOR,
    ),
    _direct,
)
"""Whether the direct effect is 0."""

share: Judge = cause_tables.answered(
    claim("D4", "42 % of the effect of T on D is mediated.", "share", POSTERIOR), _share
)
"""Whether 42 % are mediated."""

along_the_chain: Judge = cause_tables.answered(
    claim(
        "D5",
        "0.78 of the effect of T on D goes along T > A > R > D.",
        "share",
        f"{POSTERIOR} of the path, over the median of the total",
    ),
    _along_the_chain,
)
"""Whether 0.78 of the effect goes along the chain."""

coefficients: Judge = cause_tables.answered(
    claim("D6", "T and A correlate by 0.92.", "r(T, A) within languages", BY_LANGUAGES),
    _coefficients,
)
"""Whether T and A correlate as the notes' b1 says."""

falsifier: Judge = mediation_on_model.falsifier
"""Whether A and D correlate more than the chain allows: T4e."""

interventions: Judge = cause_tables.answered(
    claim(
        "D12",
        "do(T), do(A) and do(R) do to D what the fitted model predicts.",
        "share of predictions that hold",
        "interventions on the model, beside predictions of the posterior",
    ),
    _interventions,
)
"""Whether predictions of interventions hold."""

estimable: Judge = cause_tables.answered(
    claim(
        "D15",
        f"The share mediated is known to within {NARROW:g}.",
        "share",
        POSTERIOR,
    ),
    _estimable,
)
"""Whether the share mediated is known at all."""

robust: Judge = cause_tables.answered(
    claim(
        "D16",
        "What T does to D survives unobserved causes.",
        "robustness value of T > D",
        "partial R^2 that an omitted cause needs with both, within languages",
    ),
    _robust,
)
"""What it takes to overturn the coefficient of T > D."""

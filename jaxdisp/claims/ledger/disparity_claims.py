"""Claims C1 to C5: how large disparity is, and what protecting layers does to it."""

import dataclasses
import math

import numpy as np
from scipy import special

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding, judge
from jaxdisp.claims.ledger import protection, typed_tables, units_of_disparity
from jaxdisp.claims.ledger import published_runs as published
from jaxdisp.claims.ledger.entry import Entry, Recomputed
from jaxdisp.claims.ledger.recorded import REPOSITORY, recorded
from jaxdisp.stats.equivalence import margin_left

PRINTED, LEFT, REDUCED = 4.24, 2.50, 0.59
"""The disparity claimed, and the two that protecting three layers is said to leave."""

WITHIN = math.log(1.25)
"""Ratios within a quarter of one another count as the same."""

AVERAGES = {
    name: float(np.mean(list(both.values())))
    for name, both in published.PROTECTED.items()
}
"""Mean disparity of Hebrew and Arabic, as the notes quote it, by what is protected."""

HIGH, LOW = ("en", "de", "fr"), ("ko", "ar", "he", "tr")
"""The draft's two groups, as far as the table of twelve languages has them."""

METHOD = protection.METHOD


def _from_summary() -> Recomputed:
    (high, high_sd, n_high), (low, low_sd, n_low) = (
        published.SUMMARY[side] for side in ("high", "low")
    )
    ratio = low / high
    error = math.sqrt((low_sd / low) ** 2 / n_low + (high_sd / high) ** 2 / n_high)
    half = float(special.ndtri(0.975)) * error
    lost = typed_tables.TWELVE["degradation"]
    means = [
        float(np.mean(lost[np.isin(typed_tables.LANGUAGES, group)]))
        for group in (HIGH, LOW)
    ]
    own = means[1] / means[0]
    return Recomputed(
        values={
            "ratio of the printed means": ratio,
            "lower bound from the printed spreads": ratio * math.exp(-half),
            "upper bound from the printed spreads": ratio * math.exp(half),
            "ratio in the table of twelve languages": own,
        },
        # a number that data behind it give again would be a calculation
        verdict="holds" if abs(own - PRINTED) <= 0.005 else "not applicable",
    )


def _size(evidence: Evidence) -> Finding:
    found = protection.protected(evidence)
    estimate, low, high = protection.of(found, "log_ratio", "none")
    effect, interval = margin_left(
        estimate, (low, high), target=math.log(PRINTED), margin=WITHIN
    )
    claim = Claim(
        id="C1",
        statement="Languages with little training text lose 4.24 times as much",
        source="theory development",
        unit="what is left of ln 1.25 from a ratio of 4.24 in nats per sentence",
        method=METHOD,
        most=WITHIN,
    )
    return judge(claim, effect, interval, found["n"], _said("ratio", low, high))


def _misread() -> Recomputed:
    reduction = 1 - LEFT / PRINTED
    factor = REDUCED * PRINTED
    # the repository's 0.59 is a ratio itself, the draft's 2.50 one that is left
    agree = abs(REDUCED - LEFT) <= 0.005
    return Recomputed(
        values={
            "4.24 times 0.59": factor,
            "reduction from 4.24 to 2.50": reduction,
            "size of the logarithm of 0.59": abs(math.log(REDUCED)),
            "ratio against English at 0.59": 1 / REDUCED,
        },
        verdict="holds" if agree else "fails",
    )


def _reduction(evidence: Evidence) -> Finding:
    found = protection.protected(evidence)
    estimate, low, high = protection.of(found, "ratio_change", "gateways")
    claim = Claim(
        id="C2",
        statement="Protecting the first, three-quarter and last layer lowers the ratio "
        "of losses",
        source="theory development",
        unit="log-ratio of losses in nats per sentence, without less with protection",
        method=METHOD,
        least=WITHIN,
    )
    remark = (
        f"41 % is {-math.log(1 - 0.41):.2f}; seen is {-estimate:.2f} "
        f"[{-high:.2f}, {-low:.2f}]"
    )
    return judge(claim, -estimate, (-high, -low), found["n"], remark)


def _in_nats() -> Recomputed:
    english = {name: both["en"] for name, both in published.DEGRADATIONS.items()}
    nats = {name: units_of_disparity.ratios(name)["sentence"] for name in english}
    left = nats["both"]
    return Recomputed(
        values={
            "nothing protected": AVERAGES["none"],
            "layer 0 protected": AVERAGES["first"],
            "layer 11 protected": AVERAGES["last"],
            "both protected": AVERAGES["both"],
            "nothing protected, nats": nats["none"],
            "layer 0 protected, nats": nats["first"],
            "both protected, nats": left,
            "growth of the English loss in per cent": english["both"] / english["none"],
        },
        verdict="holds" if left <= 1 else "fails",
    )


def _removed(evidence: Evidence) -> Finding:
    found = protection.protected(evidence)
    estimate, low, high = protection.of(found, "log_ratio", "both")
    effect, interval = margin_left(estimate, (low, high), target=0.0, margin=WITHIN)
    claim = Claim(
        id="C3",
        statement="With the first and the last layer protected, all languages lose "
        "alike",
        source="theory gap; theory investigation, gap 2",
        unit="what is left of ln 1.25 from a ratio of 1 in nats per sentence",
        method=METHOD,
        most=WITHIN,
    )
    before = protection.of(found, "ratio", "none")[0]
    remark = f"{_said('ratio', low, high)} with both protected, {before:.2f} without"
    return judge(claim, effect, interval, found["n"], remark)


def _mediants() -> Recomputed:
    counts = {
        f"layers of {name} that raise it": float(np.sum(layers > whole))
        for name, (whole, layers) in published.PERCEPTRONS.items()
    }
    whole = published.PERCEPTRONS["GPT-2"][0]
    counts["layers of GPT-2 whose attention raises it"] = float(
        np.sum(whole < published.ATTENTION)
    )
    # additive losses: all pairs of a layer's own ratio and one of the whole
    steps = np.linspace(0.05, 0.95, 19)
    a, b = np.meshgrid(steps, steps)
    rises = (1 - a) / (1 - b) > 1
    right = float(np.mean((rises == (a / b < 1)) | np.isclose(a, b)))
    counts["share of additive cases that the mediant decides"] = right
    special_case = max(counts[name] for name in list(counts)[:2]) <= 1
    return Recomputed(
        values=counts, verdict="holds" if special_case and right < 1 else "fails"
    )


def _rising(evidence: Evidence) -> Finding:
    found = protection.layer_by_layer(evidence)
    if found["rises"] is None:
        raise ValueError("needs to know how much text of each language was trained on")
    layers = found["layers"]
    low, high = found["surely_rises"], layers - found["surely_falls"]
    last = "one" if found["last_rises"] else "none"
    return Finding(
        id="C4",
        statement="At most one layer raises the ratio of losses when it is protected",
        source="theory gap; theory investigation, gap 2",
        estimate=float(found["rises"]),
        unit="layers",
        interval=(float(low), float(high)),
        n=found["n"],
        method="layers whose change of the log-ratio excludes 0, BCa over texts; "
        "bounds "
        "count those that are sure to raise it, and all that are not sure to lower it",
        verdict="fails" if low > 1 else "inconclusive" if high > 1 else "holds",
        reason=f"protecting one layer raises the ratio for {found['rises']} of "
        f"{layers}, "
        f"of which the last is {last}, and surely for {low} to {high}; the mediant "
        "rule "
        f"is right for {found['predicted']}",
    )


def _two_values() -> Recomputed:
    first, other = AVERAGES["both"], 0.92
    return Recomputed(
        values={
            "measured, of one text": first,
            "typed in, of another": other,
            "difference": other - first,
        },
        verdict="fails" if other - first > 0.005 else "holds",
    )


def _width(evidence: Evidence) -> Finding:
    found = protection.protected(evidence)
    estimate, low, high = protection.of(found, "ratio", "both")
    out = [value for value in (0.7, 0.92) if not low <= value <= high]
    excluded = " and ".join(f"{value:g}" for value in out) or "neither 0.7 nor 0.92"
    remark = f"with both protected the ratio is {estimate:.2f} [{low:.2f}, {high:.2f}]"
    return Finding(
        id="C5",
        statement="With the first and the last layer protected the disparity is 0.7",
        source="theory investigation, gaps 2 and 3",
        estimate=estimate,
        unit="ratio of losses in nats per sentence, low to high side",
        interval=(low, high),
        n=found["n"],
        method=METHOD,
        verdict="fails" if 0.7 in out else "inconclusive",
        reason=f"{remark}, which excludes {excluded}",
    )


def _said(what: str, low: float, high: float) -> str:
    return f"{what} between {math.exp(low):.2f} and {math.exp(high):.2f}"


_C1 = Entry(
    id="C1",
    statement="Quantization costs low-resource languages 4.24 times as much as "
    "high-resource ones",
    source="theory development; formal proofs, theorem 1; "
    f"{REPOSITORY}{published.RUNS['summary']}, section 3.1",
    correct="4.24 is the quotient of two printed means with no data behind them; the "
    "repository's own table of twelve languages gives 3.95 for the same groups as far "
    "as it has them, and "
    "what GPT-2 was measured to lose gives 2.4 to 214, by the unit.",
    check="the quotient, its interval by the delta method from the printed spreads, "
    "and "
    f"the same groups in {typed_tables.FILES['twelve']}",
    verdict="not applicable",
    ground="not reproducible",
    values=recorded(
        {
            "ratio of the printed means": (4.245, 5e-4),
            "lower bound from the printed spreads": (3.2, 0.05),
            "upper bound from the printed spreads": (5.6, 0.05),
            "ratio in the table of twelve languages": (3.95, 5e-3),
        }
    ),
    recompute=_from_summary,
    on_model=_size,
)
_C2 = dataclasses.replace(
    _C1,
    id="C2",
    statement="Protecting layers 0, 9 and 11 lowers the disparity by 41 %, to 0.59",
    source="theory development; deep foundations; theory gap; theory investigation",
    correct="0.59 is a disparity that was seen, and 41 % is what a factor of 0.59 "
    "would "
    "take off: one number is read in two ways, which differ by a factor of 4. A ratio "
    "of 0.59 is unequal, too, with English losing 1.69 times as much.",
    check="both readings side by side",
    verdict="fails",
    ground="contradiction",
    values=recorded(
        {
            "4.24 times 0.59": (2.5016, 5e-5),
            "reduction from 4.24 to 2.50": (0.410, 5e-4),
            "size of the logarithm of 0.59": (0.53, 5e-3),
            "ratio against English at 0.59": (1.69, 6e-3),
        }
    ),
    recompute=_misread,
    on_model=_reduction,
)
_C3 = dataclasses.replace(
    _C1,
    id="C3",
    statement="Protecting layers 0 and 11 removes the disparity: 3.6 with layer 0, 336 "
    "with layer 11, 0.7 with both",
    source="theory gap; theory investigation, gap 2; "
    f"{REPOSITORY}{published.RUNS['protected']}",
    correct="These are ratios of per cent of perplexity of one sentence, and grow as "
    "the "
    "exponential of a difference. In nats for the same sentence Hebrew still loses 4.8 "
    "times as much as English, whose own loss in per cent became 2.6 times as large.",
    check=f"the stored losses of {published.RUNS['languages']} and the numbers of "
    "tokens "
    f"in {published.RUNS['lengths']}, in both units",
    verdict="fails",
    ground="arithmetic",
    values=recorded(
        {
            "nothing protected": (147.9, 0.05),
            "layer 0 protected": (3.618, 5e-4),
            "layer 11 protected": (336.18, 5e-3),
            "both protected": (0.7223, 5e-5),
            "nothing protected, nats": (12.2, 0.05),
            "layer 0 protected, nats": (7.32, 5e-3),
            "both protected, nats": (4.81, 5e-3),
            "growth of the English loss in per cent": (2.6, 0.05),
        }
    ),
    recompute=_in_nats,
    on_model=_removed,
)
_C4 = dataclasses.replace(
    _C1,
    id="C4",
    statement="That protecting layer 11 alone raises the disparity needs an "
    "explanation "
    "of its own",
    source="theory gap; theory investigation, gap 2",
    correct="If losses add up, protecting a layer raises a ratio of losses exactly if "
    "the layer's own ratio is below that of the whole (theorem T3b): so it is for 5 "
    "to 7 of twelve layers in the notes' own runs, and both sides may lose less all "
    "the same.",
    check="the layers that do so in the notes' own runs, and the mediant inequality on "
    "a grid of losses",
    verdict="fails",
    ground="theorem",
    values=recorded(
        {
            "layers of GPT-2 that raise it": (7, 0),
            "layers of OPT-125M that raise it": (6, 0),
            "layers of GPT-2 whose attention raises it": (5, 0),
            "share of additive cases that the mediant decides": (1, 0),
        }
    ),
    recompute=_mediants,
    on_model=_rising,
)
_C5 = dataclasses.replace(
    _C1,
    id="C5",
    statement="With layers 0 and 11 protected the disparity is 0.7",
    source="theory investigation, gap 2 (0.7) and gap 3 (0.92)",
    correct="The same layers of the same model have 0.72 on one text and 0.92 on "
    "another, so that neither is a property of the model; an interval over texts is "
    "what such a number needs.",
    check=f"{published.RUNS['protected']} against the value typed in exp093",
    verdict="fails",
    ground="contradiction",
    values=recorded(
        {
            "measured, of one text": (0.7223, 5e-5),
            "typed in, of another": (0.92, 0),
            "difference": (0.198, 5e-4),
        }
    ),
    recompute=_two_values,
    on_model=_width,
)
ENTRIES = (_C1, _C2, _C3, _C4, _C5)
"""Entries C1 to C5."""

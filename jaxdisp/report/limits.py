"""What a run cannot say: its limits, each in a sentence or two."""

import dataclasses
from typing import Any

from jaxdisp.report import headline, results
from jaxdisp.report.parts import part
from jaxdisp.stats.power import smallest_detectable

Row = dict[str, Any]

FEW_TEXTS = 10
"""Texts below which a bootstrap interval rests on too little to be trusted."""
LEFT_OUT = (
    ("layers", "the sweep over single layers", "--layer-limit 24"),
    ("search", "the search for layers to protect", "--set-limit 6"),
    ("clipping", "the comparison of clipping rules", "--clip-limit 16"),
    ("hypotheses", "the experiments", "--hypotheses all"),
    ("causes", "the causal model and its interventions", "--causes"),
    ("claims", "the judgement of claims", "--claims"),
)
"""Parts of a run, and the options that add them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limit:
    """What a limit is about, in a few words, and what it is, in sentences."""

    about: str
    text: str


def limits(found: Row) -> list[Limit]:
    """Lists what results cannot say, the most important first.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    said = {
        "Insufficient evidence": _insufficient(found),
        "Smallest detectable effects": _detectable(found),
        "Texts": _texts(found),
        "Languages": _languages(found),
        "The worst language": _worst(found),
        "Searched on few sentences": _searched(found),
        "Many intervals": _many(found),
        "Experiments": _experiments(found),
        "Causes": _causes(found),
        "Rounding": _rounding(found),
        "Losses": _losses(found),
        "Registration": _registration(found),
        "Left out": _left_out(found),
    }
    return [Limit(about=name, text=text) for name, text in said.items() if text]


def _insufficient(found: Row) -> str:
    if "degradation" not in found:
        return ""
    rows = found["degradation"]
    unbounded = [row["language"] for row in rows if row["d_sent_low"] is None]
    noise = [
        row["language"]
        for row in rows
        if row["flag"] == results.NOISE and row["language"] not in unbounded
    ]
    said = []
    if noise:
        said.append(
            f"Of {len(rows)} languages {len(noise)} ({', '.join(noise)}) have an "
            "interval that holds 0: whether quantization costs them anything is not "
            "known, which is not the same as that it costs nothing."
        )
    if unbounded:
        said.append(f"No interval could be had for {', '.join(unbounded)}.")
    if not said:
        return (
            f"None of {len(rows)} languages: the intervals of all leave out 0, each "
            "taken by itself."
        )
    return " ".join(said)


def detectable(row: Row, name: str) -> float | None:
    """Estimates the smallest effect that an interval as wide would show in 4 of 5 runs.

    Args:
        row: holds `<name>_low` and `<name>_high`.
        name: of the quantity.

    Reference: Bloom 1995, by `stats.power.smallest_detectable`.
    """
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if low is None or high is None or high < low:
        return None
    return smallest_detectable(float(low), float(high))


def _detectable(found: Row) -> str:
    if "degradation" not in found:
        return ""
    least = [
        (size, row["language"])
        for row in found["degradation"]
        if (size := detectable(row, "d_sent")) is not None
    ]
    if not least:
        return ""
    (small, first), (large, last) = min(least), max(least)
    span = f"{small:.2f} ({first}) to {large:.2f} ({last})" if first != last else ""
    said = [
        "With intervals as wide as these a loss is shown in four of five runs from "
        f"{span or f'{small:.2f} ({first})'} nats per sentence on"
    ]
    difference = found["disparity"]["difference"]
    size = detectable({"v_low": difference["low"], "v_high": difference["high"]}, "v")
    if size is not None and found["disparity"]["contrast"]:
        low, high = headline.sides(found["disparity"]["contrast"])
        said.append(f"a difference between {low} and {high} from {size:.2f} on")
    return f"{'; '.join(said)}. Smaller ones may be there."


def _texts(found: Row) -> str:
    if "n_groups" not in found:
        return ""
    said = (
        f"Intervals resample {found['n_groups']} texts, in which the "
        f"{found['n_sentences']} sentences stand, and speak of texts such as these "
        "alone: of no other domain, and of no other register."
    )
    if found["n_groups"] < FEW_TEXTS:
        said += f" Fewer than {FEW_TEXTS} texts are too few: take them with caution."
    return said


def _languages(found: Row) -> str:
    if "disparity" not in found:
        return ""
    number = len(found["measured_languages"])
    said = (
        f"The {number} languages are those that were measured, and no sample of all: "
        "what holds between them need not hold between others."
    )
    chosen = found["disparity"]["contrast"]
    if chosen and len(chosen["high"]) > 1:
        said += (
            " Little and much training text differ in more than their amount: script, "
            "family and tokenization go with it."
        )
    return said


def _worst(found: Row) -> str:
    if len(found.get("degradation", [])) < 2:
        return ""
    return (
        "It was chosen as the largest of estimates that err, and so its loss is rather "
        "too large; the interval of the maximum is too narrow where several languages "
        "are close to it."
    )


def _searched(found: Row) -> str:
    searched = part(found, "search")
    if searched is None or "sets" not in searched:
        return ""
    return (
        f"Sets of layers were measured on {searched['search_sentences']} sentences per "
        "language, and the best is the best on these: its own loss elsewhere is likely "
        "larger. Certificates hold where losses of layers add up."
    )


def _many(found: Row) -> str:
    counts = {"languages": len(found.get("degradation", []))}
    counts["effects of layers"] = len(found.get("layers", []))
    if part(found, "search") is found:
        counts.pop("effects of layers")
    pairs = [(name, count) for name, count in counts.items() if count > 1]
    if not pairs:
        return ""
    missed = ", ".join(f"{0.05 * n:.1f} of {n} {name}" for name, n in pairs)
    said = f"Each interval of 95 % stands for itself: about {missed} miss what is true."
    if part(found, "hypotheses") is not None:
        said += (
            " Findings are corrected for all of them together by Holm (any error) and "
            "Benjamini and Hochberg (the share of errors); their verdicts are not."
        )
    return said


def _experiments(found: Row) -> str:
    examined = part(found, "hypotheses")
    if examined is None:
        return ""
    verdicts = [row["verdict"] for row in examined["findings"]]
    said = []
    if open_ := verdicts.count("inconclusive"):
        said.append(
            f"{open_} of {len(verdicts)} findings are inconclusive, neither "
            "shown nor refuted"
        )
    if missing := verdicts.count("not applicable"):
        said.append(f"{missing} could not be asked of this model")
    said.append("one model was measured, and what holds of it need not of others")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}."


def _causes(found: Row) -> str:
    caused = part(found, "causes")
    if caused is None:
        return ""
    if not caused.get("effects"):
        return "Nothing was fitted: interventions are shown as they were carried out."
    return (
        "Fitted effects rest on arrows that were assumed, and on nothing unobserved "
        "moving two variables at once; what was carried out on the model does not."
    )


def _rounding(found: Row) -> str:
    if "quantizer" not in found:
        return ""
    return (
        f"Simulated: weights are rounded ({found['quantizer_in_words']}) and the model "
        f"computes in {found['dtype']}. Kernels of toolkits, rounded activations and "
        "caches, speed and memory were not measured."
    )


def _losses(found: Row) -> str:
    if not ({"degradation", "sets", "clipping"} & found.keys()):
        return ""
    return (
        "What is lost is the probability of given sentences, not the quality of a "
        "task: how much worse translations, answers or people's judgements become was "
        "not measured."
    )


def _registration(found: Row) -> str:
    if part(found, "hypotheses") is None:
        return ""
    if "registration" not in found:
        return "Nothing was registered before the run: all of it is exploratory."
    more = found["registration"]["exploratory"]
    return f"{len(more)} findings were not registered: exploratory." if more else ""


def _left_out(found: Row) -> str:
    if found["command"] != "run":
        return ""
    keys = {"layers": "layer_sentences"}
    absent = [
        f"{name} ({option} adds it)"
        for key, name, option in LEFT_OUT
        if keys.get(key, key) not in found
    ]
    return f"Not in this run: {'; '.join(absent)}." if absent else ""

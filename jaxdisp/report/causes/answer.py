"""One sentence that answers whether T causes D through A and R, as far as it is known.

It is stricter than any of the tables it rests on: "yes" needs the indirect effect and
all that was predicted of D when T, A and R are set; a contradicted prediction is "no".
"""

from typing import Any

from jaxdisp.report.causes import ways
from jaxdisp.report.causes.numbers import excludes_none, written

QUESTION = (
    "Does tokenization quality cause degradation through alignment and redundancy here?"
)

SAID = {
    "holds": "D changes as predicted",
    "fails": "not as predicted",
    "inconclusive": "undecided",
}


def answer(found: dict[str, Any]) -> str:
    """Answers the question that the model is about, in the words of the evidence.

    Definition: nothing is said of effects if the chains disagree. "Yes" if the indirect
    effect is below 0 with its interval (better tokenization, less degradation) and the
    predictions of D under do(T), do(A) and do(R) all hold; "no" if a prediction of A, R
    or D fails, or the indirect effect is above 0 with its interval; "compatible with
    it" if nothing was carried out and the indirect effect is below 0; else "not shown".
    The reciprocal link has the effect by assumption, which leaves the predictions.

    Args:
        found: as from `job.results` or `analysis.analyse`, `runs.rounded`.

    Reference: our own definition.
    """
    effects = {row["name"]: row for row in found.get("effects") or []}
    if not effects:
        return _carried_out(found)
    if verdicts_refused(found):
        return f"{QUESTION} No answer: the chains of the sampler cannot be relied on."
    verdicts = _verdicts(found)
    word = _word(effects, verdicts, given=found["link"] == "reciprocal")
    said = [_said_of_effects(effects, found)]
    if verdicts:
        said.append(
            f"T, A and R set on the model itself, {_said_of_verdicts(verdicts)}"
        )
    else:
        said.append("nothing was carried out that could refute it")
    return f"{QUESTION} {word}: {'; '.join(said)}."


def verdicts_refused(found: dict[str, Any]) -> bool:
    """Says whether the sampler's chains forbid verdicts on what they predict.

    Args:
        found: results.

    Reference: our own definition.
    """
    return bool((found.get("diagnostics") or {}).get("problems"))


def _verdicts(found: dict[str, Any]) -> dict[str, str]:
    beside = found.get("confrontation") or {}
    return {row["arrow"]: row["verdict"] for row in beside.get("arrows") or []}


def _word(effects: dict[str, Any], verdicts: dict[str, str], *, given: bool) -> str:
    indirect = effects["natural_indirect"]
    onto = [verdict for name, verdict in verdicts.items() if name.endswith(">D")]
    clear = excludes_none(indirect)
    if "fails" in verdicts.values() or (clear and indirect["median"] > 0):
        return "No, not as the model has it"
    if given:
        return "Not inferred"
    if clear and not verdicts:
        return "The data are compatible with it, no more"
    all_hold = len(onto) == 3 and set(onto) == {"holds"}
    return "Yes" if clear and all_hold else "Not shown"


def _said_of_effects(effects: dict[str, Any], found: dict[str, Any]) -> str:
    if found["link"] == "reciprocal":
        return "the reciprocal link gives the coefficients of the chain beforehand"
    total, indirect = effects["total"], effects["natural_indirect"]
    through = "may be 0" if not excludes_none(indirect) else "is not 0"
    if not any("A" in name or "R" in name for name in effects if ">" in name):
        return "no allowed path leads from T to D through A or R"
    return (
        f"of the fitted effect of T on D, {written(total)}, the part through A and R "
        f"{through}, {written(indirect)}"
    )


def _said_of_verdicts(verdicts: dict[str, str]) -> str:
    """What each says of D, and of A and R where it contradicts the model."""
    said = []
    for verdict, words in SAID.items():
        names = [
            name.removesuffix(">D")
            for name, own in verdicts.items()
            if own == verdict and (name.endswith(">D") or verdict == "fails")
        ]
        said.append(f"{words}: {', '.join(names) or 'none'}")
    return "; ".join(said)


def _carried_out(found: dict[str, Any]) -> str:
    """What each variable's first way changed, where nothing was fitted."""
    said = []
    for target in ("T", "A", "R"):
        pairs = ways.of_degradation(found, target)
        if not pairs:
            continue
        way, placebos = pairs[0]
        name = ways.named(target, way["kind"], way["amount"])
        beside = f" (placebo {written(placebos[0], 'change')})" if placebos else ""
        said.append(f"do({target}), {name}: {written(way, 'change')}{beside}")
    if not said:
        return "Nothing was fitted, and nothing was carried out."
    return f"Change of D in nats per sentence. {'; '.join(said)}."

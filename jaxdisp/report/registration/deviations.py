"""Deviations: where a run differs from what was registered, and what became of it."""

import json
from collections.abc import Mapping
from typing import Any

import jaxdisp
from jaxdisp.claims import registry
from jaxdisp.report.registration.plan import OUTCOMES

Row = dict[str, Any]


def deviations(
    record: Row, options: Mapping[str, Any], hashes: Mapping[str, str]
) -> list[Row]:
    """Lists where a run differs from its registration.

    Args:
        record: the registration.
        options: all options of the run.
        hashes: SHA-256 of weights, tokenizer and corpus.

    Returns:
        Rows with `what`, `registered` and `actual`.

    Reference: our own definition.
    """
    actual = json.loads(json.dumps(dict(options)))
    rows = [
        {"what": f"--{name.replace('_', '-')}", "registered": value, "actual": now}
        for name, value in record["options"].items()
        if (now := actual.get(name)) != value and name != "seed"
    ]
    seeds = record["plan"]["seeds"]
    if actual["seed"] not in seeds:
        rows.append({"what": "--seed", "registered": seeds, "actual": actual["seed"]})
    rows += [
        {"what": f"hash of {name}", "registered": value, "actual": hashes.get(name)}
        for name, value in record["hashes"].items()
        if hashes.get(name) != value
    ]
    if record["jaxdisp"] != jaxdisp.__version__:
        version = {"registered": record["jaxdisp"], "actual": jaxdisp.__version__}
        rows.append({"what": "version of jaxdisp"} | version)
    return rows


def report(record: Row, differing: list[Row], found: Mapping[str, Any]) -> Row:
    """Sets what a run found beside what was registered.

    Definition: a hypothesis named by the id of an experiment registers all findings of
    that; what is expected is expected of the finding of just that id.

    Args:
        record: the registration.
        differing: as from `deviations`.
        found: results of the run.

    Returns:
        `sha256`, `registered`, `title`, `primary_outcome` with its result,
        `hypotheses` with `expected` and `verdict`, `exploratory`: ids of findings that
        nobody registered, and `deviations`, with hypotheses that were not tested.

    Reference: our own definition.
    """
    plan = record["plan"]
    findings = found.get("hypotheses", {}).get("findings", [])
    asked = {name.lower(): expected for name, expected in plan["hypotheses"]}
    tested = [
        {
            "id": row["id"],
            "expected": asked.get(row["id"].lower()),
            "verdict": row["verdict"],
        }
        for row in findings
        if any(_answers(row["id"], name) for name in asked)
    ]
    planned = {row["id"] for row in tested}
    rows = differing + [
        {"what": f"hypothesis {name}", "registered": "tested", "actual": "not"}
        for name, _ in plan["hypotheses"]
        if not any(_answers(row["id"], name) for row in findings)
    ]
    return {
        "sha256": record["sha256"],
        "registered": record["registered"],
        "title": plan["title"],
        "primary_outcome": _outcome(plan["primary_outcome"], found, findings),
        "hypotheses": tested,
        "exploratory": [row["id"] for row in findings if row["id"] not in planned],
        "deviations": rows,
    }


def _answers(finding: str, hypothesis: str) -> bool:
    """A finding answers its own id, and that of its experiment."""
    name = hypothesis.lower()
    return finding.lower() == name or registry.owner(finding).lower() == name


def _outcome(name: str, found: Mapping[str, Any], findings: list[Row]) -> Row:
    if name in OUTCOMES:
        measure = found["disparity"][name.removeprefix("disparity.")]
        interval = [measure["low"], measure["high"]]
        return {"name": name} | {
            "estimate": measure["estimate"],
            "interval": None if measure["estimate"] is None else interval,
            "unit": measure["unit"],
            "verdict": None,
            "reason": measure["reason"],
        }
    fields = ("estimate", "interval", "unit", "verdict", "reason")
    for row in findings:
        if _answers(row["id"], name):
            return {"name": row["id"]} | {field: row[field] for field in fields}
    return {"name": name} | dict.fromkeys(fields) | {"reason": "was not measured"}


def lines(found: Row) -> list[str]:
    """Writes what became of a registration, for a terminal.

    Args:
        found: as from `report`.

    Reference: our own definition.
    """
    outcome = found["primary_outcome"]
    shown = [f"Registered {found['registered']} ({found['sha256'][:12]})"]
    shown[0] += f": {found['title']}"
    said = f"{outcome['name']}: "
    if outcome["estimate"] is None:
        said += outcome["reason"]
    else:
        low, high = outcome["interval"]
        said += f"{outcome['estimate']:.3g} [{low:.3g}, {high:.3g}] {outcome['unit']}"
        said += "" if outcome["verdict"] is None else f", {outcome['verdict']}"
    shown.append(f"primary outcome, {said}")
    for row in found["hypotheses"]:
        expected = "" if row["expected"] is None else f", expected {row['expected']}"
        shown.append(f"  {row['id']}: {row['verdict']}{expected}")
    if found["exploratory"]:
        shown.append(f"not registered, exploratory: {', '.join(found['exploratory'])}")
    shown += [
        f"deviation: {row['what']}: registered {row['registered']}, actual "
        f"{row['actual']}"
        for row in found["deviations"]
    ]
    return shown if found["deviations"] else [*shown, "no deviation"]

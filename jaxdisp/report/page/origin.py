"""Sections on how results came to be: limits, registration, command and versions."""

import shlex
from typing import Any

from jaxdisp.report import limits as said
from jaxdisp.report.page.blocks import (
    Block,
    Code,
    Heading,
    Section,
    Terms,
    Text,
    items,
    section,
    table,
)

Row = dict[str, Any]


def limits(found: Row) -> Section | None:
    """Lists what results cannot say.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    pairs = tuple((each.about, each.text) for each in said.limits(found))
    return section("limits", "What this cannot say", [Terms(pairs)])


def registration(found: Row) -> Section | None:
    """Shows what was registered beforehand, and where the run deviates from it.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    own = found.get("registration")
    if own is None:
        return None
    return section(
        "registration",
        "What was registered",
        [
            Terms(
                (
                    ("Title", own["title"]),
                    ("Registered", own["registered"]),
                    ("SHA-256", own["sha256"]),
                    ("Primary outcome", _outcome(own["primary_outcome"])),
                ),
                outside=True,
            ),
            table(
                "Registered hypotheses",
                (("Finding", "words"), ("Expected", "words"), ("Verdict", "words")),
                [
                    (row["id"], row["expected"] or "", row["verdict"])
                    for row in own["hypotheses"]
                ],
            ),
            items(_exploratory(own["exploratory"])),
            *_deviations(own["deviations"]),
        ],
    )


def _outcome(row: Row) -> str:
    if row["estimate"] is None:
        return f"{row['name']}: {row['reason']}"
    text = f"{row['name']}: {row['estimate']:.3g}"
    bounds = row["interval"] or []
    if bounds and None not in bounds:
        text += f" [{bounds[0]:.3g}, {bounds[1]:.3g}]"
    return ", ".join(
        part for part in (f"{text} {row['unit']}".strip(), row["verdict"]) if part
    )


def _exploratory(names: list[str]) -> list[str]:
    if not names:
        return []
    return [f"Not registered, and so exploratory: {', '.join(names)}."]


def _deviations(rows: list[Row]) -> list[Block]:
    if not rows:
        return [Text("The run does not deviate from what was registered.")]
    return [
        Heading("Deviations", "registration-deviations"),
        table(
            "Where the run differs from what was registered",
            (("What", "words"), ("Registered", "name"), ("Actual", "name")),
            [
                (row["what"], _shown(row["registered"]), _shown(row["actual"]))
                for row in rows
            ],
        ),
    ]


def _shown(value: Any) -> str:
    if value is None:
        return "not given"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def provenance(found: Row, environment: Row) -> Section | None:
    """Shows the exact command, versions, devices and hashes.

    Args:
        found: the content of `results.json`.
        environment: the content of `environment.json`.

    Reference: our own definition.
    """
    packages = environment.get("packages") or {}
    hashes = environment.get("hashes") or found.get("hashes") or {}
    devices = ", ".join(map(str, environment.get("devices") or ()))
    backend = environment.get("backend")
    facts = {
        "Finished": environment.get("finished"),
        "Took": _time(environment.get("wall_seconds")),
        "Seed": found.get("seed"),
        "Computed in": found.get("dtype"),
        "Device": f"{devices} ({backend})" if devices and backend else devices,
        "Python": environment.get("python"),
        "Platform": environment.get("platform"),
        "Results": f"schema version {found['schema_version']}"
        if "schema_version" in found
        else None,
    }
    return section(
        "provenance",
        "How this was made",
        [
            Code(shlex.join(["jaxdisp", *environment.get("arguments", [])])),
            Terms(
                tuple(
                    (name, str(value))
                    for name, value in facts.items()
                    if value is not None and str(value)
                ),
                outside=True,
            ),
            table(
                "Packages",
                (("Package", "words"), ("Version", "words")),
                [(name, str(version)) for name, version in packages.items()],
            ),
            table(
                "SHA-256 of what went in",
                (("Of", "words"), ("Digest", "code")),
                [(name, str(digest)) for name, digest in hashes.items() if digest],
            ),
        ],
    )


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    if seconds < 120:
        return f"{seconds:.1f} seconds"
    return f"{seconds / 60:.1f} minutes"

"""The report of a run as Markdown, for a repository or a pull request."""

import shlex
from collections.abc import Sequence
from typing import Any

from jaxdisp.report import (
    clip_tables,
    headline,
    limits,
    markdown_text,
    search_tables,
    tables,
)
from jaxdisp.report.causes import lines as causes_lines
from jaxdisp.report.claims import lines as claim_lines
from jaxdisp.report.hypotheses import lines as finding_lines
from jaxdisp.report.illustration import Illustration
from jaxdisp.report.parts import part
from jaxdisp.report.registration.deviations import lines as registration_lines

LISTED = 10
"""Sets of layers that are shown; all are in `tables/sets.csv`."""

Section = tuple[str, str, list[str]]
"""Name of its figures, heading, and lines."""


def report(
    found: dict[str, Any],
    environment: dict[str, Any],
    drawn: Sequence[Illustration],
) -> str:
    """Writes a report: headline, tables with intervals, figures, limits, how it came.

    Args:
        found: the content of `results.json`.
        environment: the content of `environment.json`.
        drawn: figures, which lie in `figures/` beside it.

    Reference: our own definition.
    """
    escaped = markdown_text.escaped
    lines = ["# What quantization costs each language", "", f"**{_said(found)}**", ""]
    lines += [f"{escaped(_summary(found))}", ""]
    told = [sentence for _, sentence in headline.brief(found)]
    lines += _listed([*headline.remarks(found), *told])
    if windows := tables.windows_sentence(found["windows"]):
        lines += [f"{escaped(windows[:1].upper() + windows[1:])}.", ""]
    if "registration" in found:
        lines += _listed(registration_lines(found["registration"]))
    for name, heading, content in _sections(found):
        figures = [each for each in drawn if each.section == name]
        if content or figures:
            lines += [f"## {heading}", "", *content, *_figures(figures)]
    lines += ["## What this cannot say", ""]
    lines += _listed(f"{each.about}: {each.text}" for each in limits.limits(found))
    return "\n".join(lines + _origin(found, environment)) + "\n"


def _said(found: dict[str, Any]) -> str:
    return markdown_text.escaped(headline.headline(found))


def _summary(found: dict[str, Any]) -> str:
    return (
        f"{found['model']}: {found['quantizer_in_words']}, measured on "
        f"{found['n_sentences']} parallel sentences in {found['n_groups']} texts and "
        f"{len(found['measured_languages'])} languages ({found['corpus']} corpus)."
    )


def _sections(found: dict[str, Any]) -> list[Section]:
    """Every section there may be, in order; those without content are left out."""
    return [
        ("degradation", "What each language loses", _degradation(found)),
        ("disparity", "How unequal that is", _disparity(found)),
        ("layers", "Which layers are to blame", _layers(found)),
        ("search", "Which layers to protect", _search(part(found, "search"))),
        ("clipping", "What clipping changes", _clipping(found.get("clipping"))),
        (
            "hypotheses",
            "What explains it, and what does not",
            _hypotheses(part(found, "hypotheses")),
        ),
        (
            "causes",
            "Causes, predicted and carried out",
            _causes(part(found, "causes")),
        ),
        ("claims", "Claims", _claims(found.get("claims"))),
    ]


def _degradation(found: dict[str, Any]) -> list[str]:
    if "degradation" not in found:
        return []
    cells = tables.degradation_cells(found["degradation"])
    words = (0, len(tables.DEGRADATION_HEADER) - 1)
    return [
        *markdown_text.table(tables.DEGRADATION_HEADER, cells, words=words),
        "",
        "D_sent: nats lost per parallel sentence, the unit to compare languages by; "
        "D_byte: bits lost per byte; loss: bits per byte in full precision. Intervals: "
        f"95 %, paired BCa bootstrap over {found['n_groups']} texts. "
        + _tables("degradation", "sentences"),
        "",
    ]


def _disparity(found: dict[str, Any]) -> list[str]:
    if "disparity" not in found:
        return []
    header = ("measure", "estimate [95 %]", "unit or remark")
    cells = tables.disparity_lines(found["disparity"])
    lines = [*markdown_text.table(header, cells, words=(0, 2)), ""]
    if chosen := found["disparity"]["contrast"]:
        sides = f"{', '.join(chosen['low'])} and {', '.join(chosen['high'])}"
        said = f"Low and high: {sides}: {chosen['rule']}."
        lines += [markdown_text.escaped(said), ""]
    return lines


def _layers(found: dict[str, Any]) -> list[str]:
    if "layer_sentences" not in found:
        return []
    return [
        f"Measured on {found['layer_sentences']} sentences per language; intervals are "
        "pointwise: about one in twenty excludes 0 by chance alone. "
        + _tables("layers"),
        "",
    ]


def _search(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    rows, proposed = found["sets"], found["proposed"]
    cells = search_tables.set_cells(
        rows[:LISTED], proposed=search_tables.proposed_row(found)
    )
    sentences = [
        proposed["sentence"] if proposed else "",
        search_tables.best_sentence(rows),
        *found["sentences"],
        found["surrogate"]["sentence"],
        *found["certificates"]["sentences"],
    ]
    return [
        f"{len(rows)} sets of layers, measured on {found['search_sentences']} "
        "sentences per language. " + _tables("sets"),
        "",
        *markdown_text.table(search_tables.SET_HEADER, cells),
        "",
        *_listed(sentences),
    ]


def _clipping(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    header = clip_tables.comparison_header(found)
    cells = clip_tables.comparison_cells(found)
    sentences = (found["verdict"], clip_tables.split_sentence(found))
    return [
        *markdown_text.table(header, cells),
        "",
        *_listed(sentences),
        _tables("clipping", "clipping_differences"),
        "",
    ]


def _hypotheses(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    tally = finding_lines.tally(found["findings"])
    corrected = finding_lines.after_correction(found["corrected"])
    words = tuple(range(len(finding_lines.HEADER)))
    cells = finding_lines.cells(found["findings"])
    return [
        markdown_text.escaped(f"{tally} {corrected}"),
        "",
        *markdown_text.table(finding_lines.HEADER, cells, words=words),
        "",
    ]


def _causes(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    return [
        "T, how few tokens a language takes; A, how alike its states are to those of "
        "other languages; R, over how many channels a prediction is spread; D, what "
        "quantization costs.",
        "",
        *markdown_text.fenced(causes_lines.lines(found)),
        "",
    ]


def _claims(rows: Sequence[dict[str, Any]] | None) -> list[str]:
    if rows is None:
        return []
    listed = claim_lines.listed(rows)
    words = tuple(range(len(listed["header"])))
    return [
        markdown_text.escaped(listed["tally"]),
        "",
        *markdown_text.table(listed["header"], listed["cells"], words=words),
        "",
        _tables("claims"),
        "",
    ]


def _origin(found: dict[str, Any], environment: dict[str, Any]) -> list[str]:
    command = shlex.join(["jaxdisp", *environment["arguments"]])
    packages = environment.get("packages", {})
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    return [
        "## How this was made",
        "",
        markdown_text.code(command),
        "",
        *_listed(
            [
                f"{versions}; Python {environment.get('python', '?')}",
                *(f"SHA-256 of {name}: {of}" for name, of in found["hashes"].items()),
            ]
        ),
    ]


def _figures(drawn: Sequence[Illustration]) -> list[str]:
    lines = []
    for each in drawn:
        title = markdown_text.escaped(each.title)
        lines += [
            markdown_text.image(each.alt, f"figures/{each.name}.svg"),
            "",
            f"{title}. {_tables(*each.tables)}".rstrip(),
            "",
        ]
    return lines


def _tables(*names: str) -> str:
    links = ", ".join(f"[{name}](tables/{name}.csv)" for name in names)
    return f"Numbers: {links}." if names else ""


def _listed(sentences: Any) -> list[str]:
    kept = [f"- {markdown_text.escaped(each)}" for each in sentences if each]
    return [*kept, ""] if kept else []

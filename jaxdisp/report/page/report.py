"""The page of a run as one HTML file: contents, headline, sections, figures."""

import base64
import dataclasses
import functools as ft
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jinja2
import markupsafe

from jaxdisp.report import headline
from jaxdisp.report.illustration import Illustration
from jaxdisp.report.page import causes, colours, explained, measured, origin, searched
from jaxdisp.report.page.blocks import Figure, Section
from jaxdisp.report.page.drawings import Drawing, drawing

Row = dict[str, Any]

TITLES = {
    "run": "What quantization costs each language",
    "search": "Which layers to protect",
    "hypotheses": "Why: hypotheses, each measured",
    "causal": "Why: causes, predicted and carried out",
    "intervene": "What interventions change",
    "claims": "Every claim, judged by data",
}
"""Titles of pages, by command."""
BRIEFLY = {
    "search": "Layers to protect:",
    "plan": "The plan:",
    "clipping": "Clipping:",
    "hypotheses": "Experiments:",
    "causes": "Causes:",
    "claims": "Claims:",
}
"""What the sentences of the parts are introduced by."""
EMBEDDED_BYTES = 32_000
"""Tables up to this size are in the page, too."""
VERDICTS = {
    "holds": "holds",
    "fails": "fails",
    "inconclusive": "open",
    "not applicable": "none",
    "refused": "none",
    "gains": "holds",
    "collapsed": "fails",
    "insufficient evidence": "open",
}
"""Classes of cells that are verdicts."""
INTERVAL = re.compile(r"-?[\d.]+ \[[-+\d.]+, [-+\d.]+\]")
SHORT, LONG = 28, 60
"""Characters up to which cells are not broken, and from which they have a width."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Link:
    """A file beside the page, and a copy of it in the page, where there is one."""

    name: str
    path: str
    copy: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shown:
    """A figure with its caption and its links."""

    name: str
    title: str
    markup: markupsafe.Markup
    links: tuple[Link, ...]


def written(
    found: Row,
    environment: Row,
    drawn: Sequence[Illustration],
    files: Mapping[str, bytes],
) -> bytes:
    """Writes the page of a run.

    Args:
        found: the content of `results.json`.
        environment: the content of `environment.json`.
        drawn: all figures of the run.
        files: tables and figures by their path in the run directory.

    Raises:
        jinja2.UndefinedError: if the template asks for a value that is not there.

    Reference: our own definition.
    """
    made = {
        each.name: drawing(each, files[f"figures/{each.name}.svg"]) for each in drawn
    }
    shown = {each.name: _shown(each, made[each.name], files) for each in drawn}
    sections = _sections(found, environment, drawn)
    anchors = {section.id for section in sections}
    page = _templates(_outside(found)).get_template("page.html.jinja")
    packages = environment.get("packages") or {}
    return page.render(
        title=TITLES.get(found["command"], TITLES["run"]),
        model=found.get("model", ""),
        headline=headline.headline(found),
        remarks=headline.remarks(found),
        brief=[
            (name, BRIEFLY[name], sentence)
            for name, sentence in headline.brief(found)
            if name in anchors and sentence != headline.headline(found)
        ],
        sections=sections,
        drawings=shown,
        colours=_schemes(made.values()),
        version=packages.get("jaxdisp", ""),
    ).encode()


def _sections(
    found: Row, environment: Row, drawn: Sequence[Illustration]
) -> list[Section]:
    figures: dict[str, list[Figure]] = {}
    of_experiment: dict[str, list[Figure]] = {}
    for each in drawn:
        place = of_experiment if each.experiment else figures
        key = each.experiment or each.section
        place.setdefault(key, []).append(Figure(each.name))

    def of(section: str) -> list[Figure]:
        return figures.get(section, [])

    made = [
        measured.described(found),
        measured.degradation(found, of("degradation")),
        measured.disparity(found, of("disparity")),
        measured.layers(found, of("layers")),
        searched.search(found, of("search")),
        searched.plan(found),
        searched.clipping(found, of("clipping")),
        explained.hypotheses(found, of("hypotheses"), of_experiment),
        causes.causes(found, of("causes")),
        explained.claims(found),
        origin.limits(found),
        origin.registration(found),
        origin.provenance(found, environment),
    ]
    return [section for section in made if section is not None]


def _shown(
    illustration: Illustration, made: Drawing, files: Mapping[str, bytes]
) -> Shown:
    tables = [f"tables/{name}.csv" for name in illustration.tables]
    pictures = [f"figures/{illustration.name}.{kind}" for kind in ("pdf", "png", "svg")]
    return Shown(
        name=illustration.name,
        title=illustration.title,
        markup=markupsafe.Markup(made.markup),
        links=tuple(
            _link(path, files[path]) for path in tables + pictures if path in files
        ),
    )


def _link(path: str, content: bytes) -> Link:
    copy = ""
    if path.endswith(".csv") and len(content) <= EMBEDDED_BYTES:
        copy = f"data:text/csv;base64,{base64.b64encode(content).decode()}"
    return Link(name=path.split("/")[-1], path=path, copy=copy)


def _schemes(made: Iterable[Drawing]) -> dict[str, str]:
    """The colours of all figures as variables of CSS, in light and in dark."""
    made = list(made)
    kinds = {
        "m": frozenset().union(*(each.marks for each in made)),
        "t": frozenset().union(*(each.letters for each in made)),
    }
    schemes = {"light": colours.on_light, "dark": colours.on_dark}
    return {
        scheme: " ".join(
            f"--{kind}-{colour[1:]}: {change(colour, letters=kind == 't')};"
            for kind, every in kinds.items()
            for colour in sorted(every)
        )
        for scheme, change in schemes.items()
    }


def _outside(found: Row) -> tuple[str, ...]:
    """Names from outside that may run from right to left, longer ones first."""
    names = [
        *found.get("measured_languages", []),
        found.get("model"),
        found.get("corpus"),
    ]
    named = {str(name) for name in names if name and not str(name).isascii()}
    return tuple(sorted(named, key=lambda name: (-len(name), name)))


def _templates(outside: tuple[str, ...]) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("jaxdisp.report.page"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "isolated": ft.partial(isolated, outside),
        "verdict": lambda value: VERDICTS.get(value.rstrip("*"), ""),
        "width": _width,
    }
    return made


def isolated(names: Sequence[str], text: str) -> markupsafe.Markup:
    """Escapes text, and sets names in it apart, whichever way they run.

    Estimates are kept on one line with their intervals.

    Args:
        names: from outside, longer ones first.
        text: a sentence that may hold them.

    Reference: Unicode Standard Annex 9; HTML, "the bdi element".
    """
    text = INTERVAL.sub(lambda match: match[0].replace(" ", "\u00a0"), text)
    if not names:
        return markupsafe.escape(text)
    pattern = re.compile("(" + "|".join(map(re.escape, names)) + ")")
    parts = pattern.split(text)
    return markupsafe.Markup("").join(
        markupsafe.Markup("<bdi>{}</bdi>").format(part)
        if part in names
        else markupsafe.escape(part)
        for part in parts
    )


def _width(rows: Sequence[Sequence[str]], place: int) -> str:
    longest = max(len(row[place]) for row in rows)
    return " short" if longest <= SHORT else " long" if longest >= LONG else " medium"

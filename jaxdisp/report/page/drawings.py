"""Figures within the page: SVG made small, its own, and fit for light and dark."""

import dataclasses
import functools as ft
import re
from xml.etree import ElementTree

from jaxdisp.report.illustration import Illustration
from jaxdisp.report.page.cells import SVG, XLINK, on_cells

REFERENCE = re.compile(r"url\(#([^)]+)\)")
COLOUR = re.compile(r"#[0-9a-f]{6}\b")
NUMBER = re.compile(r"-?\d+\.\d{3,}")
BLACK, WHITE, INK = "#000000", "#ffffff", "#010101"
"""Colours of text, of paper, and of marks on coloured cells, which stay as they are."""
DROPPED = (f"{SVG}metadata", f"{SVG}style", f"{SVG}title", f"{SVG}desc")
LETTERS = ("text", "tspan")
SIZE = re.compile(r"[\d.]+px")
POINT = 4 / 3
"""CSS pixels per point."""
LEAST = 600
"""CSS pixels below which a figure does not shrink: a narrow page scrolls it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawing:
    """A figure for the page: its markup, and the colours of its marks and letters."""

    name: str
    markup: str
    marks: frozenset[str]
    letters: frozenset[str]


def drawing(illustration: Illustration, svg: bytes) -> Drawing:
    """Takes a figure into the page.

    Definition: metadata and its own style sheet are left out, numbers have two digits
    after the point, ids begin with the name of the figure, and only those that are
    referred to are kept. Black becomes the colour of the page's text, white that of its
    paper, and every other colour a variable, `--m-` or `--t-` and its digits; what lies
    on coloured cells stays as it is.

    Args:
        illustration: name, title and description.
        svg: as from `drawing.drawn`.

    Raises:
        ValueError: if it is no SVG.

    Reference: SVG 2; WAI-ARIA Graphics Module 1.0.
    """
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise ValueError(f"{illustration.name}: is no SVG: {error}") from error
    _drop(root)
    used, above = _references(root), on_cells(root)
    marks: set[str] = set()
    letters: set[str] = set()
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
        found = letters if element.tag in LETTERS else marks
        of_page = element not in above  # the others keep their own colours
        kept = _attributes(element, used, illustration.name, found, of_page=of_page)
        element.attrib.clear()
        element.attrib.update(kept)
        _without_breaks(element)
    _named(root, illustration)
    return Drawing(
        name=illustration.name,
        markup=ElementTree.tostring(
            root, encoding="unicode", short_empty_elements=True
        ),
        marks=frozenset(marks),
        letters=frozenset(letters),
    )


def _drop(root: ElementTree.Element) -> None:
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in DROPPED:
                parent.remove(child)


def _references(root: ElementTree.Element) -> set[str]:
    """Ids that something in the figure refers to."""
    found: set[str] = set()
    for element in root.iter():
        for value in element.attrib.values():
            found.update(REFERENCE.findall(value))
        link = _link(element)
        if link.startswith("#"):
            found.add(link[1:])
    return found


def _link(element: ElementTree.Element) -> str:
    return element.get(f"{XLINK}href") or element.get("href") or ""


def _attributes(
    element: ElementTree.Element,
    used: set[str],
    prefix: str,
    colours: set[str],
    *,
    of_page: bool,
) -> dict[str, str]:
    kept: dict[str, str] = {}
    for name, value in element.attrib.items():
        plain = name.removeprefix(XLINK)
        if plain == "id":
            if value in used:
                kept["id"] = f"{prefix}-{value}"
        elif plain == "href":
            kept["href"] = f"#{prefix}-{value[1:]}" if value[:1] == "#" else value
        elif plain == "style":
            style, found = _style(
                value, of_page=of_page, letters=element.tag in LETTERS
            )
            colours |= found
            if style:
                kept["style"] = _prefixed(style, prefix)
        elif plain == "transform" and value.startswith("rotate(-0 "):
            continue
        else:
            kept[plain] = _prefixed(_short(value, plain), prefix)
    return kept


def _prefixed(value: str, prefix: str) -> str:
    return REFERENCE.sub(rf"url(#{prefix}-\1)", value)


def _short(value: str, name: str) -> str:
    if name == "href":
        return value
    return " ".join(
        NUMBER.sub(
            lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip(".") or "0", value
        ).split()
    )


@ft.cache  # figures have thousands of marks, and a few styles
def _style(value: str, *, of_page: bool, letters: bool) -> tuple[str, frozenset[str]]:
    """A style, and the colours of the page in it; with its own if it has none."""
    kept, colours = [], set[str]()
    if not of_page and letters and "fill:" not in value:
        value = f"fill: {BLACK}; {value}"
    for part in value.split(";"):
        name, _, given = (text.strip() for text in part.partition(":"))
        if name == "font":
            name, given = "font-size", "".join(SIZE.findall(given)[:1])
        if not given or (letters and name == "font-family"):
            continue
        text = _short(given, name)
        if of_page and INK not in value:
            text = _colour(text, colours, letters=letters)
        kept.append(f"{name}:{text}")
    return ";".join(kept), frozenset(colours)


def _colour(value: str, colours: set[str], *, letters: bool) -> str:
    def replaced(match: re.Match[str]) -> str:
        found = match[0].lower()
        if found == BLACK:
            return "currentColor"
        if found == WHITE:  # white letters stand on dark cells
            return found if letters else "var(--paper)"
        colours.add(found)
        return f"var(--{'t' if letters else 'm'}-{found[1:]})"

    return COLOUR.sub(replaced, value)


def _without_breaks(element: ElementTree.Element) -> None:
    if element.text is not None and not element.text.strip():
        element.text = None
    if element.tail is not None and not element.tail.strip():
        element.tail = None


def _named(root: ElementTree.Element, illustration: Illustration) -> None:
    """Says what the figure is, and how large it may be seen."""
    _, _, width, _ = (float(part) for part in root.attrib["viewBox"].split())
    for name in ("width", "height", "version", "class"):
        root.attrib.pop(name, None)
    most = round(width * POINT)
    title, about = f"{illustration.name}-title", f"{illustration.name}-about"
    root.attrib |= {
        "role": "img",
        "aria-labelledby": f"{title} {about}",
        "style": f"max-width:{most}px;min-width:{min(most, LEAST)}px",
    }
    for place, (tag, name, text) in enumerate(
        (("title", title, illustration.title), ("desc", about, illustration.alt))
    ):
        child = ElementTree.Element(tag, {"id": name})
        child.text = text
        root.insert(place, child)

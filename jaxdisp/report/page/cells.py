"""Coloured cells of figures: what lies on them is drawn as on white, in any scheme."""

import dataclasses
import re
from xml.etree import ElementTree

SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
TRANSLATED = re.compile(r"translate\((-?[\d.]+)[ ,]+(-?[\d.]+)\)")
FLIPPED = "scale(1 -1)"
"""How matplotlib turns pictures, whose first row is on top, the right way up."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Box:
    """Where a picture is, in units of the figure, downwards."""

    left: float
    top: float
    width: float
    height: float

    def holds(self, x: float, y: float) -> bool:
        """Says whether a point lies on the picture.

        Args:
            x: to the right, in units of the figure.
            y: downwards.

        Reference: our own definition.
        """
        across, down = x - self.left, y - self.top
        return 0 <= across <= self.width and 0 <= down <= self.height


def on_cells(root: ElementTree.Element) -> set[ElementTree.Element]:
    """Finds what lies on pictures, and puts white behind these.

    Definition: elements whose place is within a picture, and the shapes that markers
    there repeat. White lies behind because cells without a number let paper through.

    Args:
        root: of a figure as matplotlib draws it; changed.

    Reference: our own definition.
    """
    boxes = _boxes(root)
    if not boxes:
        return set()
    shapes = {each.get("id"): each for each in root.iter() if each.get("id")}
    found: set[ElementTree.Element] = set()
    for element in root.iter():
        place = _place(element)
        if place is None or not any(box.holds(*place) for box in boxes):
            continue
        found.update(element.iter())
        shape = shapes.get(element.get(f"{XLINK}href", "")[1:])
        if shape is not None:
            found.update(shape.iter())
    return found


def _boxes(root: ElementTree.Element) -> list[Box]:
    boxes = []
    for parent in list(root.iter()):
        for place, child in reversed(list(enumerate(parent))):
            if child.tag != f"{SVG}image":
                continue
            names = ("x", "y", "width", "height")
            x, y, width, height = (float(child.get(name, "0")) for name in names)
            top = -y if FLIPPED in child.get("transform", "") else y
            boxes.append(Box(left=x, top=top, width=width, height=height))
            sizes = {"x": x, "y": top, "width": width, "height": height}
            parent.insert(place, _ground(sizes))
    return boxes


def _ground(sizes: dict[str, float]) -> ElementTree.Element:
    named = {name: f"{size:g}" for name, size in sizes.items()}
    return ElementTree.Element(f"{SVG}rect", named | {"fill": "#fff"})


def _place(element: ElementTree.Element) -> tuple[float, float] | None:
    if element.tag not in (f"{SVG}text", f"{SVG}use"):
        return None
    x, y = element.get("x"), element.get("y")
    if x is not None and y is not None:
        return float(x), float(y)
    moved = TRANSLATED.search(element.get("transform", ""))
    return None if moved is None else (float(moved[1]), float(moved[2]))

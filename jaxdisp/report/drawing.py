"""How figures look, and their files: the same bytes for the same figure."""

import io
import warnings
from collections.abc import Sequence
from typing import Any, cast

import matplotlib as mpl
import matplotlib.axes
import matplotlib.axis
import matplotlib.figure
import matplotlib.ticker
import matplotlib.transforms
import numpy as np

BLUE, RED, GREY = "#2b6a99", "#b5432a", "#777777"
"""Told apart with any colour vision, and 3 : 1 against white and a dark page."""
INK = "#010101"
"""For marks on coloured cells; pages turn black itself into the colour of text."""
ON_CELLS = {"marker": "o", "mfc": "white", "mec": INK, "mew": 0.6, "ls": "none"}
"""A dot that is seen on any cell of a map."""
SHADE = {"color": GREY, "alpha": 0.16, "lw": 0}
"""A ground on which text of a light and of a dark page is legible."""
WIDEST = 9.0
"""Inches, so that letters stay legible where a page is narrow."""

SETTINGS: dict[Any, Any] = {
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    # names of languages and models are text, also where they hold a $
    "text.parse_math": False,
    "svg.hashsalt": "jaxdisp",
    "svg.fonttype": "none",
    "pdf.fonttype": 3,
}
KINDS: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""Kinds of files, and what of their metadata would differ between runs."""

LABEL = 7.0
"""Points of the letters that name points."""
LETTER, LINE = 0.62, 1.15
"""Width and height of a letter, in its size."""


def drawn(name: str, figure: matplotlib.figure.Figure) -> dict[str, bytes]:
    """Writes a figure as SVG, PNG and PDF, the same bytes for the same figure.

    Args:
        name: of the files, without suffix.
        figure: the figure.

    Returns:
        Content by path in the run directory.

    Reference: our own definition.
    """
    files = {}
    with mpl.rc_context(SETTINGS), warnings.catch_warnings():
        # SVG has the letters as text, whatever script; PNG those of its one font
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        settled(figure)
        for kind, metadata in KINDS.items():
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
            files[f"figures/{name}.{kind}"] = buffer.getvalue()
    return files


def settled(figure: matplotlib.figure.Figure) -> None:
    """Lays out a figure once for all of its files, which takes most of their time.

    Args:
        figure: complete; later changes are not laid out.

    Reference: our own definition.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def plain_numbers(axis: matplotlib.axis.Axis, subs: Sequence[float] = (1.0,)) -> None:
    """Writes the numbers of a logarithmic axis as they are: 0.01, 1, 100, 1e+06.

    Args:
        axis: with a logarithmic scale.
        subs: which multiples of powers of 10 are written.

    Reference: our own definition.
    """
    axis.set_major_locator(matplotlib.ticker.LogLocator(subs=subs, numticks=8))
    axis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axis.set_minor_formatter(matplotlib.ticker.NullFormatter())


def name_points(
    axes: matplotlib.axes.Axes,
    x: Sequence[float] | np.ndarray,
    y: Sequence[float] | np.ndarray,
    names: Sequence[str],
) -> int:
    """Names points where there is place: no name lies on another one or on a point.

    Places beside, above and below a point are tried, near and then far, in the order
    in which points are given. To be called last: the figure must be laid out.

    Args:
        axes: with the points.
        x: of the points.
        y: of the points.
        names: of the points.

    Returns:
        How many points had no place for their name.

    Reference: our own definition.
    """
    figure = cast("matplotlib.figure.Figure", axes.figure)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    per_point = figure.dpi / 72
    points = np.column_stack([x, y]).astype(float)
    at = np.asarray(axes.transData.transform(points)) / per_point
    frame = np.array(axes.bbox.extents) / per_point
    taken = [_box(place[0], place[1], 5.0, 5.0) for place in at]
    left_out = 0
    for own, (place, name) in enumerate(zip(at, names, strict=True)):
        width, height = LETTER * LABEL * len(name), LINE * LABEL
        others = taken[:own] + taken[own + 1 :]
        for dx, dy, far in _offsets(width, height):
            box = _box(place[0] + dx, place[1] + dy, width, height)
            if _inside(box, frame) and not any(_overlap(box, each) for each in others):
                _annotate(axes, (x[own], y[own]), (dx, dy), name, far=far)
                taken.append(box)
                break
        else:
            left_out += 1
    return left_out


def _offsets(width: float, height: float) -> list[tuple[float, float, bool]]:
    """Centres of names, from their points; whether so far that a line is needed."""
    found = []
    for gap, far in ((3.5, False), (11.0, True), (19.0, True)):
        beside, above = width / 2 + gap, height / 2 + gap - 1
        slant = width / 2 + 0.6 * gap, height / 2 + 0.4 * gap
        found += [(beside, 0.0), (-beside, 0.0), (0.0, above), (0.0, -above)]
        found += [(i * slant[0], j * slant[1]) for i in (1, -1) for j in (1, -1)]
        found[-8:] = [(dx, dy, far) for dx, dy in found[-8:]]
    return found


def _annotate(
    axes: matplotlib.axes.Axes,
    point: tuple[float, float],
    offset: tuple[float, float],
    name: str,
    *,
    far: bool,
) -> None:
    line = {"arrowstyle": "-", "color": GREY, "lw": 0.5, "shrinkA": 0, "shrinkB": 2}
    text = axes.annotate(
        name,
        point,
        xytext=offset,
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=LABEL,
        arrowprops=line if far else None,
    )
    text.set_in_layout(False)


def _box(x: float, y: float, width: float, height: float) -> np.ndarray:
    return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])


def _inside(box: np.ndarray, frame: np.ndarray) -> bool:
    return bool(np.all(box[:2] >= frame[:2]) and np.all(box[2:] <= frame[2:]))


def _overlap(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.all(one[:2] < other[2:]) and np.all(other[:2] < one[2:]))

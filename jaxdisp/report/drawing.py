"""How figures look, and their files: the same bytes for the same figure."""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, cast

import matplotlib as mpl
import matplotlib.axes
import matplotlib.axis
import matplotlib.figure
import matplotlib.ticker
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
LETTER, LINE = 0.7, 1.45
"""Width and height of a letter, in its size."""
MARK = 5.0
"""Points that the mark of a point takes."""


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
    with mpl.rc_context(SETTINGS), _any_script():
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
    _lay_out(figure)
    figure.set_layout_engine("none")


def _lay_out(figure: matplotlib.figure.Figure) -> None:
    engine = figure.get_layout_engine()
    if engine is not None:
        with _any_script():
            engine.execute(figure)


@contextlib.contextmanager
def _any_script() -> Iterator[None]:
    """SVG has letters as text, whatever script; PNG and PDF those of their one font."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


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
        names: of the points; nothing is written where it is empty.

    Returns:
        How many points had no place for their name.

    Reference: our own definition.
    """
    figure = cast("matplotlib.figure.Figure", axes.figure)
    _lay_out(figure)
    per_point = figure.dpi / 72
    points = np.column_stack([x, y]).astype(float)
    at = np.asarray(axes.transData.transform(points)) / per_point
    frame = np.array(axes.bbox.extents) / per_point
    taken = np.concatenate([at - MARK / 2, at + MARK / 2], axis=1)
    left_out = 0
    for own, name in enumerate(names):
        if not name:
            continue
        size = np.array([LETTER * LABEL * len(name), LINE * LABEL])
        offsets = _offsets(size[0], size[1])
        centres = at[own] + offsets[:, :2]
        boxes = np.concatenate([centres - size / 2, centres + size / 2], axis=1)
        free = _inside(boxes, frame) & ~_hits(boxes, np.delete(taken, own, axis=0))
        if not free.any():
            left_out += 1
            continue
        place = int(np.argmax(free))
        dx, dy, far = offsets[place].tolist()
        _annotate(axes, (x[own], y[own]), (dx, dy), name, far=far > 0)
        taken = np.concatenate([taken, boxes[place : place + 1]])
    return left_out


def _offsets(width: float, height: float) -> np.ndarray:
    """Centres of names, from their points, and 1 if so far that a line is needed."""
    found = []
    for gap, far in ((3.5, 0.0), (11.0, 1.0), (19.0, 1.0)):
        beside, above = width / 2 + gap, height / 2 + gap - 1
        slant = width / 2 + 0.6 * gap, height / 2 + 0.4 * gap
        found += [(beside, 0.0, far), (-beside, 0.0, far)]
        found += [(0.0, above, far), (0.0, -above, far)]
        found += [(i * slant[0], j * slant[1], far) for i in (1, -1) for j in (1, -1)]
    return np.array(found)


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


def _inside(boxes: np.ndarray, frame: np.ndarray) -> np.ndarray:
    return np.all(boxes[:, :2] >= frame[:2], 1) & np.all(boxes[:, 2:] <= frame[2:], 1)


def _hits(boxes: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Which boxes overlap one that is taken."""
    starts, ends = boxes[:, None, :2], boxes[:, None, 2:]
    over = (starts < taken[None, :, 2:]) & (taken[None, :, :2] < ends)
    return np.any(np.all(over, axis=2), axis=1)

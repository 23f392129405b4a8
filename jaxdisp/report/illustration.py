"""Illustrations: figures with what a reader needs who cannot see them."""

import dataclasses
from collections.abc import Iterable
from typing import Literal

import matplotlib.figure

from jaxdisp.report import drawing

Section = Literal[
    "degradation",
    "disparity",
    "layers",
    "search",
    "clipping",
    "hypotheses",
    "causes",
    "claims",
    "power",
    "comparison",
]
"""Sections of the page, each with its figures."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Illustration:
    """A figure, the section it belongs to, and the tables that hold its numbers.

    `name` is that of its files and `title` its caption; `alt` says in a sentence or two
    what there is to see, numbers included; `tables` are files of `tables/` without
    `.csv`; `experiment` is the one whose figure it is, if it is one's.
    """

    name: str
    section: Section
    title: str
    alt: str
    tables: tuple[str, ...]
    figure: matplotlib.figure.Figure
    experiment: str = ""


def written(illustrations: Iterable[Illustration]) -> dict[str, bytes]:
    """Writes the files of illustrations.

    Args:
        illustrations: with different names.

    Returns:
        Content by path in the run directory.

    Reference: our own definition.
    """
    files: dict[str, bytes] = {}
    for each in illustrations:
        files |= drawing.drawn(each.name, each.figure)
    return files

"""How figures look, and their files: the same bytes for the same figure."""

import io
from typing import Any

import matplotlib as mpl
import matplotlib.figure

BLUE, RED, GREY = "#2b6a99", "#b5432a", "#777777"
SETTINGS: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "jaxdisp",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}
KINDS: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""Kinds of files, and what of their metadata would differ between runs."""


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
    with mpl.rc_context(SETTINGS):
        for kind, metadata in KINDS.items():
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
            files[f"figures/{name}.{kind}"] = buffer.getvalue()
    return files

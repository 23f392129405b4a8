"""The figure of causal tracing: in which layers, tokens and languages the damage is."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from jaxdisp.measure.tracing import PARTS, PLACEBOS
from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS

Rows = Sequence[dict[str, Any]]


def figure(tables: dict[str, list[dict[str, Any]]]) -> matplotlib.figure.Figure:
    """Draws shares of the damage by layer, by part of the sentence, and by language.

    Args:
        tables: `parts` and `gateways` of the experiment `causal-tracing`.

    Reference: our own definition; maps of layer and token as in Meng et al. 2022,
        arXiv:2202.05262, figure 1.
    """
    rows, languages = tables["parts"], tables["gateways"]
    with mpl.rc_context(SETTINGS):
        height = 3.2 + max(2.6, 0.2 * len(languages) + 0.8)
        drawn = matplotlib.figure.Figure(figsize=(9, height), layout="constrained")
        axes = drawn.subplots(2, 2)
        for ax, site in zip(axes[0], ("state", "update"), strict=True):
            _map(drawn, ax, rows, site)
        _profiles(axes[1, 0], rows)
        _languages(axes[1, 1], languages)
        drawn.suptitle(
            "Damage undone by full-precision activations in the quantized model",
            fontsize=10,
        )
    return drawn


def _chosen(rows: Rows, direction: str, site: str, part: str) -> np.ndarray:
    """Share and bounds `[3, layer]`; NaN, which draws nothing, where there is none."""
    found = [
        [row["share"], row["low"], row["high"]]
        for row in rows
        if (row["direction"], row["site"], row["part"]) == (direction, site, part)
    ]
    return np.array(found, float).reshape(-1, 3).T


def _map(
    drawn: matplotlib.figure.Figure, ax: matplotlib.axes.Axes, rows: Rows, site: str
) -> None:
    parts = [part for part in PARTS if part != "all"]
    shares = np.array([_chosen(rows, "restored", site, part)[0] for part in parts])
    most = float(np.nanmax(np.abs(shares), initial=1e-9))
    image = ax.imshow(
        100 * shares,
        aspect="auto",
        cmap="RdBu",
        vmin=-100 * most,
        vmax=100 * most,
        interpolation="nearest",
    )
    ax.set_yticks(np.arange(len(parts)), [_part_name(part) for part in parts])
    ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    after = "state after layer" if site == "state" else "what the layer adds"
    ax.set_xlabel(f"layer ({after} restored)")
    drawn.colorbar(image, ax=ax, label="% of the damage")


def _part_name(part: str) -> str:
    return f"{part} token" if part in ("first", "last") else part


def _profiles(ax: matplotlib.axes.Axes, rows: Rows) -> None:
    curves = (
        ("restored", "update", BLUE, "restored", -0.12),
        ("produced", "update", RED, "produced by the opposite exchange", 0.12),
    )
    for direction, site, colour, name, shift in curves:
        share, low, high = 100 * _chosen(rows, direction, site, "all")
        layers = np.arange(len(share)) + shift
        ax.plot(layers, share, "o", color=colour, ms=4, label=name)
        ax.vlines(layers, low, high, color=colour, lw=1)
    restored = _chosen(rows, "restored", "update", "all")
    highest = 100 * float(np.nanmax(restored[0], initial=0.01))
    placebo = 100 * _chosen(rows, "placebo", PLACEBOS[1], "all")[0]
    shown = np.where(placebo > -2 * highest, placebo, np.nan)
    some = ", lower ones not drawn" if np.any(np.isnan(shown)) else ""
    ax.plot(shown, "x", color=GREY, ms=4, label=f"placebo (of the state{some})")
    ax.axhline(0, color="black", lw=0.8)
    ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    ax.set_xlabel("layer whose update is exchanged, all tokens")
    ax.set_ylabel("% of the damage (95 % interval)")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.35 * (high - low))  # the legend lies above the points
    ax.legend(frameon=False, fontsize=8, loc="upper right")


def _languages(ax: matplotlib.axes.Axes, rows: Rows) -> None:
    known = [row for row in rows if row["share"] is not None]
    if not known:
        ax.set_axis_off()
        ax.text(0, 0.5, "no language whose share is known", color=GREY)
        return
    known.sort(key=lambda row: row["training_bytes"] or 0)
    table = np.array([[row["share"], row["low"], row["high"]] for row in known], float)
    share, low, high = 100 * table.T
    places = np.arange(len(known))
    ax.plot(share, places, "o", color=BLUE, ms=4)
    ax.hlines(places, low, high, color=BLUE, lw=1)
    ax.set_yticks(places, [row["language"] for row in known])
    ax.axvline(0, color="black", lw=0.8)
    wide = float(np.nanmax(np.abs(share))) if len(share) else 100.0
    ax.set_xlim(-1.5 * wide, 2.5 * wide)  # intervals of small damages run far beyond
    ax.set_xlabel(
        "% of the damage restored at three gateways together,\nlanguages with least "
        "training text at the bottom"
    )
    left_out = len(rows) - len(known)
    if left_out:
        ax.set_title(
            f"{left_out} left out: damage not clearly above 0", fontsize=8, color=GREY
        )

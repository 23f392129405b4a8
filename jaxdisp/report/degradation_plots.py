"""Figures of what each language loses: in all, and by layer."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from jaxdisp.report import tables
from jaxdisp.report.drawing import BLUE, GREY, SETTINGS
from jaxdisp.report.illustration import Illustration


def degradation_figure(
    rows: Sequence[dict[str, Any]], *, title: str
) -> matplotlib.figure.Figure:
    """Draws what each language loses, and against how much text it was trained on.

    Args:
        rows: as from `results.degradation_rows`.
        title: what was quantized.

    Reference: our own definition.
    """
    known = all(row["training_bytes"] for row in rows)
    with mpl.rc_context(SETTINGS):
        figure = matplotlib.figure.Figure(
            figsize=(9 if known else 5.2, 0.26 * len(rows) + 1.3), layout="constrained"
        )
        axes = figure.subplots(1, 2 if known else 1, squeeze=False)[0]
        _bars(axes[0], list(rows)[::-1])
        if known:
            _against_training(axes[1], rows)
        figure.suptitle(title, fontsize=10)
    return figure


def _bars(axes: matplotlib.axes.Axes, rows: list[dict[str, Any]]) -> None:
    places = np.arange(len(rows))
    value, low, high = _bounds(rows)
    colours = [GREY if row["flag"] else BLUE for row in rows]
    axes.barh(places, value, color=colours, height=0.7)
    axes.hlines(places, low, high, color="black", lw=1)
    names = [
        f"{row['language']} ({row['flag']})" if row["flag"] else row["language"]
        for row in rows
    ]
    axes.set_yticks(places, names)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_xlabel("degradation (nats per parallel sentence, 95 % interval)")


def _bounds(rows: Sequence[dict[str, Any]]) -> np.ndarray:
    """Estimates, low and high bounds; NaN, which draws nothing, where there is none."""
    names = ("d_sent", "d_sent_low", "d_sent_high")
    return np.array([[row[name] for row in rows] for name in names], float)


def _against_training(
    axes: matplotlib.axes.Axes, rows: Sequence[dict[str, Any]]
) -> None:
    text = np.array([row["training_bytes"] for row in rows]) / 1e6
    value, low, high = _bounds(rows)
    axes.plot(text, value, "o", color=BLUE, ms=4)
    axes.vlines(text, low, high, color=BLUE, lw=1)
    for place, at in enumerate(np.argsort(text, kind="stable")):
        left = place % 2  # neighbours on the axis are named on opposite sides
        axes.annotate(
            rows[at]["language"],
            (text[at], value[at]),
            xytext=(-4 if left else 4, 3),
            ha="right" if left else "left",
            textcoords="offset points",
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    axes.axhline(0, color="black", lw=0.8)
    axes.set_xlabel("training text of the language (MB)")
    axes.set_ylabel("degradation (nats per sentence)")


def layer_figure(
    rows: Sequence[dict[str, Any]], *, title: str
) -> matplotlib.figure.Figure:
    """Draws what quantizing, and what protecting, a single layer does to each language.

    Args:
        rows: as from `results.layer_rows`, of both treatments.
        title: what was quantized.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        figure = matplotlib.figure.Figure(figsize=(9, 4.6), layout="constrained")
        axes = figure.subplots(1, 2)
        quantized = [row for row in rows if row["treatment"] == "quantized"]
        protected = [row for row in rows if row["treatment"] == "protected"]
        order = _hardest_hit_first(quantized)
        _heat(figure, axes[0], quantized, order, 1)
        _heat(figure, axes[1], protected, order, -1)
        axes[0].set_title("lost when only this is quantized", fontsize=9)
        axes[1].set_title("saved when only this is protected", fontsize=9)
        figure.suptitle(title, fontsize=10)
    return figure


def _hardest_hit_first(rows: Sequence[dict[str, Any]]) -> list[str]:
    total: dict[str, float] = {}
    for row in rows:
        total[row["language"]] = total.get(row["language"], 0.0) + row["effect"]
    return sorted(total, key=lambda language: -total[language])


def _heat(
    figure: matplotlib.figure.Figure,
    axes: matplotlib.axes.Axes,
    rows: Sequence[dict[str, Any]],
    languages: list[str],
    sign: int,
) -> None:
    n_layers = 1 + max(row["layer"] for row in rows)
    table = np.zeros((len(languages), n_layers))
    clear = []
    for row in rows:
        place = (languages.index(row["language"]), row["layer"])
        table[place] = sign * row["effect"]
        low, high = row["effect_low"], row["effect_high"]
        if low is not None and high is not None and (low > 0 or high < 0):
            clear.append(place)
    limit = float(np.abs(table).max()) or 1.0
    image = axes.imshow(table, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axes.plot([layer for _, layer in clear], [n for n, _ in clear], "k.", ms=3)
    axes.set_yticks(range(len(languages)), languages)
    axes.set_xticks(range(n_layers), [str(n) for n in range(n_layers)])
    axes.set_xlabel("layer (dot: 95 % interval excludes 0)")
    figure.colorbar(image, ax=axes, label="nats per parallel sentence")


def illustrations(found: dict[str, Any], *, title: str) -> list[Illustration]:
    """Draws what each language loses, and the sweep over layers, where measured.

    Args:
        found: the content of `results.json`.
        title: what was quantized.

    Reference: our own definition.
    """
    drawn = []
    if "degradation" in found:
        rows = found["degradation"]
        drawn.append(
            Illustration(
                name="degradation",
                section="degradation",
                title="What each language loses",
                alt=f"Bars: {rows[0]['language']} loses most, "
                f"{tables.with_bounds(rows[0], 'd_sent', 2)} nats per sentence, "
                f"{rows[-1]['language']} least, "
                f"{tables.with_bounds(rows[-1], 'd_sent', 2)}.",
                tables=("degradation",),
                figure=degradation_figure(rows, title=title),
            )
        )
    if "layer_sentences" in found:
        drawn.append(
            Illustration(
                name="layers",
                section="layers",
                title="What each layer costs each language",
                alt=_layers_in_words(found["layers"]),
                tables=("layers",),
                figure=layer_figure(found["layers"], title=title),
            )
        )
    return drawn


def _layers_in_words(rows: Sequence[dict[str, Any]]) -> str:
    alone = [row for row in rows if row["treatment"] == "quantized"]
    most = max(alone, key=lambda row: row["effect"])
    return (
        "Two heat maps of layers by language. Quantized alone, layer "
        f"{most['layer']} costs {most['language']} most: "
        f"{tables.with_bounds(most, 'effect', 2)} nats per sentence."
    )

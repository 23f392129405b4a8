"""Figures of what each language loses: in all, and by layer."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import numpy as np

from jaxdisp.report import drawing, tables
from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS
from jaxdisp.report.illustration import Illustration

TIERS = (
    ("low", RED, "s", "low-resource side"),
    ("high", BLUE, "o", "high-resource side"),
    ("", GREY, "D", "on neither side"),
)
"""Sides of the contrast, with their colour, mark and name."""


def side(language: str, contrast: dict[str, Any] | None) -> str:
    """Says on which side of the contrast a language is: low, high or none.

    Args:
        language: its name.
        contrast: as in `disparity`; None has no sides.

    Reference: our own definition.
    """
    sides = contrast or {"low": (), "high": ()}
    return next((name for name in ("low", "high") if language in sides[name]), "")


def tiers(contrast: dict[str, Any] | None) -> list[tuple[str, str, str, str]]:
    """Names the sides of a contrast, with the colour and the mark of each.

    Args:
        contrast: as in `disparity`; None has no sides, and one colour.

    Reference: our own definition.
    """
    if contrast is None:
        return [("", BLUE, "o", "a language")]
    named: dict[str, str] = {}
    if len(contrast["high"]) == 1:
        named = {"low": "other languages", "high": contrast["high"][0]}
    return [
        (key, colour, mark, named.get(key, name)) for key, colour, mark, name in TIERS
    ]


def degradation_figure(
    rows: Sequence[dict[str, Any]],
    *,
    title: str,
    contrast: dict[str, Any] | None = None,
) -> matplotlib.figure.Figure:
    """Draws what each language loses, and against how much text it was trained on.

    Open marks are of languages with insufficient evidence: no interval, or one that
    holds 0.

    Args:
        rows: as from `results.degradation_rows`; `d_sent` in nats per sentence.
        title: what was quantized.
        contrast: which languages are compared; None does not colour them.

    Reference: our own definition.
    """
    known = all(row["training_bytes"] for row in rows)
    with mpl.rc_context(SETTINGS):
        figure = matplotlib.figure.Figure(
            figsize=(9 if known else 5.2, max(3.2, 0.2 * len(rows) + 1.6)),
            layout="constrained",
        )
        axes = figure.subplots(1, 2 if known else 1, squeeze=False)[0]
        _losses(axes[0], list(rows)[::-1], contrast)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=2 + 2 * known,
            frameon=False,
            fontsize=8,
        )
        figure.suptitle(title, fontsize=10)
        if known:
            _against_training(axes[1], rows, contrast)
    return figure


def _losses(
    axes: matplotlib.axes.Axes,
    rows: list[dict[str, Any]],
    contrast: dict[str, Any] | None,
) -> None:
    places = np.arange(len(rows))
    value, low, high = _bounds(rows)
    _marked(axes, rows, contrast, (value, places))
    axes.hlines(places, low, high, color=_colours(rows, contrast), lw=1.4)
    if not all(map(_enough, rows)):
        none: Any = {"color": GREY, "mfc": "white", "ls": "none", "ms": 5}
        axes.plot([], [], "o", label="open: insufficient evidence", **none)
    names = [
        f"{row['language']} ({row['flag']})" if row["flag"] else row["language"]
        for row in rows
    ]
    axes.set_yticks(places, names)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_xlabel("degradation (nats per parallel sentence, 95 % interval)")


def _colours(
    rows: Sequence[dict[str, Any]], contrast: dict[str, Any] | None
) -> list[str]:
    by_side = {key: colour for key, colour, *_ in tiers(contrast)}
    return [by_side[side(row["language"], contrast)] for row in rows]


def _marked(
    axes: matplotlib.axes.Axes,
    rows: Sequence[dict[str, Any]],
    contrast: dict[str, Any] | None,
    at: tuple[np.ndarray, np.ndarray],
) -> None:
    """Points by side: filled where there is enough evidence."""
    for key, colour, mark, name in tiers(contrast):
        own = np.array([side(row["language"], contrast) == key for row in rows])
        sure = np.array([_enough(row) for row in rows])
        for chosen, fill in ((own & sure, colour), (own & ~sure, "white")):
            label = name if fill == colour and own.any() else None
            style: Any = {"color": colour, "mfc": fill, "ms": 5, "label": label}
            axes.plot(at[0][chosen], at[1][chosen], mark, zorder=3, **style)


def _enough(row: dict[str, Any]) -> bool:
    """Whether there is an interval, and it leaves out 0."""
    low, high = row["d_sent_low"], row["d_sent_high"]
    return None not in (low, high) and (low > 0 or high < 0)


def _bounds(rows: Sequence[dict[str, Any]]) -> np.ndarray:
    """Estimates, low and high bounds; NaN, which draws nothing, where there is none."""
    names = ("d_sent", "d_sent_low", "d_sent_high")
    return np.array([[row[name] for row in rows] for name in names], float)


def _against_training(
    axes: matplotlib.axes.Axes,
    rows: Sequence[dict[str, Any]],
    contrast: dict[str, Any] | None,
) -> None:
    text = np.array([row["training_bytes"] for row in rows]) / 1e6
    value, low, high = _bounds(rows)
    axes.vlines(text, low, high, color=_colours(rows, contrast), lw=1.2, alpha=0.6)
    _marked(axes, rows, contrast, (text, value))
    axes.set_xscale("log")
    drawing.plain_numbers(
        axes.xaxis, (1.0, 2.0, 5.0) if np.ptp(np.log10(text)) < 2 else (1.0,)
    )
    axes.axhline(0, color="black", lw=0.8)
    axes.margins(x=0.08)
    axes.set_xlabel("training text of the language (MB)")
    axes.set_ylabel("degradation (nats per sentence, 95 %)")
    known = np.flatnonzero(np.isfinite(value))
    names = [rows[int(place)]["language"] for place in known]
    drawing.name_points(axes, text[known], value[known], names)


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
        n_languages = len({row["language"] for row in rows})
        figure = matplotlib.figure.Figure(
            figsize=(9, max(3.4, 0.19 * n_languages + 1.5)), layout="constrained"
        )
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
        if _excludes_zero(row):
            clear.append(place)
    limit = float(np.abs(table).max()) or 1.0
    image = axes.imshow(table, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    at = [layer for _, layer in clear], [n for n, _ in clear]
    axes.plot(*at, ms=3, **drawing.ON_CELLS)
    axes.set_yticks(range(len(languages)), languages)
    every = range(0, n_layers, 1 + (n_layers - 1) // 16)
    axes.set_xticks(every, [str(n) for n in every])
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
        contrast = found.get("disparity", {}).get("contrast")
        drawn.append(
            Illustration(
                name="degradation",
                section="degradation",
                title="What each language loses",
                alt=_losses_in_words(rows),
                tables=("degradation",),
                figure=degradation_figure(rows, title=title, contrast=contrast),
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


def _losses_in_words(rows: Sequence[dict[str, Any]]) -> str:
    most, least = (
        f"{row['language']} {tables.with_bounds(row, 'd_sent', 2)}"
        for row in (rows[0], rows[-1])
    )
    unsure = [row["language"] for row in rows if not _enough(row)]
    doubt = f" Insufficient evidence: {', '.join(unsure)}." if unsure else ""
    return (
        f"Losses of {len(rows)} languages with 95 % intervals, in nats per sentence: "
        f"the most in {most}, the least in {least}.{doubt}"
    )


def _layers_in_words(rows: Sequence[dict[str, Any]]) -> str:
    alone, protected = (
        [row for row in rows if row["treatment"] == treatment]
        for treatment in ("quantized", "protected")
    )
    most = max(alone, key=lambda row: row["effect"])
    best = min(protected, key=lambda row: row["effect"], default=most)
    clear = sum(_excludes_zero(row) for row in alone)
    saved = {
        "saved": -best["effect"],
        "saved_low": _negative(best["effect_high"]),
        "saved_high": _negative(best["effect_low"]),
    }
    return (
        "Two heat maps of layers by language. Quantized alone, layer "
        f"{most['layer']} costs {most['language']} most: "
        f"{tables.with_bounds(most, 'effect', 2)} nats per sentence; {clear} of "
        f"{len(alone)} intervals exclude 0. Protected alone, layer {best['layer']} "
        f"saves {best['language']} most: {tables.with_bounds(saved, 'saved', 2)}."
    )


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _excludes_zero(row: dict[str, Any]) -> bool:
    low, high = row["effect_low"], row["effect_high"]
    return low is not None and high is not None and (low > 0 or high < 0)

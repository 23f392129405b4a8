"""Figures of clipping, drawn from stored rows."""

from collections.abc import Sequence
from typing import Any, cast

import matplotlib as mpl
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from jaxdisp.quant.laws import Family
from jaxdisp.report import drawing, law_thresholds, tables
from jaxdisp.report.clip_tables import SHORT
from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS
from jaxdisp.report.illustration import Illustration

LOOKS = {
    "absmax": (RED, "o"),
    "percentile": (GREY, "^"),
    "aciq_gaussian": (GREY, "v"),
    "aciq_laplace": (GREY, "s"),
    "exact": ("black", "*"),
    "average": (BLUE, "D"),
    "minimax": (BLUE, "P"),
}
"""Colour and mark by rule: nothing clipped, by weights alone, by activations."""
OTHERS = "Xdph8<>"
"""Marks of rules that have none of their own."""


def of_law(found: dict[str, Any]) -> list[Illustration]:
    """Draws the figures of a law: error by threshold, threshold by kurtosis.

    Args:
        found: as from `law_thresholds.law_thresholds`.

    Reference: our own definition.
    """
    law, bits = found["law"], found["bits"]
    return [
        Illustration(
            name="error_by_threshold",
            section="clipping",
            title="Error by threshold",
            alt=f"Error of {bits} bits of the {law.replace('_', ' ')} law by "
            "threshold, parted into clipping and rounding: least at "
            f"{found['in_standard_deviations']['exact_symmetric']:.3f} standard "
            f"deviations, where it is {100 * found['errors']['symmetric']:.3g} % of "
            "the variance.",
            tables=(),
            figure=error_figure(found),
        ),
        Illustration(
            name="threshold_by_kurtosis",
            section="clipping",
            title="Threshold by kurtosis",
            alt=f"Thresholds of least error at {bits} bits by excess kurtosis, of "
            "three families; this law's is "
            f"{found['in_standard_deviations']['exact_symmetric']:.2f} standard "
            f"deviations at {found['excess_kurtosis']:.2f}.",
            tables=(),
            figure=kurtosis_figure(bits),
        ),
    ]


def illustrations(found: dict[str, Any], *, title: str) -> list[Illustration]:
    """Draws thresholds of matrices, and what clipping changes, where measured.

    Args:
        found: the content of `results.json`.
        title: what was quantized.

    Reference: our own definition.
    """
    drawn = []
    if "matrices" in found:
        bits = found["quantizer"]["bits"]
        drawn.append(
            Illustration(
                name="threshold_by_kurtosis",
                section="clipping",
                title="Threshold by kurtosis, matrix by matrix",
                alt=_matrices_in_words(found["matrices"], bits),
                tables=("clipping_matrices",),
                figure=kurtosis_figure(bits, found["matrices"], title=title),
            )
        )
    if "clipping" in found:
        drawn.append(
            Illustration(
                name="clipping",
                section="clipping",
                title="What clipping changes",
                alt=_comparison_in_words(found["clipping"]),
                tables=("clipping", "clipping_differences"),
                figure=comparison_figure(found["clipping"], title=title),
            )
        )
    return drawn


def error_figure(found: dict[str, Any]) -> matplotlib.figure.Figure:
    """Draws the mean squared error against the threshold, with its two parts.

    Args:
        found: as from `law_thresholds.law_thresholds`.

    Reference: our own definition.
    """
    family = cast("Family", found["law"])
    curve = law_thresholds.curves(family, found["bits"], found["excess_kurtosis"])
    at = curve["threshold"]
    with mpl.rc_context(SETTINGS):
        figure = matplotlib.figure.Figure(figsize=(5.6, 3.8), layout="constrained")
        axes = figure.subplots()
        axes.plot(at, curve["error"], color="black", label="exact error")
        axes.plot(at, curve["clipping"], color=RED, label="of it clipping")
        axes.plot(at, curve["rounding"], color=BLUE, label="of it rounding")
        axes.plot(at, curve["additive_noise"], "--", color=GREY, label="additive noise")
        best = found["in_standard_deviations"]["exact_symmetric"]
        axes.axvline(best, color="black", lw=0.8, ls=":")
        axes.annotate(
            f" {best:.3f}", (best, 1), xycoords=("data", "axes fraction"), va="top"
        )
        axes.set_yscale("log")
        drawing.plain_numbers(axes.yaxis)
        least = float(np.min(curve["error"]))
        axes.set_ylim(least / 30, min(1.0, 40 * least))
        axes.set_xlabel("threshold (standard deviations; exact, so no interval)")
        axes.set_ylabel("mean squared error (variance of the law)")
        name = found["law"].replace("_", " ")
        axes.set_title(f"{name} law, {found['bits']} bits, symmetric grid", fontsize=9)
        axes.legend(frameon=False)
    return figure


def kurtosis_figure(
    bits: int, matrices: Sequence[dict[str, Any]] = (), *, title: str = ""
) -> matplotlib.figure.Figure:
    """Draws the best threshold against kurtosis by family, and where matrices lie.

    Args:
        bits: word length.
        matrices: as from `clip_matrices.matrix_rows`; none draws the laws alone.
        title: of the model.

    Reference: our own definition.
    """
    curves = law_thresholds.by_kurtosis(bits)
    with mpl.rc_context(SETTINGS):
        figure = matplotlib.figure.Figure(figsize=(6.2, 4), layout="constrained")
        axes = figure.subplots()
        kurtosis = curves["kurtosis"]
        for name, colour, label in (
            ("generalised_gaussian", BLUE, "generalised Gaussian law"),
            ("student_t", GREY, "Student-t law"),
        ):
            style = "-." if colour == GREY else "-"
            axes.plot(kurtosis, curves[name], style, color=colour, label=label)
        axes.plot(
            kurtosis,
            curves["logarithmic"],
            "--",
            color=RED,
            label="the notes' 2.5 + 0.3 ln(1 + kurtosis)",
        )
        if matrices:
            axes.plot(
                [row["kurtosis"] for row in matrices],
                [row["threshold"]["exact"] for row in matrices],
                "o",
                color="black",
                ms=3,
                alpha=0.6,
                label="matrices of the model, exact",
            )
        axes.set_xscale("symlog", linthresh=1)
        axes.set_yscale("log")
        axes.set_yticks([2, 3, 4, 6, 8, 12, 16])
        axes.minorticks_off()
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
        axes.set_xlabel(
            "excess kurtosis (no intervals: laws, and matrices as they are)"
        )
        axes.set_ylabel("best threshold (standard deviations)")
        axes.set_title(title or f"{bits} bits, symmetric grid", fontsize=9)
        axes.legend(frameon=False)
    return figure


def comparison_figure(
    compared: dict[str, Any], *, title: str
) -> matplotlib.figure.Figure:
    """Draws what each language loses by rule, and what changes with language.

    Args:
        compared: as from `clipping.compare`.
        title: what was quantized.

    Reference: our own definition.
    """
    rows = {(row["rule"], row["language"]): row for row in compared["degradation"]}
    languages = sorted(
        dict.fromkeys(row["language"] for row in compared["degradation"]),
        key=lambda name: -rows["absmax", name]["d_sent"],
    )
    rules = compared["rules"]
    spare = ((GREY, mark) for mark in OTHERS)
    looks = {rule: LOOKS.get(rule) or next(spare) for rule in rules}
    with mpl.rc_context(SETTINGS):
        figure = matplotlib.figure.Figure(
            figsize=(9, 0.36 * len(languages) + 1.6), layout="constrained"
        )
        axes = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        places = np.arange(len(languages))[::-1]
        for number, rule in enumerate(rules):
            values = np.array([rows[rule, name]["d_sent"] for name in languages])
            low, high = (
                np.array(
                    [rows[rule, name][f"d_sent_{end}"] for name in languages], float
                )
                for end in ("low", "high")
            )
            at = places + 0.7 * (0.5 - (number + 0.5) / len(rules))
            colour, mark = looks[rule]
            axes[0].hlines(at, low, high, color=colour, lw=0.8)
            axes[0].plot(values, at, mark, color=colour, ms=4, label=SHORT[rule])
        _differences(axes[1], compared, languages, places)
        axes[0].set_yticks(places, languages)
        axes[0].axvline(0, color="black", lw=0.8)
        axes[0].set_xlabel("degradation (nats per sentence, 95 %)")
        above = {
            "loc": "lower left",
            "bbox_to_anchor": (0.0, 1.0),
            "columnspacing": 1.0,
        }
        axes[0].legend(frameon=False, fontsize=7, ncols=5, **above)
        axes[1].legend(frameon=False, fontsize=7, **above)
        figure.suptitle(title, fontsize=10)
    return figure


def _differences(
    axes: Any, compared: dict[str, Any], languages: list[str], places: np.ndarray
) -> None:
    for number, (against, colour) in enumerate((("exact", BLUE), ("average", RED))):
        chosen = {
            row["language"]: row
            for row in compared["differences"]
            if row["rule"] == "minimax" and row["against"] == against
        }
        at = places + 0.15 - 0.3 * number
        effect, low, high = (
            np.array([chosen[name][key] for name in languages], float)
            for key in ("effect", "effect_low", "effect_high")
        )
        axes.hlines(at, low, high, color=colour, lw=1)
        mark = "o" if number == 0 else "s"
        style: Any = {"color": colour, "ms": 3.5, "label": f"minimax minus {against}"}
        axes.plot(effect, at, mark, **style)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_xlabel("paired difference (nats per sentence, 95 %)")


def _matrices_in_words(matrices: Sequence[dict[str, Any]], bits: int) -> str:
    best = [row["threshold"]["exact"] for row in matrices]
    kurtosis = [row["kurtosis"] for row in matrices]
    return (
        f"Exact thresholds of {len(matrices)} matrices at {bits} bits, {min(best):.2f} "
        f"to {max(best):.2f} standard deviations, at excess kurtoses of "
        f"{min(kurtosis):.2f} to {max(kurtosis):.2f}, beside the curves of two laws "
        "and the notes' logarithm."
    )


def _comparison_in_words(compared: dict[str, Any]) -> str:
    means = {row["rule"]: row for row in compared["disparity"]}
    said = [
        f"{SHORT[rule]} {tables.with_bounds(means[rule], 'mean', 2)}"
        for rule in compared["rules"]
        if rule in means
    ]
    return (
        "Losses by language and clipping rule with 95 % intervals; means over "
        f"languages, in nats per sentence: {', '.join(said)}."
    )

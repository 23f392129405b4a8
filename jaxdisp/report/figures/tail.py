"""How few sentences carry the damage: Lorenz curves, and sentences that collapse."""

import math
from typing import Any

import jax
import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np
from jaxtyping import Float

from jaxdisp.measure.degradation import COLLAPSED
from jaxdisp.report import tables as cells
from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS
from jaxdisp.report.illustration import Illustration
from jaxdisp.stats import bootstrap

Rows = list[dict[str, Any]]

ALL = "all languages"
DRAWS = 500
GRID = np.linspace(0.0, 1.0, 21)
TENTH = 2
"""Place of a tenth in the grid."""


def rows(found: dict[str, Any]) -> tuple[Rows, Rows]:
    """Measures which share of the damage the hardest hit sentences carry.

    Definition: with `d` what a sentence loses, `h = max(d, 0)` is its damage, and the
    curve is the share of `sum h` in the sentences of largest `h`, by their share of all
    sentences; sentences that gain have no damage, and their share is told. Intervals:
    quantiles .025 and .975 over resamples of texts. `collapsed` is the share of
    sentences whose quantized loss per token exceeds 0.9 ln V; None where the vocabulary
    V is unknown.

    Args:
        found: holds `sentence_losses`, and perhaps `vocabulary`.

    Returns:
        One row per language and one for all together; and their curves.

    Reference: Lorenz 1905, Publications of the American Statistical Association 9;
        Davison and Hinkley 1997, section 3.8 (clusters drawn with replacement).
    """
    losses = found["sentence_losses"]
    lost = np.asarray(losses["quantized"], float) - np.asarray(losses["full"], float)
    groups = np.unique(losses["groups"], return_inverse=True)[1]
    counts = _counts(len(np.unique(groups)), found.get("seed", 0))
    weights = np.concatenate([np.ones((1, len(groups))), counts[:, groups]])
    gone = _collapsed(found, np.asarray(losses["quantized"], float))
    names, parts = [ALL, *losses["languages"]], [lost.ravel(), *lost]
    table, lines = [], []
    for place, (name, own) in enumerate(zip(names, parts, strict=True)):
        every = weights if place else np.tile(weights, len(lost))
        curves = _curves(own, every)
        bounds = _bounds(curves)
        fallen = None if gone is None else gone if place == 0 else gone[place - 1]
        table.append(
            {"language": name, "sentences": len(own)}
            | _three("worst_tenth", bounds[:, TENTH])
            | {
                "gaining": float(np.mean(own < 0)),
                "collapsed": None if fallen is None else float(np.mean(fallen)),
            }
        )
        lines += [
            {"language": name, "share_of_sentences": float(at)}
            | _three("share_of_damage", three)
            for at, three in zip(GRID, bounds.T, strict=True)
        ]
    return table, lines


def _counts(n_texts: int, seed: int) -> np.ndarray:
    """How often each resample holds each text; none where there are too few."""
    if n_texts < 2:
        return np.empty((0, n_texts))
    key = jax.random.fold_in(jax.random.key(seed), 905)  # the year of the curve
    return bootstrap.draw_counts(key, n_clusters=n_texts, draws=DRAWS).astype(float)


def _collapsed(found: dict[str, Any], quantized: np.ndarray) -> np.ndarray | None:
    if "vocabulary" not in found:
        return None
    n_tokens = np.asarray(found["sentence_losses"]["n_tokens"])
    return quantized > COLLAPSED * math.log(found["vocabulary"]) * n_tokens


def _curves(
    lost: Float[np.ndarray, " sentence"], weights: Float[np.ndarray, "draw sentence"]
) -> Float[np.ndarray, "draw point"]:
    """Shares of the damage at the grid, the first with the weights of the data."""
    order = np.argsort(-lost, kind="stable")
    damage, weights = np.maximum(lost[order], 0.0), weights[:, order]
    start = np.zeros((len(weights), 1))
    at = np.concatenate([start, np.cumsum(weights, axis=1)], axis=1)
    share = np.concatenate([start, np.cumsum(weights * damage, axis=1)], axis=1)
    at = at / at[:, -1:]
    with np.errstate(invalid="ignore"):  # nothing lost: no shares
        share = share / share[:, -1:]
    pairs = zip(at, share, strict=True)
    return np.stack([np.interp(GRID, own, value) for own, value in pairs])


def _bounds(curves: np.ndarray) -> np.ndarray:
    """Estimate, low and high, by point; bounds are NaN where they are not known."""
    if len(curves) == 1 or not np.all(np.isfinite(curves)):
        nothing = np.full_like(curves[0], np.nan)
        return np.stack([curves[0], nothing, nothing])
    low, high = np.quantile(curves[1:], [0.025, 0.975], axis=0)
    return np.stack([curves[0], low, high])


def _three(name: str, values: np.ndarray) -> dict[str, float | None]:
    known = [float(x) if np.isfinite(x) else None for x in values]
    keys = (name, f"{name}_low", f"{name}_high")
    return dict(zip(keys, known, strict=True))


def figure(table: Rows, curves: Rows, *, title: str) -> matplotlib.figure.Figure:
    """Draws Lorenz curves of the damage, in percent, and its worst tenth by language.

    Args:
        table: as from `rows`.
        curves: as from `rows`.
        title: what was quantized.

    Reference: our own definition.
    """
    with mpl.rc_context(SETTINGS):
        made = matplotlib.figure.Figure(
            figsize=(9, max(3.9, 0.19 * len(table) + 1.3)), layout="constrained"
        )
        left, right = made.subplots(1, 2)
        _lorenz(left, curves)
        _tenths(right, table[1:])
        made.suptitle(title, fontsize=10)
    return made


def _lorenz(axes: matplotlib.axes.Axes, curves: Rows) -> None:
    percent = 100 * GRID
    languages = dict.fromkeys(row["language"] for row in curves)
    names = ("share_of_damage", "share_of_damage_low", "share_of_damage_high")
    for number, language in enumerate([name for name in languages if name != ALL]):
        own = [r["share_of_damage"] for r in curves if r["language"] == language]
        label = None if number else "each language (intervals: on the right)"
        value = 100 * np.array(own, float)
        axes.plot(percent, value, color=GREY, lw=0.6, alpha=0.7, label=label)
    pooled = [[row[n] for n in names] for row in curves if row["language"] == ALL]
    value, low, high = 100 * np.array(pooled, float).T
    axes.fill_between(percent, low, high, color=BLUE, alpha=0.25, lw=0)
    axes.plot(percent, value, color=BLUE, lw=1.8, label=f"{ALL}, 95 % band")
    axes.plot([0, 100], [0, 100], "--", color="black", lw=0.8, label="equal shares")
    axes.set_xlabel("share of sentences, hardest hit first (%)")
    axes.set_ylabel("share of all nats lost by sentences that lose (%)")
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def _tenths(axes: matplotlib.axes.Axes, table: Rows) -> None:
    known = sorted(
        (row for row in table if row["worst_tenth"] is not None),
        key=lambda row: row["worst_tenth"],
    )
    places = np.arange(len(known))
    names = ("worst_tenth", "worst_tenth_low", "worst_tenth_high")
    value, low, high = (
        100 * np.array([row[name] for row in known], float) for name in names
    )
    axes.hlines(places, low, high, color=BLUE, lw=1.4)
    style: dict[str, Any] = {"color": BLUE, "ms": 5}
    axes.plot(value, places, "o", label="worst tenth: % of the damage, 95 %", **style)
    gaining = [100 * row["gaining"] for row in known]
    style = {"color": GREY, "ms": 5, "label": "sentences that gain: % (a count)"}
    axes.plot(gaining, places, "x", **style)
    if known and known[0]["collapsed"] is not None:
        gone = [100 * row["collapsed"] for row in known]
        style = {"color": RED, "mfc": "none", "ms": 5, "clip_on": False}
        axes.plot(gone, places, "v", label="collapsed: % (a count)", **style)
    axes.set_yticks(places, [row["language"] for row in known])
    axes.set_ylim(-0.7, len(known) - 0.3)
    axes.set_xlim(left=-1.5)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(6))
    axes.set_xlabel("%")
    axes.legend(
        frameon=False, fontsize=7.5, loc="lower left", bbox_to_anchor=(0, 1), ncols=2
    )


def illustrations(found: dict[str, Any], *, title: str) -> list[Illustration]:
    """Draws the tail of the damage, where losses of sentences are known.

    Args:
        found: the content of `results.json`.
        title: what was quantized.

    Reference: our own definition.
    """
    made = tables(found)
    if not made or made["tail"][0]["worst_tenth"] is None:
        return []
    pooled, *languages = made["tail"]
    percent = {
        f"x{end}": None if value is None else 100 * value
        for end in ("", "_low", "_high")
        for value in [pooled[f"worst_tenth{end}"]]
    }
    fallen = ""
    if pooled["collapsed"] is not None:
        fallen = f", and {100 * pooled['collapsed']:.1f} % collapse"
    known = [row for row in languages if row["worst_tenth"] is not None]
    top = max(known, key=lambda row: row["worst_tenth"])
    return [
        Illustration(
            name="tail",
            section="disparity",
            title="How few sentences carry the damage",
            alt="Lorenz curves: the hardest hit tenth of sentences carries "
            f"{cells.with_bounds(percent, 'x', 0)} % of all nats lost, most in "
            f"{top['language']} ({100 * top['worst_tenth']:.0f} %); "
            f"{100 * pooled['gaining']:.0f} % of sentences gain{fallen}.",
            tables=("tail", "tail_curves"),
            figure=figure(made["tail"], made["tail_curves"], title=title),
        )
    ]


def tables(found: dict[str, Any]) -> dict[str, Rows]:
    """Collects the tables behind the figure.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    if "sentence_losses" not in found:
        return {}
    table, curves = rows(found)
    return {"tail": table, "tail_curves": curves}

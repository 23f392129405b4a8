"""Tokens per sentence, word and byte, against what quantization costs."""

from typing import Any

import matplotlib as mpl
import matplotlib.axes
import matplotlib.figure
import numpy as np
import scipy.stats

from jaxdisp.report import drawing
from jaxdisp.report.degradation_plots import side, tiers
from jaxdisp.report.drawing import SETTINGS
from jaxdisp.report.illustration import Illustration
from jaxdisp.stats.correlation import rank_interval

Rows = list[dict[str, Any]]

UNITS = {
    "tokens_per_sentence": "tokens per parallel sentence",
    "tokens_per_word": "tokens per word",
    "tokens_per_byte": "tokens per byte",
}
FEWEST = 5
"""Languages for an interval of a rank correlation."""


def rows(found: dict[str, Any]) -> Rows:
    """Lists how finely each language is cut into tokens, beside what it loses.

    Definition: sums of tokens over sums of sentences, words and bytes; words only in
    scripts that write them apart.

    Args:
        found: holds `degradation` and `sentence_losses`.

    Reference: Rust et al. 2021, arXiv:2012.15613, section 4 (fertility).
    """
    losses = found["sentence_losses"]
    cut = {}
    for place, language in enumerate(losses["languages"]):
        n_tokens = np.asarray(losses["n_tokens"][place])
        n_bytes = np.asarray(losses["n_bytes"][place])
        words = (losses.get("n_words") or {}).get(language)
        cut[language] = {
            "tokens_per_sentence": float(n_tokens.mean()),
            "tokens_per_word": float(n_tokens.sum() / words) if words else None,
            "tokens_per_byte": float(n_tokens.sum() / n_bytes.sum()),
        }
    names = ("d_sent", "d_sent_low", "d_sent_high")
    return [
        {"language": row["language"]}
        | cut[row["language"]]
        | {name: row[name] for name in names}
        for row in found["degradation"]
    ]


def correlations(table: Rows) -> Rows:
    """Correlates ranks of each unit with what languages lose.

    Definition: Spearman's correlation with the interval of Bonett and Wright; languages
    without the number are left out; no row for fewer than 5, or where all are equal.

    Args:
        table: as from `rows`.

    Reference: Bonett and Wright 2000, Psychometrika 65, equation 4.
    """
    made = []
    for unit in UNITS:
        pairs = np.array(
            [
                [row[unit], row["d_sent"]]
                for row in table
                if None not in (row[unit], row["d_sent"])
            ],
            float,
        ).reshape(-1, 2)
        if len(pairs) < FEWEST or np.any(np.ptp(pairs, axis=0) == 0):
            continue
        correlated: Any = scipy.stats.spearmanr(pairs[:, 0], pairs[:, 1])
        estimate = float(correlated.statistic)
        low, high = rank_interval(estimate, len(pairs))
        made.append(
            {
                "unit": unit,
                "rank_correlation": estimate,
                "rank_correlation_low": low,
                "rank_correlation_high": high,
                "n": len(pairs),
            }
        )
    return made


def figure(
    table: Rows, *, title: str, contrast: dict[str, Any] | None = None
) -> matplotlib.figure.Figure:
    """Draws losses, in nats per sentence, against tokens per sentence, word and byte.

    Args:
        table: as from `rows`.
        title: what was quantized.
        contrast: which languages are compared; None does not colour them.

    Reference: our own definition.
    """
    said = {row["unit"]: row for row in correlations(table)}
    units = [unit for unit in UNITS if any(row[unit] is not None for row in table)]
    with mpl.rc_context(SETTINGS):
        made = matplotlib.figure.Figure(figsize=(9, 3.9), layout="constrained")
        panels = made.subplots(1, len(units), sharey=True, squeeze=False)[0]
        for axes, unit in zip(panels, units, strict=True):
            _panel(axes, table, unit, contrast)
            axes.set_title(_words(said.get(unit)), fontsize=9)
        panels[0].set_ylabel("degradation (nats per sentence, 95 %)")
        handles, labels = panels[0].get_legend_handles_labels()
        made.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=3,
            frameon=False,
            fontsize=8,
        )
        made.suptitle(title, fontsize=10)
        for axes, unit in zip(panels, units, strict=True):
            own = [r for r in table if None not in (r[unit], r["d_sent"])]
            drawing.name_points(
                axes,
                [row[unit] for row in own],
                [row["d_sent"] for row in own],
                [row["language"] for row in own],
            )
    return made


def _panel(
    axes: matplotlib.axes.Axes, table: Rows, unit: str, contrast: dict[str, Any] | None
) -> None:
    for key, colour, mark, name in tiers(contrast):
        own = [
            row
            for row in table
            if row[unit] is not None and side(row["language"], contrast) == key
        ]
        if not own:
            continue
        at, value, low, high = np.array(
            [[r[unit], r["d_sent"], r["d_sent_low"], r["d_sent_high"]] for r in own],
            float,
        ).T
        axes.vlines(at, low, high, color=colour, lw=1, alpha=0.55)
        axes.plot(at, value, mark, color=colour, ms=4.5, label=name, zorder=3)
    axes.axhline(0, color="black", lw=0.8)
    axes.margins(x=0.1)
    axes.set_xlabel(f"{UNITS[unit]} (a count)")


def _words(row: dict[str, Any] | None) -> str:
    if row is None:
        return "too few languages for a correlation"
    low, high = row["rank_correlation_low"], row["rank_correlation_high"]
    return f"rank correlation {row['rank_correlation']:.2f} [{low:.2f}, {high:.2f}]"


def illustrations(found: dict[str, Any], *, title: str) -> list[Illustration]:
    """Draws fertility against losses, where losses of sentences are known.

    Args:
        found: the content of `results.json`.
        title: what was quantized.

    Reference: our own definition.
    """
    if "sentence_losses" not in found:
        return []
    table = rows(found)
    said = "; ".join(
        f"{UNITS[row['unit']]}: {_words(row)} over {row['n']} languages"
        for row in correlations(table)
    )
    return [
        Illustration(
            name="fertility",
            section="degradation",
            title="How finely a language is cut, and what it loses",
            alt=f"Points, one for each of {len(table)} languages with 95 % intervals: "
            f"{said or 'too few for a correlation'}.",
            tables=("fertility", "fertility_correlations"),
            figure=figure(
                table, title=title, contrast=found["disparity"].get("contrast")
            ),
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
    table = rows(found)
    return {"fertility": table, "fertility_correlations": correlations(table)}

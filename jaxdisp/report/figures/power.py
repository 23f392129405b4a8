"""What so many languages can show: power, and the smallest correlation found."""

from typing import Any

import matplotlib as mpl
import matplotlib.figure
import numpy as np

from jaxdisp.report.drawing import BLUE, GREY, RED, SETTINGS
from jaxdisp.report.illustration import Illustration
from jaxdisp.stats import correlation_power

Rows = list[dict[str, Any]]

CORRELATIONS = {0.3: (GREY, ":"), 0.5: (BLUE, "--"), 0.7: (RED, "-")}
WANTED = 0.8
FEWEST = 4
POINTS = 24


def rows(n_languages: int) -> Rows:
    """Computes power and the smallest correlation found, by the number of languages.

    Definition: two-sided tests at level 0.05 of Pearson's r in normal data, exact;
    `smallest` has power 0.8. Ranks of such data need about a tenth more languages.

    Args:
        n_languages: of the run, which is among the rows.

    Reference: Hotelling 1953, JRSS B 15, equation 25; Hotelling and Pabst 1936, Annals
        of Mathematical Statistics 7 (efficiency of ranks, 9 / pi^2).
    """
    last = max(64, 2 * n_languages)
    spread = np.geomspace(FEWEST, last, POINTS).round().astype(int).tolist()
    return [
        {"languages": n, "here": n == n_languages}
        | {f"power_{rho:g}": correlation_power.power(rho, n) for rho in CORRELATIONS}
        | {"smallest": correlation_power.smallest_correlation(n, WANTED)}
        for n in sorted({*spread, n_languages})
    ]


def figure(table: Rows) -> matplotlib.figure.Figure:
    """Draws power, and the smallest correlation found, by the number of languages.

    Args:
        table: as from `rows`.

    Reference: our own definition.
    """
    at = [row["languages"] for row in table]
    (here,) = [row for row in table if row["here"]]
    with mpl.rc_context(SETTINGS):
        made = matplotlib.figure.Figure(figsize=(9, 3.5), layout="constrained")
        left, right = made.subplots(1, 2)
        for rho, (colour, style) in CORRELATIONS.items():
            power = [100 * row[f"power_{rho:g}"] for row in table]
            left.plot(at, power, style, color=colour, label=f"correlation {rho:g}")
            mark: Any = {"color": colour, "ms": 5}
            left.plot(here["languages"], 100 * here[f"power_{rho:g}"], "o", **mark)
        left.axhline(100 * WANTED, color="black", lw=0.6)
        left.set_ylim(0, 102)
        left.set_ylabel("power (%): how often it is found")
        left.legend(frameon=False, fontsize=8)
        right.plot(at, [row["smallest"] for row in table], color=BLUE)
        right.plot(here["languages"], here["smallest"], "o", color=BLUE, ms=5)
        text = f"{here['smallest']:.2f} with {here['languages']} languages"
        place = (here["languages"], here["smallest"])
        offset: Any = {"textcoords": "offset points", "xytext": (7, 5)}
        right.annotate(text, place, **offset)
        right.set_ylim(0, 1)
        right.set_ylabel(f"smallest correlation found with power {100 * WANTED:.0f} %")
        for axes in (left, right):
            axes.axvline(here["languages"], color="black", lw=0.8, ls=":")
            axes.set_xlim(0, at[-1])
            axes.set_xlabel("languages (dotted: this run; exact, so no interval)")
        made.suptitle(
            "What so many languages can show: correlations over languages, level 5 %",
            fontsize=10,
        )
    return made


def illustrations(found: dict[str, Any]) -> list[Illustration]:
    """Draws power by the number of languages, where there are at least four.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    made = tables(found)
    if not made:
        return []
    (here,) = [row for row in made["power"] if row["here"]]
    chances = ", ".join(
        f"one of {rho:g} with power {100 * here[f'power_{rho:g}']:.0f} %"
        for rho in CORRELATIONS
    )
    return [
        Illustration(
            name="power",
            section="power",
            title="What so many languages can show",
            alt=f"Curves of power: {here['languages']} languages show a correlation "
            f"over languages from {here['smallest']:.2f} on with power 80 %; {chances}."
            " Exact for normal data; ranks need about a tenth more languages.",
            tables=("power",),
            figure=figure(made["power"]),
        )
    ]


def tables(found: dict[str, Any]) -> dict[str, Rows]:
    """Collects the table behind the figure.

    Args:
        found: the content of `results.json`.

    Reference: our own definition.
    """
    n_languages = len(found.get("measured_languages", ()))
    over_languages = found.get("command") in ("run", "hypotheses", "claims")
    if n_languages < FEWEST or not over_languages:
        return {}
    return {"power": rows(n_languages)}

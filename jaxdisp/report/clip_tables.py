"""Clipping results as tables: by matrix, and by language and rule."""

from typing import Any

import numpy as np

from jaxdisp.report.tables import aligned, with_bounds

SHORT = {
    "absmax": "absmax",
    "percentile": "99.9 %",
    "aciq_gaussian": "gauss",
    "aciq_laplace": "laplace",
    "exact": "exact",
    "average": "average",
    "minimax": "minimax",
    "regret": "regret",
    "per-language": "per-lang.",
    "kurtosis": "kurt.",
    "logarithmic": "log",
}
ERRORS_SHOWN = ("absmax", "exact", "average", "minimax")


def long_rows(matrices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lays out the errors of matrices with one row per matrix, rule and language.

    Args:
        matrices: as from `clip_matrices.matrix_rows`.

    Reference: our own definition.
    """
    return [
        {
            "layer": row["layer"],
            "matrix": row["matrix"],
            "sigma": row["sigma"],
            "kurtosis": row["kurtosis"],
            "rests_on_few": row["rests_on_few"],
            "rule": rule,
            "threshold": row["threshold"][rule],
            "language": language,
            "predicted": row["predicted"][rule][language],
            "measured": measured,
            "diagonal_share": row["diagonal_share"][rule][language],
        }
        for row in matrices
        for rule, languages in row["measured"].items()
        for language, measured in languages.items()
    ]


def matrix_lines(found: dict[str, Any]) -> list[str]:
    """Writes the table of matrices for a terminal.

    Args:
        found: holds `matrices` and `effective_kurtosis`.

    Reference: our own definition.
    """
    rules = list(found["matrices"][0]["threshold"])
    header = ("matrix", "layer", "sigma", "kurtosis", *(SHORT[r] for r in rules))
    header += tuple(f"{SHORT[rule]} error" for rule in ERRORS_SHOWN)
    cells = []
    for row in found["matrices"]:
        flag = "*" if row["rests_on_few"] else ""
        line = [row["matrix"], str(row["layer"]), f"{row['sigma']:.4f}"]
        line.append(f"{row['kurtosis']:.2f}{flag}")
        line += [f"{row['threshold'][rule]:.2f}" for rule in rules]
        for rule in ERRORS_SHOWN:
            errors = row["measured"][rule]
            worst = max(errors, key=lambda name: errors[name])
            mean = float(np.mean(list(errors.values())))
            line.append(f"{mean:.4f} {errors[worst]:.4f} {worst}")
        cells.append(line)
    return [
        "",
        aligned(header, cells),
        "Thresholds in standard deviations (median over groups). Errors: mean square "
        "added to the\noutput over its own: mean over languages, then the worst "
        "language. kurtosis: excess; *: one per\nmille of the weights carries half of "
        "the fourth moment. kurt.: through a generalised\nGaussian law of that "
        "kurtosis; log: the notes' 2.5 + 0.3 ln(1 + kurtosis).",
        "",
        _ratios(found["matrices"]),
        "",
        aligned(KURTOSIS_HEADER, _kurtosis_cells(found["effective_kurtosis"])),
        "Four excess kurtoses, least to most over languages: of weight times "
        "activation; of weights\ncounted by squared activation; of layers, weighted by "
        "activation; of all layers together.",
    ]


KURTOSIS_HEADER = ("effective kurtosis", "product", "tilted", "layers", "mixture")


def _kurtosis_cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    cells = []
    for matrix in dict.fromkeys(row["matrix"] for row in rows):
        line = [matrix]
        for kind in KURTOSIS_HEADER[1:]:
            values = [row[kind] for row in rows if row["matrix"] == matrix]
            low, high = min(values), max(values)
            line.append(f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}")
        cells.append(line)
    return cells


def _ratios(matrices: list[dict[str, Any]]) -> str:
    shares = np.array(
        [list(row["diagonal_share"]["exact"].values()) for row in matrices]
    )
    predicted, measured = (
        np.array([list(row[name]["exact"].values()) for row in matrices])
        for name in ("predicted", "measured")
    )
    ratio = predicted / np.where(measured > 0, measured, np.nan)
    low, middle, high = np.nanquantile(ratio, [0.05, 0.5, 0.95])
    few, half, most = np.quantile(shares, [0.05, 0.5, 0.95])
    return (
        f"With exact thresholds the diagonal surrogate is {half:.2f} times the output "
        f"error (5 to 95 % of matrices\nand languages: {few:.2f} to {most:.2f}), the "
        f"additive-noise prediction {middle:.2f} times ({low:.2f} to {high:.2f})."
    )


PAIRED = ("absmax", "percentile", "exact", "average")
LEVELS = {"mean": "mean", "worst": "worst language", "max_min": "worst - best"}


def comparison_header(compared: dict[str, Any]) -> tuple[str, ...]:
    """Names the columns of the table of rules.

    Args:
        compared: as from `clipping.compare`.

    Reference: our own definition.
    """
    paired = (f"minimax - {SHORT[rule]} [95 %]" for rule in PAIRED)
    return ("D_sent", *(SHORT[rule] for rule in compared["rules"]), *paired)


def comparison_cells(compared: dict[str, Any]) -> list[list[str]]:
    """Writes what each language loses by rule, and paired what minimax changes.

    A star marks paired intervals that exclude 0.

    Args:
        compared: as from `clipping.compare`.

    Reference: our own definition.
    """
    lost = {(row["rule"], row["language"]): row for row in compared["degradation"]}
    change = {
        (row["against"], row["language"]): row
        for row in compared["differences"]
        if row["rule"] == "minimax"
    }
    cells = []
    for language in dict.fromkeys(row["language"] for row in compared["degradation"]):
        line = [f"{lost[rule, language]['d_sent']:.2f}" for rule in compared["rules"]]
        line += [_starred(change[rule, language], "effect") for rule in PAIRED]
        cells.append([language, *line])
    by_rule = {row["rule"]: row for row in compared["disparity"]}
    for name, title in LEVELS.items():
        line = [f"{by_rule[rule][name]:.2f}" for rule in compared["rules"]]
        line += [
            _starred(by_rule[rule], f"{name}_change_to_minimax") for rule in PAIRED
        ]
        cells.append([title, *line])
    return cells


def _starred(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    above = low is not None and high is not None and (low > 0 or high < 0)
    return with_bounds(row, name, 2) + ("*" if above else " ")


def split_sentence(compared: dict[str, Any]) -> str:
    """Says how much of the inequality of output errors clipping can change.

    Args:
        compared: as from `clipping.compare`.

    Reference: our own definition.
    """
    spread = {
        name: float(np.std([row[name] for row in compared["split"]]))
        for name in ("total", "intrinsic", "regret")
    }
    total, intrinsic, regret = (f"{100 * value:.1f} %" for value in spread.values())
    return (
        "Output errors of single matrices under minimax thresholds differ between "
        f"languages by {total}\n(standard deviation of the log); {intrinsic} would "
        f"remain with thresholds of their own, {regret} comes\nfrom sharing them, and "
        "may work against it."
    )


def comparison_lines(compared: dict[str, Any]) -> list[str]:
    """Writes the comparison of rules for a terminal.

    Args:
        compared: as from `clipping.compare`.

    Reference: our own definition.
    """
    header = comparison_header(compared)
    return [
        "",
        f"Clipping rules on {compared['n_sentences']} sentences, activations from "
        f"{compared['calibrated_on']}:",
        aligned(header, comparison_cells(compared)),
        "Nats lost per parallel sentence; differences are paired, *: above noise.",
        "",
        compared["verdict"].replace(". ", ".\n"),
        split_sentence(compared),
    ]

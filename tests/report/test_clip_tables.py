"""Tables of clipping, from rows written by hand."""

import numpy as np
import pytest

from jaxdisp.report import clip_tables

RULES = (
    "absmax",
    "percentile",
    "aciq_gaussian",
    "aciq_laplace",
    "exact",
    "average",
    "minimax",
)


def bounds(name, value, width=0.25):
    return {name: value, f"{name}_low": value - width, f"{name}_high": value + width}


def compared(languages=("ru", "de", "en"), **changes):
    """Language `n` loses `n + 1`, and less under later rules; minimax gains 1."""
    effects = dict(zip(languages, (-1.0, 0.125, 0.5), strict=True))
    return {
        "deploy": "minimax",
        "n_sentences": 24,
        "calibrated_on": "8 sentences of elsewhere",
        "rules": list(RULES),
        "degradation": [
            {"rule": rule, "language": name, "collapsed": False}
            | bounds("d_sent", (place + 1) / (number + 1))
            for number, rule in enumerate(RULES)
            for place, name in enumerate(languages)
        ],
        "differences": [
            {"rule": "minimax", "against": rule, "language": name, "flag": ""}
            | bounds("effect", effects[name] + 0.0625 * (rule == "exact"))
            for rule in RULES[:-1]
            for name in languages
        ],
        "disparity": [
            {"rule": rule, "worst_language": "ru", "levelling_down": False}
            | bounds("mean", 2.0)
            | bounds("worst", 3.0)
            | bounds("max_min", 2.0)
            | bounds("difference", 1.0)
            | bounds("mean_change_to_minimax", -0.5)
            | bounds("worst_change_to_minimax", 0.0)
            | bounds("max_min_change_to_minimax", 0.75)
            for rule in RULES
        ],
        "split": [
            {"language": name, "total": t, "intrinsic": i, "regret": t - i}
            for name, t, i in zip(
                languages, (0.3, -0.3, 0.0), (0.2, -0.2, 0.0), strict=True
            )
        ],
        "verdict": "minimax against exact: so it is. By chance alone.",
    } | changes


def matrix(layer, **changes):
    errors = {"de": 0.01 * (layer + 1), "ru": 0.03}
    return {
        "layer": layer,
        "matrix": "mlp.up",
        "sigma": 0.125,
        "kurtosis": 1.5,
        "rests_on_few": layer == 1,
        "threshold": {rule: 2.0 + n for n, rule in enumerate(RULES)},
        "predicted": {rule: {k: 2 * v for k, v in errors.items()} for rule in RULES},
        "measured": {rule: dict(errors) for rule in RULES},
        "diagonal_share": {rule: {"de": 0.5, "ru": 0.75} for rule in RULES},
        "gap": {"average": 0.0, "minimax": 0.0},
    } | changes


def found():
    kurtoses = [
        {
            "matrix": "mlp.up",
            "language": name,
            "product": 2.0 + place,
            "tilted": 1.0,
            "layers": 0.5,
            "mixture": 0.25,
        }
        for place, name in enumerate(("de", "ru"))
    ]
    return {"matrices": [matrix(0), matrix(1)], "effective_kurtosis": kurtoses}


def test_rows_by_matrix_rule_and_language():
    rows = clip_tables.long_rows(found()["matrices"])
    assert len(rows) == 2 * len(RULES) * 2
    assert rows[0] == {
        "layer": 0,
        "matrix": "mlp.up",
        "sigma": 0.125,
        "kurtosis": 1.5,
        "rests_on_few": False,
        "rule": "absmax",
        "threshold": 2.0,
        "language": "de",
        "predicted": 0.02,
        "measured": 0.01,
        "diagonal_share": 0.5,
    }
    last = rows[-1]
    assert (last["layer"], last["rule"], last["language"]) == (1, "minimax", "ru")
    assert (last["threshold"], last["diagonal_share"]) == (8.0, 0.75)


def test_matrices_for_a_terminal():
    text = "\n".join(clip_tables.matrix_lines(found()))
    lines = text.split("\n")
    assert lines[1].split()[:4] == ["matrix", "layer", "sigma", "kurtosis"]
    first, second = lines[3].split(), lines[4].split()
    assert first[:4] == ["mlp.up", "0", "0.1250", "1.50"]
    assert second[3] == "1.50*"  # which rests on few weights
    assert first[4:11] == [f"{2 + n}.00" for n in range(len(RULES))]
    assert first[11:14] == ["0.0200", "0.0300", "ru"]  # the mean, and the worst
    assert second[11:14] == ["0.0250", "0.0300", "ru"]
    shares, ratios = [0.5, 0.75] * 2, [2.0] * 4
    assert f"{np.median(shares):.2f} times the output" in text
    assert f"additive-noise prediction {np.median(ratios):.2f} times" in text
    kurtoses = [line for line in lines if line.startswith("mlp.up")][-1]
    assert kurtoses.split() == ["mlp.up", "2.00", "to", "3.00", "1.00", "0.50", "0.25"]


def test_losses_by_rule_and_what_minimax_changes():
    header = clip_tables.comparison_header(compared())
    cells = clip_tables.comparison_cells(compared())
    assert {len(row) for row in cells} == {len(header)}
    short = ["absmax", "99.9 %", "gauss", "laplace", "exact", "average", "minimax"]
    assert list(header[:8]) == ["D_sent", *short]
    assert list(header[8:]) == [
        f"minimax - {rule} [95 %]" for rule in ("absmax", "99.9 %", "exact", "average")
    ]
    assert [row[0] for row in cells] == [
        "ru",
        "de",
        "en",
        "mean",
        "worst language",
        "worst - best",
    ]
    assert cells[1][1:4] == ["2.00", "1.00", "0.67"]
    starred = {row[0]: row[-1] for row in cells}
    assert starred["ru"] == "-1.00 [-1.25, -0.75]*"
    assert starred["de"].strip() == "0.12 [-0.12, 0.38]"
    assert starred["en"] == "0.50 [0.25, 0.75]*"
    assert starred["mean"] == "-0.50 [-0.75, -0.25]*"
    assert starred["worst language"].strip() == "0.00 [-0.25, 0.25]"
    assert starred["worst - best"] == "0.75 [0.50, 1.00]*"


def test_an_interval_that_is_missing_is_no_star():
    rows = compared()["differences"]
    none = [row | {"effect_low": None, "effect_high": None} for row in rows]
    cells = clip_tables.comparison_cells(compared(differences=none))
    assert cells[0][-1].strip() == "-1.00 [no interval]"


def test_how_much_clipping_can_change():
    text = clip_tables.split_sentence(compared())
    spread = 100 * np.std([0.3, -0.3, 0.0])
    assert f"languages by {spread:.1f} %" in text
    assert f"{100 * np.std([0.2, -0.2, 0.0]):.1f} % would" in text
    assert f"{100 * np.std([0.1, -0.1, 0.0]):.1f} % comes" in text


def test_the_comparison_for_a_terminal():
    lines = "\n".join(clip_tables.comparison_lines(compared())).split("\n")
    assert lines[1] == (
        "Clipping rules on 24 sentences, activations from 8 sentences of elsewhere:"
    )
    assert "minimax against exact: so it is." in lines
    assert "By chance alone." in lines


@pytest.mark.parametrize("name", ["per-language", "regret"])
def test_a_further_rule_is_a_further_column(name):
    rows = [
        row | {"rule": name} if row["rule"] == "absmax" else row
        for row in compared()["degradation"]
    ]
    disparity = compared()["disparity"]
    more = compared(
        rules=[*RULES, name],
        degradation=[*compared()["degradation"], *rows[:3]],
        disparity=[*disparity, disparity[0] | {"rule": name}],
    )
    cells = clip_tables.comparison_cells(more)
    assert {len(row) for row in cells} == {1 + len(RULES) + 1 + 4}

"""Text for a terminal and for files."""

import csv
import io

import pytest

from jaxdisp.report import tables


def test_csv_has_a_header_and_lists_with_spaces():
    rows = [
        {"layers": [0, 3], "worst": 1.5, "language": 'a, "b"', "none": None},
        {"layers": [1], "worst": -0.25, "language": "зя", "none": None},
    ]
    text = tables.csv(rows).decode()
    assert text.startswith("layers,worst,language,none\n")
    assert "\r" not in text
    assert list(csv.DictReader(io.StringIO(text))) == [
        {"layers": "0 3", "worst": "1.5", "language": 'a, "b"', "none": ""},
        {"layers": "1", "worst": "-0.25", "language": "зя", "none": ""},
    ]


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (1.234, 1.0, 2.0, "1.23 [1.00, 2.00]"),
        (-0.5, None, None, "-0.50 [no interval]"),
        (0.5, float("nan"), 1.0, "0.50 [no interval]"),
        (0.5, 0.1, None, "0.50 [no interval]"),
        (None, None, None, "-"),
        (float("nan"), 1.0, 2.0, "-"),
    ],
)
def test_estimates_with_bounds(value, low, high, expected):
    row = {"d": value, "d_low": low, "d_high": high}
    assert tables.with_bounds(row, "d", 2) == expected


@pytest.mark.parametrize(
    ("n_bytes", "expected"),
    [(None, "?"), (0, "0 kB"), (55_506, "56 kB"), (1_185_725, "1.2 MB")],
)
def test_sizes(n_bytes, expected):
    assert tables.size(n_bytes) == expected


def test_columns_are_aligned():
    found = tables.aligned(("name", "n"), [["a", "1.5"], ["long name", "20"]])
    assert found == "\n".join(
        [
            "name         n",
            "---------  ---",
            "a          1.5",
            "long name   20",
        ]
    )
    assert tables.aligned(("name", "flag"), [["a", ""]]).split("\n")[-1] == "a"


def row(**changes):
    return {
        "language": "ru",
        "training_bytes": 100,
        "tokens_per_byte": 0.4,
        "loss": 1.5,
        "d_sent": 3.0,
        "d_sent_low": 2.75,
        "d_sent_high": 3.25,
        "d_byte": 0.3,
        "d_byte_low": None,
        "d_byte_high": None,
        "flag": "collapsed",
    } | changes


def test_cells_of_degradation():
    (cells,) = tables.degradation_cells([row()])
    assert len(cells) == len(tables.DEGRADATION_HEADER)
    assert cells == [
        "ru",
        "0 kB",
        "0.400",
        "1.50",
        "3.00 [2.75, 3.25]",
        "0.3000 [no interval]",
        "collapsed",
    ]


def entries(high=("en", "de")):
    entry = {"estimate": 1.0, "low": 0.5, "high": 2.0, "unit": "nats", "reason": ""}
    names = ("mean", "worst", "max_min", "difference", "log_ratio", "gini")
    found = {name: dict(entry) for name in names}
    found["worst"]["language"] = "ru"
    nothing = {"estimate": None, "low": None, "high": None, "reason": "unbounded"}
    found["log_ratio"] |= nothing
    contrast = high and {"low": ["ru"], "high": list(high), "rule": "r"}
    return found | {"contrast": contrast}


def test_lines_of_disparity():
    lines = tables.disparity_lines(entries())
    assert lines == [
        ["mean over languages", "1.000 [0.500, 2.000]", "nats"],
        ["worst language", "1.000 [0.500, 2.000]", "ru"],
        ["worst minus best", "1.000 [0.500, 2.000]", "nats"],
        ["low minus high resource", "1.000 [0.500, 2.000]", "nats"],
        ["log of low over high", "-", "unbounded"],
        ["Gini coefficient", "1.000 [0.500, 2.000]", "nats"],
    ]
    titles = [line[0] for line in tables.disparity_lines(entries(high=("en",)))]
    assert titles[3:5] == ["ru minus en", "log of ru over en"]
    alone = entries(high=("en",))
    alone["contrast"]["low"] = ["ru", "de"]
    titles = [line[0] for line in tables.disparity_lines(alone)]
    assert titles[3:5] == ["others minus en", "log of others over en"]
    titles = [line[0] for line in tables.disparity_lines(entries(high=None))]
    assert titles[3] == "low minus high resource"

"""Budgets, against a list of everything that there is."""

import dataclasses
import fractions
import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.models import Quantizer, storage
from jaxdisp.search import budget, lattice
from tests.models import test_storage

LAYERS = np.array([[100, 30, 20], [50, 15, 10], [100, 30, 20]])
OUTSIDE = np.array([400, 390, 380])
TABLES = st.integers(1, 5).flatmap(
    lambda n_layers: st.lists(
        st.lists(st.sampled_from([1, 2, 3, 7, 8, 50]), min_size=3, max_size=3),
        min_size=n_layers,
        max_size=n_layers,
    )
)


def fitting(table, limit):
    """All assignments, looked at one by one."""
    return [
        list(word)
        for word in itertools.product(range(len(table[0])), repeat=len(table))
        if sum(row[version] for row, version in zip(table, word, strict=True)) <= limit
    ]


@given(table=TABLES, share=st.floats(0, 1))
def test_what_fits_is_listed_and_counted(table, share):
    cheapest = sum(min(row) for row in table)
    limit = cheapest + int(share * (sum(max(row) for row in table) - cheapest))
    expected = fitting(table, limit)
    assert budget.count_within(np.array(table), limit) == len(expected)
    found = budget.within(np.array(table), limit, most=3**5)
    assert found.tolist() == expected
    sizes = budget.sizes(np.array(table), found)
    assert sizes.tolist() == [
        sum(row[version] for row, version in zip(table, word, strict=True))
        for word in expected
    ]


def test_few_that_fit_are_found_in_a_large_lattice():
    """48 layers, 4 versions: 10^29 assignments, of which 1 + 48 fit."""
    table = np.tile([1000, 300, 200, 100], (48, 1))
    limit = 48 * 100 + 100
    assert budget.count_within(table, limit) == 1 + 48
    found = budget.within(table, limit, most=49)
    assert found.shape == (49, 48)
    assert np.all(budget.sizes(table, found) <= limit)
    assert len({tuple(row) for row in found.tolist()}) == 49


def test_counts_too_large_to_list_are_exact():
    table = np.tile([2, 1], (120, 1))
    expected = sum(math.comb(120, k) for k in range(61))
    began = time.monotonic()
    assert budget.count_within(table, 120 + 60) == expected
    assert time.monotonic() - began < 5  # milliseconds, unless it is enumerated
    message = (
        rf"^{expected} assignments fit into 180 bytes of layers, more than 1000; "
        "lower the budget or search among fewer$"
    )
    with pytest.raises(ValueError, match=message):
        budget.within(table, 180, most=1000)


def test_as_many_as_allowed():
    assert len(budget.within(LAYERS, 250, most=27)) == 27
    with pytest.raises(ValueError, match=r"^27 assignments fit .* more than 26; "):
        budget.within(LAYERS, 250, most=26)


def test_nothing_fits():
    message = (
        "^no assignment has layers of at most 49 bytes; the cheapest takes 50: raise "
        "the budget or quantize to fewer bits$"
    )
    with pytest.raises(ValueError, match=message):
        budget.within(LAYERS, 49)
    assert budget.within(LAYERS, 50).tolist() == [[2, 2, 2]]
    assert budget.count_within(LAYERS, 49) == 0


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("24%", fractions.Fraction(24), "%"),
        ("0.5 %", fractions.Fraction(1, 2), "%"),
        ("3.2MB", fractions.Fraction(16, 5), "MB"),
        (" 3200kB ", fractions.Fraction(3200), "kB"),
        ("1GB", fractions.Fraction(1), "GB"),
        ("4.5bits", fractions.Fraction(9, 2), "bits"),
    ],
)
def test_typed_budgets(text, amount, unit):
    found = budget.parse_budget(text)
    assert dataclasses.asdict(found) == {"amount": amount, "unit": unit}
    assert hash(found) == hash(budget.parse_budget(text))


@pytest.mark.parametrize(
    "text", ["", "24", "MB", "-1%", "1e3kB", "3,2MB", "4 bit", "."]
)
def test_budgets_typed_wrongly(text):
    message = r"must be a number and a unit, such as 24%, 3.2MB, 3200kB or 4.5bits$"
    with pytest.raises(ValueError, match=message) as caught:
        budget.parse_budget(text)
    assert str(caught.value).startswith(f"budget {text!r}: ")


def test_a_share_above_everything():
    message = r"^budget '100.1%': a share must be between 0% and 100%$"
    with pytest.raises(ValueError, match=message):
        budget.parse_budget("100.1%")


def limit_of(text, layers=LAYERS, around=OUTSIDE, n_weights=300, **options):
    parsed = budget.parse_budget(text)
    return budget.limit_bytes(parsed, layers, around, n_weights, **options)


def test_limits_written_out():
    assert limit_of("0%") == 50 + 390
    assert limit_of("100%") == 250 + 390
    large, none = np.array([[10050, 50]]), np.array([0, 0])
    assert limit_of("0.7%", large, none) == 50 + 70  # in floats just below
    assert limit_of("0.4%") == 50 + 390  # 0.8 of a byte
    assert limit_of("50%", outside=0) == 150 + 400
    assert limit_of("0.5kB") == limit_of("0.0005MB") == 500
    assert limit_of("1GB") == 10**9
    # 650 bytes in full precision, 600 of them of weights that are rounded
    assert limit_of("16bits") == 50 + 600
    assert limit_of("12.5bits") == 50 + 468  # 468.75
    assert limit_of("6bits", full_bits=8, n_weights=600) == 50 + 450


@given(
    share=st.integers(0, 100),
    n_protected=st.integers(0, 7),
    granularity=st.sampled_from(["tensor", "channel"]),
)
def test_a_share_is_that_of_the_layers_that_are_protected(
    share, n_protected, granularity
):
    quantizer = Quantizer(bits=4, granularity=granularity)
    one = storage.layer_bytes(test_storage.model(), [quantizer])[0]
    layers = np.tile(one, (7, 1))
    outside = storage.outside_bytes(test_storage.model(), [quantizer])
    limit = limit_of(f"{share}%", layers, outside)
    row = lattice.protecting([range(n_protected)], 7)
    fits = budget.sizes(layers, row)[0] + outside[1] <= limit
    assert fits == (n_protected * 100 <= share * 7)


@given(
    tenths=st.integers(20, 160),
    include=st.sampled_from([("matrices",), ("embeddings", "head"), ("all",)]),
    outside=st.integers(0, 2),
)
def test_bits_are_the_effective_bits_of_what_fits(tenths, include, outside):
    model = test_storage.model()
    quantizers = [Quantizer(bits=b, include=include, grid="affine") for b in (3, 5)]
    layers = storage.layer_bytes(model, quantizers)
    around = storage.outside_bytes(model, quantizers)
    n_weights = storage.count_quantizable(model, quantizers)
    rows = lattice.with_outside(lattice.every(2, 3), outside)
    bits = storage.effective_bits(model, quantizers, rows)
    expected = [
        row[:2] for row, b in zip(rows.tolist(), bits, strict=True) if b <= tenths / 10
    ]
    try:
        limit = limit_of(
            f"{tenths / 10}bits", layers, around, n_weights, outside=outside
        )
    except ValueError:
        assert not expected
        return
    found = budget.within(layers, limit - int(around[outside]))
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("text", "least"),
    [("0.4kB", "0.440kB"), ("0MB", "0.001MB"), ("10bits", "10.400bits")],
)
def test_budgets_below_the_cheapest_assignment(text, least):
    message = (
        f"^a budget of {text} is too small: the cheapest assignment takes {least}; "
        "raise the budget or quantize to fewer bits$"
    )
    with pytest.raises(ValueError, match=message):
        limit_of(text)
    assert limit_of(least) >= 440


@pytest.mark.parametrize("outside", [-1, 3])
def test_a_version_that_is_not_there(outside):
    message = f"^outside must be a version from 0 to 2, got {outside}$"
    with pytest.raises(ValueError, match=message):
        limit_of("1GB", outside=outside)

"""Stored certificates: they hold as they are stored, and not a little above."""

import copy
import decimal
import functools as ft
import json
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from jaxdisp.models import Quantizer, storage
from jaxdisp.report import runs, search_certificates, search_results
from tests.report import test_search_results as of_results
from tests.report import tiny_search

QUANTIZER = Quantizer(bits=3)


@ft.cache
def model():
    return tiny_search.opened(of_results.WAYS["keep"], n_layer=5)[1].model


SINGLE = np.array(
    [[1.0, 0.5, 2.0], [1.5, 0.25, 3], [0.5, 1, 0.25], [1, 0.75, 1], [0.5, 1, 0.75]]
)
"""By layer and language (de, en, ru): ru loses more than en in some layers only."""
ALONE = [
    int(np.flatnonzero((row == of_results.ROWS).all(axis=1))[0])
    for row in np.eye(5, dtype=int)
]


def found(**changes):
    """A search whose losses add up over layers but for noise."""
    added = of_results.ROWS @ SINGLE + 0.02 * of_results.noise()
    usual = of_results.measured(added)
    return search_results.Measured(**vars(usual) | changes)


def stored(of):
    """What a reader of results.json has."""
    made = search_certificates.certificates(of, model(), QUANTIZER)
    return json.loads(json.dumps(runs.rounded(made), allow_nan=False))


@pytest.fixture(scope="module")
def content():
    return stored(found())


def of_layers():
    """Mean losses of single layers by language, with plain NumPy."""
    return found().added[:, ALONE].mean(axis=0).T


def test_stored_claims_hold(content):
    assert search_certificates.check(content)
    assert [row["ratio"] for row in content["protection"]] == [1, 1.1, 1.25, 1.5, 2]
    assert sum(row["claim"] > 0 for row in content["protection"]) >= 3
    assert content["bits"]["claim"] > 0
    assert content["floor"]["claim"] > 0


PLACES = [
    *(("protection", n) for n in range(5)),
    ("bits",),
    ("floor",),
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("inside", [False, True])
def test_a_larger_claim_does_not_hold(content, place, inside):
    changed = copy.deepcopy(content)
    row = ft.reduce(lambda part, name: part[name], place, changed)
    claimed = row["certificate"] if inside else row
    # a claim of nothing is none; all others are within a millionth of what is proved
    if row["claim"] == 0:
        pytest.skip("nothing is claimed")
    claimed["claim"] *= 1 + 1e-5
    assert not search_certificates.check(changed)


@pytest.mark.parametrize(
    "name", ["losses", "reference", "sizes", "limit", "mixture", "price"]
)
def test_other_numbers_prove_other_claims(content, name):
    """Certificates are checked with the numbers that are stored, not with others."""
    changed = copy.deepcopy(content)
    stored = changed["protection"][0]["certificate"]
    assert name in stored
    stored[name] = (-1.0 * np.asarray(stored[name])).tolist()
    assert not search_certificates.check(changed)


def test_losses_of_single_layers(content):
    lost = of_layers()
    low, high = lost[2], lost[1]
    assert content["clipped"] == 0
    assert content["ratio_now"] == pytest.approx(low.sum() / high.sum(), rel=1e-5)
    floor = content["floor"]
    assert floor["mean_bits"] == 3
    assert floor["uniform"] == pytest.approx(lost.sum(axis=1).max(), rel=1e-5)
    measured = found().added[:, 1].mean(axis=0).max()
    assert floor["measured"] == pytest.approx(measured, rel=1e-5)
    assert floor["claim"] <= floor["attained"] <= floor["uniform"] * (1 + 1e-6)
    sizes = storage.layer_bytes(model(), [QUANTIZER])
    expected = (sizes[:, 0] - sizes[:, 1]).tolist()
    assert content["protection"][0]["certificate"]["sizes"] == expected


def test_protection_that_is_claimed_is_needed(content):
    """By trying all sets of layers: none with less than the claim is even enough."""
    low, high = of_layers()[2], of_layers()[1]
    shares = (of_results.ROWS == 0).mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = (of_results.ROWS @ low) / (of_results.ROWS @ high)
    for row in content["protection"]:
        enough = shares[np.nan_to_num(ratios, nan=0.0) <= row["ratio"]]
        assert row["claim"] <= enough.min()
        assert row["claim"] <= row["attained"] * (1 + 1e-6)
        assert 0 <= row["claim_95"] <= 1
    claims = [row["claim"] for row in content["protection"]]
    assert claims == sorted(claims, reverse=True)


def test_ratios_that_protection_attains(content):
    assert [row["fraction"] for row in content["least_ratio"]] == [0.6]  # triples of 5
    low, high = of_layers()[2], of_layers()[1]
    triples = of_results.ROWS[of_results.TRIPLES]
    of_sets = (triples @ low) / (triples @ high)
    least = content["least_ratio_at_any_quality"]
    assert least == pytest.approx((low / high).min(), rel=1e-5)
    # parts of layers may be protected, which can only help
    row = content["least_ratio"][0]
    assert least <= row["ratio"] <= of_sets.min() * (1 + 1e-5)
    assert row["ratio_of_layers"] == pytest.approx(of_sets.min(), rel=1e-5)
    best = np.flatnonzero(triples[of_sets.argmin()] == 0)
    assert row["layers"] == best.tolist()


def test_what_is_claimed_is_said(content):
    first, second = content["protection"][:2]
    sentences = content["sentences"]
    assert sentences[0].startswith(
        f"Without protecting {100 * first['claim']:.1f} % of the layers' weights "
        f"({100 * first['claim_95']:.1f} % at 95 % confidence) the low side loses more "
        f"than 1 times what the high side does (now {content['ratio_now']:.2f})"
    )
    assert f"{100 * second['claim']:.1f} %" in sentences[1]
    floor = content["floor"]
    assert (
        f"below {floor['claim']:.2f} nats (equal bits: {floor['uniform']:.2f})"
        in (sentences[2])
    )
    assert "hold in the additive model" in sentences[-1]


def test_sides_that_are_equal_need_no_certificate():
    """The low side loses less: nothing is needed, and nothing is claimed."""
    added = found().added[:, :, [0, 2, 1]]
    content = stored(found(added=added))
    assert search_certificates.check(content)
    assert content["ratio_now"] < 1
    assert [row["claim"] for row in content["protection"]] == [0.0] * 5
    assert "no certificate is needed" in content["sentences"][0]


def test_without_sides_only_the_floor_is_claimed():
    content = stored(found(weights=np.full((2, 3), np.nan)))
    assert search_certificates.check(content)
    assert content["protection"] == content["least_ratio"] == []
    assert content["bits"] is None
    assert content["floor"]["claim"] > 0
    assert content["sentences"][0].startswith("No allocation of 3 mean bits to layers")


def test_losses_below_nothing_are_clipped_and_counted():
    added = found().added.copy()
    added[:, ALONE[1]] = -0.5
    content = stored(found(added=added))
    assert content["clipped"] == 3
    assert search_certificates.check(content)


def test_claims_hold_where_bounds_are_rounded_up():
    """Protecting four of five layers: the exact bound is a little below 0.8."""
    added = of_results.measured(of_results.additive(0.02)).added.copy()
    added[:, ALONE[1]] = -0.5
    content = stored(found(added=added))
    assert {row["claim"] for row in content["protection"]} == {0.799999}
    assert search_certificates.check(content)


def test_where_nothing_is_lost_nothing_is_claimed():
    content = stored(found(added=-abs(found().added)))
    assert content["clipped"] == 15
    assert content["floor"] is None
    assert content["protection"] == []
    assert search_certificates.check(content)


@pytest.mark.parametrize("way", of_results.WAYS)
def test_certificates_of_a_model_hold(way):
    content = tiny_search.results(of_results.WAYS[way])["certificates"]
    assert search_certificates.check(json.loads(json.dumps(content)))
    for name, each in content["additivity"].items():
        assert name in of_results.LANGUAGES
        assert each["residual"] is None or math.isfinite(each["residual"])


@hypothesis.given(st.floats(-1e12, 1e12).filter(lambda x: x == 0 or abs(x) > 1e-12))
def test_lowered_numbers_have_six_digits_and_are_not_larger(value):
    lowered = search_certificates._lowered(value)
    assert lowered <= value
    assert lowered == float(f"{lowered:.6g}")
    above = decimal.Context(prec=6).next_plus(decimal.Decimal(f"{lowered:.6g}"))
    assert above > decimal.Decimal(value)

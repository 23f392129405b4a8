"""Claims C1 to C5 against the stored perplexities, and with planted measurements."""

import math

import numpy as np
import pytest
from scipy import stats

from jaxdisp.claims.ledger import disparity_claims as claims
from jaxdisp.claims.ledger import protection
from jaxdisp.claims.ledger import published_runs as published
from jaxdisp.claims.ledger.judgement import judged
from tests.claims.ledger import planted

ENTRY = {entry.id: entry for entry in claims.ENTRIES}


def measured(**ratios):
    """Log-ratios by scheme, each with an interval of 0.05 on either side."""
    log = [math.log(ratios.get(name, 1.0)) for name in protection.SCHEMES]
    three = [log, [x - 0.05 for x in log], [x + 0.05 for x in log]]
    change = [[x - log[0] + shift for x in log] for shift in (0, -0.05, 0.05)]
    return {
        "n": 16,
        "log_ratio": three,
        "ratio": [[math.exp(x) for x in part] for part in three],
        "ratio_change": change,
    }


def verdict(name, **ratios):
    known = planted.evidence({"protected layers": measured(**ratios)})
    return judged(ENTRY[name], known).verdict


def test_losses_are_those_of_the_stored_perplexities():
    # perplexities of exp015 as measured; per cent are what exp032 and exp034 keep
    english = 9 * math.log(7545.50341796875 / 162.47152709960938)
    hebrew = 46 * math.log(88412.4140625 / 9.098283767700195)
    found = ENTRY["C3"].recompute().values
    assert found["nothing protected, nats"] == pytest.approx(hebrew / english, rel=1e-6)
    assert hebrew / 46 > math.log(50257) - math.log(9.1)  # collapsed
    ratios = [both["he"] / both["en"] for both in published.DEGRADATIONS.values()]
    stored = [published.PROTECTED[name]["he"] for name in ("none", "first", "both")]
    np.testing.assert_allclose(ratios, stored, rtol=1e-9)


def test_the_interval_of_the_ratio_is_that_of_simulated_means():
    (high, high_sd, n_high), (low, low_sd, n_low) = published.SUMMARY.values()
    above = stats.norm(low, low_sd / n_low**0.5)
    below = stats.norm(high, high_sd / n_high**0.5)
    # quantiles of the quotient of two normal means, on a grid of probabilities
    p = (np.arange(1000) + 0.5) / 1000
    quotients = above.ppf(p)[:, None] / below.ppf(p)[None, :]
    bounds = np.quantile(quotients, [0.025, 0.975])
    found = ENTRY["C1"].recompute().values
    # the delta method is of first order: within a few per cent
    assert found["lower bound from the printed spreads"] == pytest.approx(
        bounds[0], rel=0.05
    )
    assert found["upper bound from the printed spreads"] == pytest.approx(
        bounds[1], rel=0.05
    )


def test_protecting_a_layer_raises_the_ratio_by_the_mediant():
    found = ENTRY["C4"].recompute()
    assert found.values["share of additive cases that the mediant decides"] == 1
    before, layers = published.PERCEPTRONS["GPT-2"]
    raising = [layer for layer in range(12) if layers[layer] > before]
    assert raising == [1, 6, 7, 8, 9, 10, 11]


def test_a_ratio_of_4_24_is_told_from_none():
    assert verdict("C1", none=4.24) == "holds"
    assert verdict("C1", none=1.0) == "fails"
    assert verdict("C1", none=3.4) == "inconclusive"


def test_a_reduction_is_seen_where_there_is_one():
    assert verdict("C2", none=4.0, gateways=2.0) == "holds"
    assert verdict("C2", none=2.0, gateways=2.0) == "fails"
    assert verdict("C2", none=2.0, gateways=4.0) == "fails"


def test_a_disparity_that_is_removed_is_told_from_one_that_is_turned_round():
    assert verdict("C3", none=3.0, both=1.0) == "holds"
    assert verdict("C3", none=3.0, both=0.5) == "fails"
    assert verdict("C3", none=3.0, both=2.0) == "fails"
    assert verdict("C5", both=0.7) == "inconclusive"
    assert verdict("C5", both=1.0) == "fails"


@pytest.mark.parametrize(
    ("surely", "not_falling", "said"),
    [(3, 5, "fails"), (0, 1, "holds"), (1, 4, "inconclusive")],
)
def test_layers_that_raise_the_ratio_are_counted(surely, not_falling, said):
    counts = {
        "layers": 12,
        "n": 16,
        "rises": surely,
        "surely_rises": surely,
        "surely_falls": 12 - not_falling,
        "predicted": 12,
        "last_rises": True,
    }
    known = planted.evidence({"layer by layer": counts})
    assert judged(ENTRY["C4"], known).verdict == said


def test_a_side_that_loses_nothing_has_no_ratio():
    empty = measured() | {"log_ratio": [[None] * 5] * 3}
    known = planted.evidence({"protected layers": empty})
    found = judged(ENTRY["C1"], known)
    assert found.verdict == "not applicable"
    assert found.reason == "needs losses that can be told from 0 on both sides"

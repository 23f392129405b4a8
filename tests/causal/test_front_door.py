import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from jaxdisp.causal import design as designs
from jaxdisp.causal import front_door
from jaxdisp.causal import graph as graphs
from tests.causal import serial

THROUGH = {arrow: b for arrow, b in serial.COEFFICIENTS.items() if arrow != ("T", "D")}
INDIRECT = 0.8 * -0.3 + (0.3 + 0.8 * 0.6) * -0.5
AROUND = graphs.read("T>A>R>D, T>R, A>D")


def by_hand(made):
    """Three regressions with a constant per language, by statsmodels."""
    logs = {node: np.log(made.columns[node]) for node in ("T", "A", "R", "D")}
    languages = (made.language[:, None] == np.unique(made.language)).astype(float)

    def slopes(effect, causes):
        columns = [logs[cause] for cause in causes]
        columns += [made.columns[name] for name in made.covariates]
        design = np.column_stack([*columns, languages])
        return sm.OLS(logs[effect], design).fit().params

    onward = slopes("D", "ART")
    return np.array([slopes("A", "T")[0] * onward[0], slopes("R", "T")[0] * onward[1]])


def test_against_statsmodels():
    made = serial.made(coefficients=THROUGH)
    found = front_door.front_door(designs.make_design(made), AROUND)
    assert found.refused == ()
    assert found.checks == ()
    assert found.assumed == "T>A, A>R, R>D, T>R, A>D; T<->D"
    expected = by_hand(made)
    np.testing.assert_allclose(list(found.through.values()), expected, rtol=1e-8)
    np.testing.assert_allclose(found.estimate, expected.sum(), rtol=1e-8)
    # the jackknife by definition, languages renumbered
    rows = serial.rows(coefficients=THROUGH)
    left = [
        by_hand(serial.units.make_units([r for r in rows if r["language"] != f"l{g}"]))
        for g in range(6)
    ]
    sums = np.sum(left, axis=1)
    error = np.sqrt(5 / 6 * np.sum((sums - sums.mean()) ** 2))
    half = stats.t.isf(0.025, 5) * error
    np.testing.assert_allclose(found.high - found.low, 2 * half, rtol=1e-8)


def test_it_finds_the_effect_under_confounding():
    """T and D share a strong cause: regression is wrong, the front door is not."""
    options = {"coefficients": THROUGH, "confounding": (1.0, 1.5)}
    made = serial.made(n_sentences=300, **options)
    found = front_door.front_door(designs.make_design(made), AROUND)
    assert abs(found.estimate - INDIRECT) < 0.12
    assert found.low < INDIRECT < found.high
    logs = {node: np.log(made.columns[node]) for node in ("T", "D")}
    naive = np.polyfit(logs["T"], logs["D"], 1)[0]
    assert abs(naive - INDIRECT) > 0.3


def test_intervals_cover():
    inside, draws = 0, 60
    for seed in range(draws):
        made = serial.made(
            seed=seed,
            n_languages=10,
            n_sentences=12,
            coefficients=THROUGH,
            confounding=(0.5, 0.5),
        )
        found = front_door.front_door(designs.make_design(made), AROUND)
        inside += found.low <= INDIRECT <= found.high
    # 57 +- 1.7 expected
    assert inside >= 51


def test_refusals():
    made = serial.made(n_languages=12)
    found = front_door.front_door(designs.make_design(made))
    assert found.refused == ("the path T>D goes around A and R",)
    assert (found.estimate, found.through) == (None, {})
    # the chain says that A and D are independent given T and R, which is not so
    against = front_door.front_door(designs.make_design(made), graphs.CHAIN)
    assert any("A and D are independent given T, R" in each for each in against.refused)
    latent = (("T", "D"), ("R", "D"))
    found = front_door.front_door(designs.make_design(made), AROUND, latent=latent)
    assert len(found.refused) == 1
    assert "T does not block" in found.refused[0]


def test_one_row_per_language():
    made = serial.made(n_languages=30, n_sentences=1, coefficients=THROUGH, between=0.1)
    found = front_door.front_door(designs.make_design(made), AROUND)
    assert found.low < found.estimate < found.high


@pytest.mark.parametrize("covariate", [0.0, 0.7])
def test_covariates_are_controlled_for(covariate):
    made = serial.made(coefficients=THROUGH, covariate=covariate, n_sentences=200)
    found = front_door.front_door(designs.make_design(made), AROUND)
    assert abs(found.estimate - INDIRECT) < 0.15
    np.testing.assert_allclose(found.estimate, by_hand(made).sum(), rtol=1e-8)

import jax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.stats import design_power, design_size
from jaxdisp.stats.design_power import Components, Design, Share

PARTS = Components(rows=1.0, interaction=0.5, residual=3.0)


def of_rows(n):
    return Design(rows=design_size.halves(n), clusters=10, per_cluster=4)


def of_clusters(n):
    return Design(rows=(3, 3), clusters=n, per_cluster=4)


@pytest.mark.parametrize(
    ("of_number", "over", "effect"),
    [
        (of_rows, "rows", 1.5),
        (of_clusters, "clusters", 0.8),
        (of_clusters, "rows", 4.0),
    ],
)
def test_the_number_found_is_enough_and_one_less_is_not(of_number, over, effect):
    first = 3 if of_number is of_rows else 2
    n = design_size.least_normal(of_number, effect, PARTS, 0.8, first=first, over=over)

    def power(number):
        return design_power.normal_power(effect, of_number(number), PARTS, over=over)

    assert power(n) >= 0.8
    assert n == first or power(n - 1) < 0.8

    def share(number):
        design = of_number(number)
        studies = design_power.simulated(
            design, PARTS, key=jax.random.key(1), over=over, draws=4000
        )
        return design_power.shown(studies, effect, design, over)

    simulated, found = design_size.least_by_simulation(share, 0.8, guess=n, first=first)
    # the power grows by 2 to 5 points per unit here, and has an error of 0.6
    assert abs(simulated - n) <= 2
    assert found == share(simulated)
    assert found.estimate >= 0.8


@given(st.integers(1, 4), st.integers(1, 400), st.integers(1, 400))
def test_simulated_sizes_are_found_from_any_guess(first, enough, guess):
    tried = []

    def shares(n):
        tried.append(n)
        return Share(estimate=float(n >= enough), error=0.0)

    found, share = design_size.least_by_simulation(
        shares, 0.5, guess=guess, first=first
    )
    right = max(first, enough)
    assert right <= found <= right + max(0, right // 49)
    assert share.estimate == 1
    assert min(tried) >= first


@given(st.integers(2, 99))
def test_halves_are_all_rows(n):
    one, other = design_size.halves(n)
    assert one + other == n
    assert one - other in (0, 1)


def test_refuses():
    with pytest.raises(ValueError, match="the difference is 0"):
        design_size.least_normal(of_rows, 0.0, PARTS, 0.8, first=3)
    with pytest.raises(ValueError, match="above alpha"):
        design_size.least_normal(of_rows, 1.0, PARTS, 0.05, first=3)
    with pytest.raises(ValueError, match="the effect is too small"):
        design_size.least_normal(of_clusters, 0.1, PARTS, 0.8, first=2)
    with pytest.raises(ValueError, match=r"no n up to 1000000000 has power 0\.9"):
        design_size.least_by_simulation(
            lambda _: Share(estimate=0.0, error=0.0), 0.9, guess=10**9, first=1
        )

"""Facts of felt weights: NumPy and SciPy on a tiny model's activations."""

import functools as ft

import numpy as np
import pytest
from scipy import optimize, stats

from jaxdisp.claims.ledger import felt_facts
from jaxdisp.claims.theorems import clipping_on_model
from jaxdisp.measure.language_clipping import clipped_tensors
from jaxdisp.models.model import full_weight
from jaxdisp.search import sweep
from tests.claims.ledger import planted


@ft.cache
def known():
    return planted.evidence()


def matrices():
    """Weights and each language's mean squares, `[input, output]` and `[language]`."""
    subject = known().subject
    squares = clipping_on_model.felt_squares(subject.model, subject.few, subject.stride)
    for tensor in clipped_tensors(subject.model, subject.quantizer):
        stacked = np.asarray(full_weight(subject.model, tensor.path), np.float64)
        for layer, weight in enumerate(stacked):
            yield weight, np.asarray(squares[tensor.path][:, layer], np.float64)


def test_kurtoses_are_those_of_scipy():
    found = felt_facts.kurtoses(known())
    product, tilted, plain = [], [], []
    for weight, squares in matrices():
        plain.append(np.mean(weight**4) / np.mean(weight**2) ** 2 - 3)
        felt = squares[:, :, None] * np.ones_like(weight)[None]
        product.append(
            [stats.kurtosis((np.sqrt(each) * weight).ravel()) for each in felt]
        )
        tilted.append(
            [
                np.sum(each * weight**4) * np.sum(each) / np.sum(each * weight**2) ** 2
                - 3
                for each in felt
            ]
        )
    # float64 throughout; activations are read in float32
    assert found["product"] == pytest.approx(np.mean(product, axis=0), rel=1e-6)
    assert found["tilted"] == pytest.approx(np.mean(tilted, axis=0), rel=1e-6)
    assert np.array(found["tilted_by_matrix"]) == pytest.approx(np.array(tilted))
    assert found["weights_by_matrix"] == pytest.approx(plain)
    assert len(found["languages"]) == 3


def test_rows_are_in_the_order_of_the_regrets():
    found = clipping_on_model.regrets(known())
    assert len(found["layer"]) == len(list(matrices()))
    assert len(felt_facts.product_thresholds(known())["unit_power"]) == len(
        found["layer"]
    )
    energy = [
        np.sum(squares * (weight**2).sum(axis=1)[None], axis=1)
        for weight, squares in matrices()
    ]
    assert np.all(np.array(energy) > 0)


def test_product_thresholds_cost_what_brute_force_says():
    found = felt_facts.product_thresholds(known())
    c = 1 / 588
    for at, (weight, squares) in list(enumerate(matrices()))[::3]:
        for language, square in enumerate(squares):
            felt = (square[:, None] * np.ones_like(weight)).ravel()
            x = np.abs(weight).ravel()

            def noise(place, size, mass):
                lost = np.sum(mass * np.maximum(size - place, 0) ** 2)
                return lost + c * place**2 * np.sum(mass)

            def least(size, mass):
                return optimize.minimize_scalar(
                    noise,
                    args=(size, mass),
                    bounds=(0.0, size.max()),
                    method="bounded",
                    options={"xatol": 1e-10},
                )

            own = least(x, felt).fun
            product = least(x * np.sqrt(felt), np.ones_like(x)).x
            for name, scale in (
                ("unit_power", np.sqrt(felt.mean())),
                ("unit_peak", np.sqrt(felt.max())),
            ):
                cost = noise(product / scale, x, felt) / own - 1
                # float32 sums and a cost that may be near 0
                assert found[name][at][language] == pytest.approx(
                    cost, rel=1e-3, abs=1e-5
                )


def test_costs_are_losses_with_everything_rounded():
    subject = known().subject
    found = felt_facts.costs(known())
    sites = np.array([[0] * 3, [1] * 3])
    nll = np.asarray(
        sweep.evaluate(subject.model, subject.few, sites, [subject.quantizer]).nll,
        np.float64,
    )
    added = nll[1] - nll[0]
    assert found["cost"] == pytest.approx(added.mean(axis=1))
    groups = np.array(subject.few.groups)
    first = added[:, groups != np.unique(groups)[0]].mean(axis=1)
    assert found["left_out"][0] == pytest.approx(first)


def test_shared_thresholds_are_solved_with_a_proof():
    found = felt_facts.sharing_gap(known())
    assert len(found["gap"]) == 3
    # the barrier method stops at a relative gap of 1e-9, stored in float32
    assert max(found["gap"]) < 1e-8

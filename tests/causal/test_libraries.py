"""The linear Gaussian model: closed forms, statsmodels and semopy on the same data.

Coefficients are elasticities; the others see logarithms. Posterior means differ from
their estimates by what a prior N(0, 1) in standard units takes from coefficients whose
standard errors are about 0.05, which is 0.05 / 2 standard errors, by Monte Carlo error
(4000 draws: 0.016 standard errors) and by languages being drawn to one another.
"""

import jax
import numpy as np
import pytest

from jaxdisp.causal import effects, posterior
from jaxdisp.causal.posterior import Sampling
from tests.causal import simulated

NEAR = 0.2
CAUSES = {"A": ("T",), "R": ("T", "A"), "D": ("T", "A", "R")}


@pytest.fixture(scope="module")
def units():
    return simulated.of("full mediation")


@pytest.fixture(scope="module")
def found(units):
    sampling = Sampling(draws=1000, tuning=500, chains=4)
    return posterior.fit(units, key=jax.random.key(0), sampling=sampling)


@pytest.fixture(scope="module")
def logs(units):
    table = {node: np.log(units.columns[node]) for node in "TARD"}
    return table | {"bytes": units.columns["bytes"]}


def within(x, language):
    """Deviations from the means of languages."""
    means = np.array([x[language == each].mean() for each in range(language.max() + 1)])
    return x - means[language]


def least_squares(units, logs):
    """Coefficients of arrows with a constant for each language."""
    slopes = {}
    for node, causes in CAUSES.items():
        x = [within(logs[name], units.language) for name in (*causes, "bytes")]
        y = within(logs[node], units.language)
        fitted = np.linalg.lstsq(np.stack(x, axis=1), y, rcond=None)[0]
        slopes |= {(cause, node): fitted[i] for i, cause in enumerate(causes)}
    return slopes


def test_coefficients_are_those_of_least_squares_within_languages(units, found, logs):
    for arrow, slope in least_squares(units, logs).items():
        draws = found.coefficients[arrow]
        assert abs(draws.mean() - slope) < NEAR * draws.std()


def mixed(units, logs, node):
    """An equation with random constants of languages, by statsmodels."""
    import statsmodels.api as sm

    causes = CAUSES[node]
    columns = [np.ones(len(units.language)), *(logs[each] for each in causes)]
    design = np.stack([*columns, logs["bytes"]], axis=1)
    return sm.MixedLM(logs[node], design, groups=units.language).fit(reml=True)


def test_effects_are_path_products(units, found, logs):
    """Of least squares weighted for languages, as the model has it."""
    b = {
        (cause, node): mixed(units, logs, node).params[place]
        for node, causes in CAUSES.items()
        for place, cause in enumerate(causes, start=1)
    }
    paths = {
        "T>A>R>D": b["T", "A"] * b["A", "R"] * b["R", "D"],
        "T>R>D": b["T", "R"] * b["R", "D"],
        "T>A>D": b["T", "A"] * b["A", "D"],
        "natural_direct": b["T", "D"],
    }
    expected = paths | {
        "natural_indirect": sum(paths.values()) - b["T", "D"],
        "total": sum(paths.values()),
    }
    draws = effects.effects(found).draws
    for name, value in expected.items():
        assert abs(draws[name].mean() - value) < NEAR * draws[name].std(), name


def test_one_equation_is_that_of_statsmodels(units, found, logs):
    fitted = mixed(units, logs, "D")
    for place, cause in enumerate("TAR", start=1):
        draws = found.coefficients[cause, "D"]
        error = fitted.bse[place]
        assert abs(draws.mean() - fitted.params[place]) < NEAR * error
        assert draws.std() == pytest.approx(error, rel=0.1)
    sigma = found.sigma["D"]
    assert sigma.mean() == pytest.approx(np.sqrt(fitted.scale), rel=0.02)


def test_the_whole_model_is_that_of_semopy(units, found, logs):
    pandas, semopy = pytest.importorskip("pandas"), pytest.importorskip("semopy")
    table = {name: within(x, units.language) for name, x in logs.items()}
    model = semopy.Model(
        "A ~ T + bytes\nR ~ T + A + bytes\nD ~ T + A + R + bytes",
    )
    model.fit(pandas.DataFrame(table))
    rows = model.inspect()
    for (cause, node), draws in found.coefficients.items():
        row = rows[(rows.lval == node) & (rows.op == "~") & (rows.rval == cause)]
        assert abs(draws.mean() - row["Estimate"].item()) < NEAR * draws.std()
        assert draws.std() == pytest.approx(float(row["Std. Err"].item()), rel=0.1)

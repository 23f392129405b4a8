"""Thresholds of laws: the published figures, and what is refused."""

import inspect

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.stats

from jaxdisp.report import law_thresholds

# Gaussian law, 4 bits, in standard deviations
GAUSSIAN = {
    "aciq": 2.559,
    "aciq_levels": 2.523,
    "exact_symmetric": 2.474,
    "exact_twos_complement": 2.370,
    "exact_midrise_edge": 2.682,
}
# Laplace law, in scales, as in table 1 of Banner et al. 2019
LAPLACE = {2: 2.831, 3: 3.897, 4: 5.029}
FIGURE = 1e-3  # three digits are published, the last one rounded


@pytest.mark.parametrize("name", GAUSSIAN)
def test_published_thresholds_of_the_gaussian_law(name):
    found = law_thresholds.law_thresholds("gaussian", 4)
    assert found["unit"] == "standard deviation"
    assert found[name] == pytest.approx(GAUSSIAN[name], abs=FIGURE)
    assert found["in_standard_deviations"][name] == found[name]


@pytest.mark.parametrize("bits", LAPLACE)
def test_published_thresholds_of_the_laplace_law(bits):
    found = law_thresholds.law_thresholds("laplace", bits)
    assert found["unit"] == "scale"
    assert found["aciq"] == pytest.approx(LAPLACE[bits], abs=FIGURE)
    deviations = found["in_standard_deviations"]
    for name in law_thresholds.MEANINGS:
        # a Laplace law of scale 1 has the standard deviation sqrt(2)
        assert found[name] == pytest.approx(np.sqrt(2) * deviations[name], rel=1e-12)
    if bits == 4:
        assert deviations["aciq"] == pytest.approx(3.556, abs=FIGURE)


def gaussian_error(threshold, step=None):
    """Mean squared error of 15 levels for a Gaussian law, cell by cell."""
    step = threshold / 7 if step is None else step
    edges = np.array([(n + 0.5) * step for n in range(7)])
    total = 0.0
    for level in range(8):
        low = edges[level - 1] if level else 0.0
        high = edges[level] if level < 7 else 12.0
        total += scipy.integrate.quad(
            lambda x, at=level * step: (x - at) ** 2 * scipy.stats.norm.pdf(x),
            low,
            high,
            epsabs=1e-13,
        )[0]
    return 2 * total


def test_errors_equal_quadrature():
    found = law_thresholds.law_thresholds("gaussian", 4)
    best = scipy.optimize.minimize_scalar(
        gaussian_error, bounds=(1.5, 4.0), method="bounded", options={"xatol": 1e-6}
    )
    # the minimum is flat: a threshold has half the digits of its error
    assert found["exact_symmetric"] == pytest.approx(best.x, abs=1e-4)
    assert found["errors"]["symmetric"] == pytest.approx(best.fun, rel=1e-8)
    for name in ("aciq", "exact_midrise_edge", "logarithmic"):
        expected = gaussian_error(found["in_standard_deviations"][name]) / best.fun - 1
        assert found["excess_error"][name] == pytest.approx(expected, rel=1e-5)
    misread = gaussian_error(2.83) / best.fun - 1
    assert found["misread_constant"]["excess_error"] == pytest.approx(misread, rel=1e-5)
    assert 0.10 < misread < 0.12


def test_thresholds_belong_together():
    for law in ("gaussian", "laplace"):
        found = law_thresholds.law_thresholds(law, 4)
        errors, excess = found["errors"], found["excess_error"]
        assert set(errors) == {"symmetric", "twos_complement", "midrise"}
        assert set(excess) == set(law_thresholds.MEANINGS)
        assert excess["exact_symmetric"] == pytest.approx(0, abs=1e-12)
        assert min(excess.values()) > -1e-12
        # one more level can only help
        assert errors["twos_complement"] < errors["symmetric"]
        edge, top = found["exact_midrise_edge"], found["exact_midrise_top"]
        assert top == pytest.approx(edge * 15 / 16)
        assert (found["bits"], found["shape"]) == (4, None)
    assert found["excess_kurtosis"] == 3.0


def test_where_the_constant_of_the_notes_comes_from():
    misread = law_thresholds.law_thresholds("gaussian", 4)["misread_constant"]
    assert misread["value"] == 2.83
    assert misread["is"].startswith("2.831 scales")
    assert "Laplace law at 2 bits" in misread["is"]


def test_names_may_have_hyphens():
    with pytest.raises(ValueError, match="law student-t: its shape follows from"):
        law_thresholds.law_thresholds("student-t", 4)
    with pytest.raises(ValueError, match="law generalised_gaussian: its shape"):
        law_thresholds.law_thresholds("generalised_gaussian", 4)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (
            ("cauchy", 4, None),
            "law cauchy: unknown; allowed: gaussian, laplace, generalised_gaussian, "
            "student_t",
        ),
        (("gaussian", 1, None), "bits must be between 2 and 8, got 1"),
        (("gaussian", 9, None), "bits must be between 2 and 8, got 9"),
        (("student_t", 4, None), "follows from --kurtosis, which is missing"),
        (
            ("gaussian", 4, 1.0),
            "no gaussian law has excess kurtosis 1; allowed: 0 alone",
        ),
        (("laplace", 4, 2.0), "no laplace law has excess kurtosis 2; allowed: 3 alone"),
        (("student-t", 4, -1.0), "no student_t law has excess kurtosis -1"),
        (("generalised-gaussian", 4, -1.5), r"-1\.5; allowed: -1\.196 to 2\.8"),
        (("gaussian", 4, float("nan")), "has excess kurtosis nan"),
    ],
)
def test_laws_that_are_none(given_, message):
    bare = inspect.unwrap(law_thresholds.law_thresholds)
    with pytest.raises(ValueError, match=message) as error:
        bare(*given_)
    assert "\n" not in str(error.value)


def test_the_table_and_what_stands_around_it():
    found = law_thresholds.law_thresholds("laplace", 4)
    cells = law_thresholds.threshold_cells(found)
    assert [row[0] for row in cells] == list(law_thresholds.MEANINGS)
    assert cells[0][:4] == ["aciq", "5.0286", "3.5558", "+0.7 %"]
    header = law_thresholds.header(found)
    assert header[1] == "a, in scales"
    assert {len(row) for row in cells} == {len(header)}
    assert law_thresholds.title(found) == "laplace law (excess kurtosis 3), 4 bits"
    shaped = found | {"law": "student_t", "shape": 5.0}
    assert law_thresholds.title(shaped) == (
        "student t law (excess kurtosis 3, shape 5), 4 bits"
    )
    remark = law_thresholds.remark(found)
    assert "2.83 standard deviations\n(+15.1 % here) is a misreading" in remark
    assert law_thresholds.header(found | {"unit": "standard deviation"})[1] == (
        "a, in standard deviations"
    )


def test_curves_are_error_and_its_parts():
    curve = law_thresholds.curves("gaussian", 4, 0.0)
    assert {len(values) for values in curve.values()} == {120}
    for number in (0, 60, 119):
        at = curve["threshold"][number]
        assert curve["error"][number] == pytest.approx(gaussian_error(at), rel=1e-6)
    np.testing.assert_allclose(
        curve["clipping"] + curve["rounding"], curve["error"], rtol=1e-12
    )
    assert np.all(np.diff(curve["clipping"]) <= 0)  # less is clipped
    least = curve["threshold"][np.argmin(curve["error"])]
    assert least == pytest.approx(2.474, rel=0.02)  # 120 places over a decade

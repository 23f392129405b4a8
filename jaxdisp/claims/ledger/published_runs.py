"""Numbers that the notes' repository prints or types in, as far as claims need them.

Everything is from the public repository uprootiny/quant-disparity at commit 935e831;
`RUNS` names the file of each. Disparities are the notes' own: ratios of per cent of
perplexity, of one sentence.
"""

import numpy as np
from jaxtyping import Float

RUNS = {
    "protected": "experiments/phase-5-minimal/exp032_result.json",
    "languages": "experiments/phase-5-minimal/exp034_result.json",
    "lengths": "experiments/phase-5-minimal/exp015_result.json",
    "perceptrons": "experiments/phase-5-minimal/exp017_result.json",
    "attention": "experiments/phase-5-minimal/exp020_result.json",
    "typed layers": "experiments/phase-5-minimal/exp087b_formula_from_data.py",
    "noise": "experiments/phase-5-minimal/exp082_sqrt3_threshold.py",
    "morphology": "experiments/phase-5-minimal/exp089_d001b_morphological.py",
    "summary": "RESULTS_PAPER_DRAFT.md",
    "suite": "theory-tracks/experiments/theory_validation_suite.py",
    "suite results": "theory-tracks/experiments/theory_validation_results.json",
}

Layers = Float[np.ndarray, " layer"]


def _numbers(text: str) -> Layers:
    return np.array([float(number) for number in text.split()])


PROTECTED = {
    "none": {"he": 213.8216097253107, "ar": 81.99280260627019},
    "first": {"he": 5.947131367132492, "ar": 1.2888896494172075},
    "tenth": {"he": 325.41727365558444, "ar": 79.8578195689838},
    "last": {"he": 442.7242338069543, "ar": 229.63786695709868},
    "both": {"he": 0.7519709697318185, "ar": 0.6925983262672003},
}
"""Disparities of GPT-2 against English by protected layers (of twelve)."""

DEGRADATIONS = {
    "none": {"en": 4544.200465563847, "he": 971648.258461368},
    "first": {"en": 5884.174135078882, "he": 34993.95656839732},
    "both": {"en": 11929.230332012427, "he": 8970.434900917608},
}
"""Per cent of perplexity gained by GPT-2, of the same runs as `PROTECTED`."""

PREDICTIONS = {"en": 9, "he": 46}
"""Tokens predicted of the one sentence: 10 and 47 tokens less the first."""

PERCEPTRONS = {
    "GPT-2": (
        213.8216097253107,
        _numbers(
            "138.9803 381.4408 151.6325 188.2424 163.4588 162.9456 "
            "300.8950 239.9614 254.4508 223.3505 301.2055 278.5003"
        ),
    ),
    "OPT-125M": (
        153.31560487741856,
        _numbers(
            "116.2462 130.6725 160.1877 121.2472 95.4965 118.7711 "
            "187.8370 245.3326 205.8154 180.3079 180.5481 91.6303"
        ),
    ),
}
"""Disparity against Hebrew with nothing, and with one layer's perceptron protected."""

ATTENTION = _numbers(
    "53.9073 420.9330 114.2937 171.8545 302.5260 198.8819 "
    "190.1939 192.5117 210.0175 267.0088 254.4945 246.7537"
)
"""The same of GPT-2 with one layer's attention protected."""

VARIANCE = _numbers(
    "0.039 0.015 0.008 0.010 0.011 0.012 0.013 0.014 0.016 0.019 0.022 0.026"
)
OUTLIERS = _numbers(
    "1.726 1.173 0.892 0.956 1.012 1.045 1.089 1.123 1.201 1.312 1.423 1.534"
)
SPARSITY = _numbers("10.2 9.4 8.1 7.8 7.5 7.2 7.0 6.8 6.5 6.3 6.1 5.9")
POSITION = _numbers(
    "0.0 0.091 0.182 0.273 0.364 0.455 0.545 0.636 0.727 0.818 0.909 1.0"
)
LARGEST = _numbers("0.89 0.67 0.54 0.58 0.61 0.63 0.65 0.68 0.71 0.76 0.82 0.91")
"""Largest magnitude of each layer, as typed beside the variances."""

TYPED_DISPARITY = _numbers(
    "2.6 381.0 795.0 188.0 156.0 167.0 145.0 178.0 134.0 89.0 67.0 55.0"
)
"""Disparity with one layer protected, as typed in for the regression."""

SUMMARY = {"high": (48.2, 8.4, 3), "low": (204.6, 45.2, 5)}
"""Mean, standard deviation and number of languages, in per cent of perplexity."""

SCORES = {
    "INT4": (2.8, 4.24, 0.813),
    "INT4, first": (2.6, 3.12, 0.912),
    "INT4, gateways": (2.4, 2.50, 0.980),
    "INT8": (1.8, 1.82, 0.994),
}
"""Efficiency, disparity and fair-efficiency score, as printed in one table."""

MORPHOLOGY = {
    "rich": {"de": (0.9, 0.67), "he": (42.0, 0.48), "ar": (20.0, 0.31)},
    "other": {"en": (1.0, 1.0), "fr": (0.7, 0.43), "zh": (6.0, 0.31)},
}
"""Disparity without and with three layers protected, as typed in."""

ALIGNMENT = np.array([0.95, 0.88, 0.90, 0.82, 0.41, 0.38, 0.29, 0.22])
"""Typed in for the eight languages of the simulated suite; the last four are low."""

WIDTH = 768
"""Of the suite's simulated activations, and of its square random matrices."""

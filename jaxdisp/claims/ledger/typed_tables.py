"""Tables that the notes' repository types in, as far as claims of causes need them.

Everything is from the public repository uprootiny/quant-disparity at commit 935e831;
`FILES` names the file of each.
"""

import math

import numpy as np
from jaxtyping import Float
from scipy import special

FILES = {
    "twelve": "experiments/track-e-confound-resistant/exp_e005_residualized.py",
    "words": "experiments/track-e-confound-resistant/exp_e003_within_language.py",
    "inflation": "experiments/track-e-confound-resistant/exp_e008_"
    "multicollinearity_vif.py",
    "shares": "experiments/track-b-interpretability/exp_b004_to_b015_batch.py",
    "fertility": "experiments/phase-5-minimal/exp059_token_fertility.py",
    "draft": "RESULTS_PAPER_DRAFT.md",
}

LANGUAGES = ("en", "de", "fr", "es", "zh", "ru", "ja", "ko", "ar", "he", "tr", "pl")


def _numbers(text: str) -> Float[np.ndarray, " place"]:
    return np.array([float(number) for number in text.split()])


TWELVE = {
    "alignment": _numbers(".72 .58 .62 .60 .55 .48 .38 .32 .28 .24 .35 .45"),
    "degradation": _numbers(
        "46.8 60.6 55.1 54.1 124.9 78.4 152.4 209.4 214.1 264.3 168.2 84.2"
    ),
    "training": _numbers("500 80 70 65 100 45 50 25 20 8 15 15"),
    "vocabulary": _numbers(".95 .88 .90 .89 .75 .82 .70 .65 .60 .55 .62 .78"),
    "benchmark": _numbers(".95 .92 .93 .91 .88 .85 .82 .78 .75 .72 .76 .80"),
}
"""Twelve languages in the order of `LANGUAGES`: alignment of pieces with morphemes,
degradation in per cent of perplexity, training text in GB, coverage of the vocabulary
and quality of the benchmark. All are typed in."""

COVARIATES = ("training", "vocabulary", "benchmark")

WORDS = {
    "alignment": _numbers(".8 .75 .7 .65 .6 .5 .45 .4 .25 .2 .15 .1"),
    "frequency": _numbers(".9 .9 .9 .9 .9 1 1 1 1.1 1.1 1.1 1.1"),
}
"""Twelve Hebrew words: alignment, and the factor by which frequency enters."""

PRINTED_WORDS = {
    "alignment": _numbers(".80 .70 .50 .45 .10"),
    "degradation": _numbers("52.4 61.8 84.2 92.6 148.2"),
}
"""The five kinds of Hebrew words that the draft prints."""

SHARES = _numbers(".42 .28 .15 .10 .05")
"""What five mediators are typed to explain; the first is tokenization quality."""

COEFFICIENTS = {"b1": 0.92, "b2": 0.85, "gamma": 1.5}
"""The coefficients of the structural model (formal proofs, theorem 4)."""

TWO_WORDS = {
    "en": "Hello world",
    "de": "Hallo Welt",
    "fr": "Bonjour monde",
    "es": "Hola mundo",
    "ru": "Привет мир",
    "ar": "مرحبا بالعالم",
    "he": "שלום עולם",
    "zh": "你好世界",
    "ja": "こんにちは世界",
    "ko": "안녕하세요 세계",
}
"""The texts on which fertility was compared with degradation."""


def pearson(
    one: Float[np.ndarray, " point"], other: Float[np.ndarray, " point"]
) -> float:
    """Correlates two columns.

    Args:
        one: a value of each point.
        other: another.

    Reference: textbook definition.
    """
    return float(np.corrcoef(one, other)[0, 1])


def fisher_interval(r: float, n: int, *, given: int = 0) -> tuple[float, float]:
    """Finds the 95 % interval of a correlation from its value and n alone.

    Definition: `tanh(atanh r -/+ z / sqrt(n - 3 - k))`, k the variables given.

    Args:
        r: correlation, between -1 and 1.
        n: points.
        given: variables that are held constant, k.

    Raises:
        ValueError: if r is no correlation, or points are too few.

    Reference: Fisher 1924, Metron 3 (partial correlations).
    """
    if not -1 < r < 1 or n < 4 + given:
        raise ValueError(
            f"needs a correlation inside (-1, 1) and at least {4 + given} points, got "
            f"{r:g} of {n}"
        )
    half = float(special.ndtri(0.975)) / math.sqrt(n - 3 - given)
    return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)

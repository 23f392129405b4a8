"""A tiny model in two languages, and clipping thresholds found for it."""

import functools as ft
import pathlib
import tempfile

import numpy as np

from jaxdisp import measure, models
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure.disparity import Contrast
from jaxdisp.models import Quantizer
from jaxdisp.report import clipping
from tests.measure import tiny

LANGUAGES = ("de", "ru")
SIZES = {"n_layer": 2, "n_embd": 6, "n_inner": 6}
QUANTIZER = Quantizer(bits=3)


@ft.cache
def model():
    with tempfile.TemporaryDirectory() as directory:
        return models.load(tiny.write_model(pathlib.Path(directory), **SIZES))


@ft.cache
def inputs():
    with tempfile.TemporaryDirectory() as directory:
        whole = measure.load_corpus(
            tiny.write_corpus(pathlib.Path(directory)), LANGUAGES
        )
    text = corpora.spread(whole, 4)
    return clipping.Inputs(
        model=model(),
        corpus=text,
        calibration=text,
        quantizer=QUANTIZER,
        deploy="per-language",
        chosen=Contrast(low=("ru",), high=("de",), rule="made up"),
        seed=1,
    )


@ft.cache
def solved():
    return clipping.solve(inputs(), int)


def by_kurtosis(bits):
    """Stands for the thresholds of laws, each of which compiles for seconds."""
    kurtosis = np.array([0.0, 1.0, 10.0])
    families = ("generalised_gaussian", "student_t", "logarithmic")
    return {"kurtosis": kurtosis} | {
        name: kurtosis + number for number, name in enumerate(families)
    }

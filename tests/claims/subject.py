"""Small subjects of experiments: a random model of three layers, eight short lines."""

import functools as ft
import pathlib
import tempfile

import jaxdisp
from jaxdisp.claims import subjects
from jaxdisp.measure import corpus as corpora
from tests.measure import tiny as texts


@ft.cache
def model_and_corpus():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        texts.write_corpus(directory / "corpus")
        return (
            jaxdisp.models.load(texts.write_model(directory / "model")),
            corpora.load_corpus(directory / "corpus"),
        )


@ft.cache
def tiny(few=8, seed=0):
    return subjects.make_subject(*model_and_corpus(), few=few, seed=seed)

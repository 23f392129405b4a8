"""Losses that several experiments need, measured once per model, text and quantizer."""

import functools as ft

import numpy as np
from jaxtyping import Float

from jaxdisp.claims.experiment import Subject
from jaxdisp.measure.corpus import Corpus
from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer, quantize
from jaxdisp.result import result
from jaxdisp.search import lattice, sweep


@result
class LayerLosses:
    """Losses in nats per sentence, by what is quantized.

    `full` is in full precision and `everything` with every layer quantized; `alone` has
    one layer quantized and all others in full precision, `spared` the opposite. What
    lies outside the layers stays in full precision.
    """

    full: Float[np.ndarray, "language sentence"]
    everything: Float[np.ndarray, "language sentence"]
    alone: Float[np.ndarray, "layer language sentence"]
    spared: Float[np.ndarray, "layer language sentence"]


def layer_losses(subject: Subject) -> LayerLosses:
    """Measures what each layer costs, on the subject's few sentences.

    Args:
        subject: model, text and quantizer.

    Reference: our own definition.
    """
    return _layer_losses(subject.model, subject.few, subject.quantizer, subject.stride)


def rounded(subject: Subject) -> decoder.Parameters:
    """Returns the subject's parameters as quantized, kept for the next experiment.

    Args:
        subject: model and quantizer.

    Reference: our own definition.
    """
    return _rounded(subject.model, subject.quantizer)


@ft.lru_cache(maxsize=4)
def _layer_losses(
    model: Model, few: Corpus, quantizer: Quantizer, stride: int | None
) -> LayerLosses:
    n_layers = model.config.n_layers
    single = np.arange(n_layers)[:, None]
    sites = np.concatenate(
        [
            lattice.uniform(n_layers),
            lattice.one_quantized(n_layers),
            lattice.protecting(single, n_layers),
        ]
    )
    nll = np.asarray(
        sweep.evaluate(model, few, sites, [quantizer], stride=stride).nll, np.float64
    )
    return LayerLosses(
        full=nll[0],
        everything=nll[1],
        alone=nll[2 : 2 + n_layers],
        spared=nll[2 + n_layers :],
    )


@ft.lru_cache(maxsize=2)
def _rounded(model: Model, quantizer: Quantizer) -> decoder.Parameters:
    return quantize(model, quantizer)


def evaluate(
    subject: Subject, sites: np.ndarray, *, model: Model | None = None
) -> Float[np.ndarray, "config language sentence"]:
    """Measures losses of assignments on the subject's few sentences.

    Args:
        subject: model, text and quantizer.
        sites: per configuration one integer per layer, 0 for full precision, else 1.
        model: another model than the subject's, such as a control; None is its own.

    Reference: as `search.sweep.evaluate`.
    """
    found = sweep.evaluate(
        subject.model if model is None else model,
        subject.few,
        sites,
        [subject.quantizer],
        stride=subject.stride,
    )
    return np.asarray(found.nll, np.float64)

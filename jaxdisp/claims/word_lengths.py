"""Losses at every word length, measured once and read as curves of languages."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxdisp.claims.experiment import Subject
from jaxdisp.measure import cube, logit_errors, rate_curves
from jaxdisp.models.quantized import quantize
from jaxdisp.quant.relative_error import step_bits
from jaxdisp.result import result

WORDS = (2, 3, 4, 5, 6, 7, 8)
POINTS = 3
"""Word lengths that a slope takes; two points have a slope whatever the law."""


@result
class Curves:
    """Losses by word length, everything in the layers rounded.

    `added` is what is lost against full precision and `divergence` Kullback and
    Leibler's from its predictions, in nats per sentence; `collapsed` where it no longer
    predicts; `bits` are those that steps are worth.
    """

    bits: Float[np.ndarray, " bits"]
    added: Float[np.ndarray, "sentence bits language"]
    divergence: Float[np.ndarray, "sentence bits language"]
    collapsed: Bool[np.ndarray, "bits language"]


def measure(subject: Subject) -> Curves:
    """Measures what is lost at every word length, on the subject's few sentences.

    Definition: the subject's quantizer with 2 to 8 bits, one after the other.

    Args:
        subject: model, text and quantizer.

    Reference: our own definition.
    """
    model, text = subject.model, subject.few
    n_layers = model.config.n_layers
    everything = np.ones((1, n_layers), np.int32)

    def states(version: Any, sites: np.ndarray) -> list[logit_errors.FinalStates]:
        found = logit_errors.final_states(
            model, text, version, sites, stride=subject.stride
        )
        return [each for _, each in found]

    full = states(model.params, 0 * everything)
    tables = []
    for bits in (None, *WORDS):
        changed = full
        if bits is not None:
            quantizer = dataclasses.replace(subject.quantizer, bits=bits)
            changed = states(quantize(model, quantizer), everything)
        tables.append(
            [
                logit_errors.divergences(model, one, other, text.n_sentences)
                for one, other in zip(full, changed, strict=True)
            ]
        )
    loss, divergence = (
        np.array([[getattr(each, name) for each in row] for row in tables])
        for name in ("loss", "divergence")
    )
    n_tokens = np.asarray(cube.sizes(model, text)[0], np.float64).mean(axis=1)
    return Curves(
        bits=np.array([step_bits(bits, grid=subject.quantizer.grid) for bits in WORDS]),
        added=np.moveaxis(loss[1:] - loss[0], -1, 0),
        divergence=np.moveaxis(divergence[1:], -1, 0),
        collapsed=rate_curves.collapsed(
            loss[1:].mean(axis=-1), n_tokens, model.config.vocabulary
        ),
    )


def curve(
    curves: Curves,
    table: Float[np.ndarray, "sentence bits language"],
    groups: Int[np.ndarray, " sentence"],
    weights: Float[np.ndarray, " language"],
) -> rate_curves.Curve:
    """Returns the curve of a weighted mean over languages.

    Definition: `rate_curves.counted`; usable where no language with a weight has
    collapsed.

    Args:
        curves: as from `measure`.
        table: one of theirs.
        groups: the text that each sentence belongs to.
        weights: of the languages.

    Reference: our own definition.
    """
    taken = weights != 0
    values = table[:, :, taken] @ weights[taken]
    usable = np.logical_not(np.any(curves.collapsed[:, taken], axis=1))
    mean, left_out = rate_curves.text_means(values, groups)
    return rate_curves.counted(curves.bits, mean, left_out, np.asarray(usable))


def words(curve: rate_curves.Curve) -> str:
    """Names the word lengths of a curve.

    Args:
        curve: of all of `WORDS`.

    Reference: our own definition.
    """
    kept = np.array(WORDS)[curve.kept]
    return ", ".join(str(word) for word in kept) or "none"

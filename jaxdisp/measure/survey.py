"""Surveys: configurations evaluated on a corpus, with everything said about them."""

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure.cube import Evaluation
from jaxdisp.measure.degradation import Degradation, degradation
from jaxdisp.measure.disparity import Contrast, Disparity, disparity, weights_of
from jaxdisp.models.model import Model
from jaxdisp.result import result


@result
class Survey:
    """Losses of configurations, what each language loses, and how unequally."""

    evaluation: Evaluation
    degradation: Degradation
    disparity: Disparity


def survey(
    model: Model,
    corpus: corpora.Corpus,
    evaluation: Evaluation,
    reference: Float[Array, "language sentence"],
    *,
    chosen: Contrast | None,
    seed: int,
) -> Survey:
    """Turns losses into degradation and disparity, on the same resamples of texts.

    Definition: `degradation.degradation` and `disparity.disparity` with one key.

    Args:
        model: the model the losses are of.
        corpus: the text they are of.
        evaluation: losses of the configurations.
        reference: losses in full precision on the same sentences.
        chosen: which languages are compared; None where that is unknown.
        seed: of the resampling.

    Reference: our own definition.
    """
    key = jax.random.key(seed)
    groups = np.asarray(corpus.groups)
    lost = degradation(
        evaluation, reference, groups, key=key, vocabulary=model.config.vocabulary
    )
    weights = weights_of(chosen, corpus.languages)
    unequal = disparity(evaluation, reference, groups, weights=weights, key=key)
    return Survey(evaluation=evaluation, degradation=lost, disparity=unequal)

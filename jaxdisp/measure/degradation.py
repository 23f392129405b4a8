"""Degradation: what each language loses, in three units, with paired intervals."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from jaxdisp.measure.cube import Evaluation
from jaxdisp.result import result
from jaxdisp.stats import bca, bootstrap

COLLAPSED = 0.9
"""Share of the loss of a uniform guess above which a model no longer predicts."""


@result
class Degradation:
    """What each language loses in each configuration, against full precision.

    `per_sentence` is in nats per parallel sentence and the one to compare languages by;
    `per_byte` is in bits per byte; `per_token`, in nats per token, is a diagnostic, as
    tokens differ between languages. `loss` is the quantized loss in nats per sentence,
    `collapsed` where the loss per token exceeds 0.9 ln V.
    """

    per_sentence: bca.Interval
    per_byte: bca.Interval
    per_token: bca.Interval
    loss: Float[Array, "config language"]
    collapsed: Bool[Array, "config language"]


def losses_added(
    evaluation: Evaluation, reference: Float[Array, "language sentence"]
) -> Float[np.ndarray, "sentence config language"]:
    """Subtracts the full-precision loss from every configuration's, by sentence.

    Definition: `nll[config] - nll[full precision]`, in nats per sentence.

    Args:
        evaluation: losses of the configurations.
        reference: losses in full precision on the same sentences.

    Reference: our own definition.
    """
    cube = np.asarray(evaluation.nll, np.float64) - np.asarray(reference, np.float64)
    return np.moveaxis(cube, -1, 0)


def degradation(
    evaluation: Evaluation,
    reference: Float[Array, "language sentence"],
    groups: Int[np.ndarray, " sentence"],
    *,
    key: PRNGKeyArray,
    vocabulary: int,
) -> Degradation:
    """Measures what each language loses, resampling texts jointly for all languages.

    Definition: with `d[s]` the nats added to sentence `s`: per sentence `mean(d)`, per
    byte `sum(d) / (bytes ln 2)`, per token `sum(d) / tokens`.

    Args:
        evaluation: losses of the configurations.
        reference: losses in full precision on the same sentences.
        groups: the text that each sentence belongs to.
        key: randomness of the resampling.
        vocabulary: number of tokens V; a uniform guess loses ln V.

    Reference: our own definition; intervals as in `stats.bootstrap`.
    """
    added = losses_added(evaluation, reference)
    n_bytes = np.asarray(evaluation.n_bytes, np.float64).T[:, None, :]
    n_tokens = np.asarray(evaluation.n_tokens, np.float64).T[:, None, :]
    columns = np.concatenate([added, n_bytes, n_tokens], axis=1)
    resamples = bootstrap.resample(columns, groups, key=key)
    loss = jnp.mean(evaluation.nll, axis=-1)
    tokens = jnp.sum(evaluation.n_tokens, axis=-1).astype(evaluation.nll.dtype)
    per_token = jnp.sum(evaluation.nll, axis=-1) / tokens[None]
    found = bootstrap.interval(resamples, _in_each_unit)
    return Degradation(
        per_sentence=found["sentence"],
        per_byte=found["byte"],
        per_token=found["token"],
        loss=loss,
        collapsed=per_token > COLLAPSED * np.log(vocabulary),
    )


def _in_each_unit(sums: Array, n_sentences: Array) -> dict[str, Array]:
    added, n_bytes, n_tokens = sums[:-2], sums[-2:-1], sums[-1:]
    return {
        "sentence": added / n_sentences,
        "byte": added / (n_bytes * np.log(2.0)),
        "token": added / n_tokens,
    }

"""Surveys with numbers written by hand, and evaluations that cost nothing."""

import jax.numpy as jnp
import numpy as np

from jaxdisp.measure import cube
from jaxdisp.measure.cube import Evaluation
from jaxdisp.measure.degradation import Degradation
from jaxdisp.measure.disparity import Disparity
from jaxdisp.measure.survey import Survey
from jaxdisp.stats.bca import Interval

HARDNESS = {"de": 0.5, "en": 0.0625, "ru": 1.0}
PIECE = 4


def interval(estimate, low, high):
    estimate, low, high = (jnp.asarray(x, jnp.float32) for x in (estimate, low, high))
    return Interval(
        estimate=estimate, low=low, high=high, standard_error=jnp.zeros_like(estimate)
    )


def around(estimate, width=0.25):
    estimate = np.asarray(estimate)
    return interval(estimate, estimate - width, estimate + width)


def survey(per_sentence, collapsed=None, **disparity):
    """Two sentences per language; `per_sentence` is [config, language].

    Full precision loses 8 and 12 nats per sentence in every language, there are 4
    tokens and 10 bytes to a sentence, and disparity is that of the estimates unless it
    is given.
    """
    losses = per_sentence.estimate
    shape = losses.shape
    nll = jnp.asarray([[[8.0, 12.0]]], jnp.float32) + losses[..., None]
    given = {
        "mean": around(losses.mean(axis=1)),
        "worst": around(losses.max(axis=1)),
        "high": around(losses[:, -1]),
        "max_min": around(jnp.ptp(losses, axis=1)),
        "gini": around(0.25 * np.ones(shape[0])),
        "difference": around(losses[:, 0] - losses[:, -1]),
        "log_ratio": around(0.5 * np.ones(shape[0])),
        "bounded": jnp.ones(shape[0], bool),
        "worst_language": jnp.argmax(losses, axis=1),
    } | disparity
    sizes = jnp.ones((shape[1], 2), jnp.int32)
    return Survey(
        evaluation=Evaluation(nll=nll, n_tokens=4 * sizes, n_bytes=10 * sizes),
        degradation=Degradation(
            per_sentence=per_sentence,
            per_byte=around(losses / 10),
            per_token=around(losses / 4),
            loss=losses + 10,
            collapsed=jnp.asarray(
                np.zeros(shape, bool) if collapsed is None else collapsed
            ),
        ),
        disparity=Disparity(**given),
    )


def evaluate(model, corpus, assignments, quantizers, *, stride=None, progress=None):
    """Stands for `cube.evaluate`: 3 nats per token, and something for each layer.

    What layer `i` adds to a sentence follows from its line, so that a part of the
    corpus gets the numbers that the whole gets.
    """
    sites = cube.check_assignments(assignments, model.config.n_layers, len(quantizers))
    n_tokens, n_bytes = cube.sizes(model, corpus)
    lines, layers = np.array(corpus.lines), np.arange(model.config.n_layers)
    effect = (1 + layers[:, None]) * ((3 * lines + layers[:, None]) % 5 - 0.5) / 8
    hardness = np.array([HARDNESS[language] for language in corpus.languages])
    added = np.einsum("ci,is,l->cls", sites[:, :-1], effect, hardness)
    if progress is not None:
        progress(len(sites))
    return Evaluation(
        nll=jnp.asarray(3.0 * np.asarray(n_tokens) + added, jnp.float32),
        n_tokens=n_tokens,
        n_bytes=n_bytes,
    )


def losses(made, built, passage, wanted):
    """Stands for `engine.losses`, with the plan as its engine: those of `evaluate`.

    Subsets come by fours, as groups of a trie do. Of a sentence that is longer than the
    context, the first window has it all.
    """
    (text,) = [text for text in made.texts if text.passage is passage]
    sites = np.roll(built.sites, -1, axis=1)
    begins = np.diff(made.sentences, prepend=-1)
    for first in range(0, built.n_subsets, PIECE):
        subsets = first + np.flatnonzero(wanted[first : first + PIECE])
        if subsets.size:
            found = evaluate(made.model, made.corpus, sites[subsets], made.quantizers)
            flat = np.asarray(found.nll).reshape(len(subsets), -1)
            of_windows = np.float32(begins) * flat[:, made.sentences]
            yield subsets, of_windows[:, text.places]

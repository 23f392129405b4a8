"""Every estimator of T, A, R and D that a model and a corpus allow, by language."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from jaxdisp.causal.estimates import pool
from jaxdisp.causal.measured import Measured, Rows, described, known
from jaxdisp.measure import (
    convergence,
    redundancy_estimates,
    similarity,
    states,
    tokenization,
)
from jaxdisp.measure.minimal_pairs import load_pairs
from jaxdisp.stats import bootstrap


def languages(found: Measured, *, key: PRNGKeyArray) -> tuple[Rows, dict[str, str]]:
    """Lays out one row per language with every estimator of T, A, R and D.

    Definition: T to D and the estimators of sentences are those of `units`, pooled over
    the corpus; `D_low` and `D_high` are the bootstrap's over texts. `boundary_` columns
    are `tokenization.pair_agreement`, where there are minimal pairs of the language;
    `margin_i` and `retrieval_i` are `measure.convergence` at tap i, at quarters of the
    depth, and `cka` is the debiased CKA with the reference language at the tap of A.
    Columns that begin with `R_` are `measure.redundancy_estimates`.

    Args:
        found: as from `measure`.
        key: of resamples and of noise.

    Returns:
        The rows, and why columns are missing, by column.

    Reference: our own definition.
    """
    model, corpus = found.model, found.corpus
    noise, texts = jax.random.split(key)
    everything = np.zeros(corpus.n_sentences, int)
    columns = {
        name: pool(each, everything)[:, 0] for name, each in found.estimates.items()
    }
    columns |= _interval(found, texts)
    columns |= _boundaries(found) | _alignments(found)
    several, why = redundancy_estimates.measured(
        model, corpus, found.readings.full, key=noise, stride=found.stride
    )
    columns |= {f"R_{name.replace(' ', '_')}": x for name, x in several.items()}
    missing = {"R_gaussian": why} if why else {}
    rows = [
        {"language": language}
        | {name: known(float(column[place])) for name, column in columns.items()}
        | described(found, language)
        for place, language in enumerate(corpus.languages)
    ]
    return rows, missing


def _interval(found: Measured, key: PRNGKeyArray) -> dict[str, np.ndarray]:
    """Of D, over texts; there is none with a single text."""
    groups = np.array(found.corpus.groups)
    if len(set(found.corpus.groups)) < 2:
        return {}
    added = found.estimates["D"].values
    bounds = bootstrap.interval(bootstrap.resample(added.T, groups, key=key))
    return {"D_low": np.asarray(bounds.low), "D_high": np.asarray(bounds.high)}


def _boundaries(found: Measured) -> dict[str, np.ndarray]:
    agreements = []
    for language in found.corpus.languages:
        pairs = load_pairs([language])
        agreements.append(tokenization.pair_agreement(found.model.tokenizer, pairs))
    return {
        f"boundary_{name}": np.array([each[name] for each in agreements], np.float64)
        for name in ("precision", "recall", "f1")
    }


def _alignments(found: Measured) -> dict[str, np.ndarray]:
    """Alignment at quarters of the depth, and of kernels at the tap of A."""
    n_layers = found.model.config.n_layers
    taps = sorted({round(part * n_layers / 4) for part in range(5)})
    read = states.language_states(found.model, found.corpus, stride=found.stride)
    means = np.array(
        [
            states.sentence_means(own, found.corpus.n_sentences)[taps].astype(
                np.float32
            )
            for _, own in read
        ]
    )
    columns: dict[str, np.ndarray] = {}
    for number, tap in enumerate(taps):
        at = jnp.asarray(means[:, number])
        for name, score in (
            ("margin", convergence.margins),
            ("retrieval", convergence.retrieval),
        ):
            columns[f"{name}_{tap}"] = np.asarray(score(at)).mean(axis=1)
    if found.corpus.n_sentences >= similarity.MIN_FOR_CKA:
        own = jnp.asarray(found.readings.means)
        place = found.corpus.languages.index(found.reference)
        kernels = jax.vmap(similarity.linear_cka, (0, None))(own, own[place])
        columns["cka"] = np.asarray(kernels)
    return columns

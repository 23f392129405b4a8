"""Every redundancy of every language that a model and a corpus allow."""

import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jaxdisp.measure import contrastive, cube, noise_injection, redundancy, states
from jaxdisp.measure import corpus as corpora
from jaxdisp.models.model import Model

NOISED = 16
VARIANCES = np.array([0.01, 0.04])
"""Sentences for noise, and its variance relative to the power of the states."""

KINDS = {
    "gaussian": "spectrum",
    "total correlation": "spectrum",
    "spare dimensions": "spectrum",
    "readout": "readout",
    "noise": "behaviour",
    "head": "loss",
    "shared information": "alignment",
}
"""What each estimator looks at; those of one kind agree by their construction."""


def measured(
    model: Model,
    corpus: corpora.Corpus,
    full: Float[np.ndarray, "language sentence"],
    *,
    key: PRNGKeyArray,
    stride: int | None = None,
) -> tuple[dict[str, Float[np.ndarray, " language"]], str]:
    """Estimates every redundancy of every language that the data allow.

    Definition: the functions of `measure.redundancy`; `shared information` is the lower
    bound of `measure.contrastive` on what the mean state of a sentence tells of the
    mean of its translations. All are larger where there is more redundancy.

    Args:
        model: an open model.
        corpus: parallel text.
        full: loss of each sentence in full precision, in nats.
        key: of the noise.
        stride: of windows, in tokens; None is half of the context.

    Returns:
        By estimator, in its own unit, and why those of the spectrum are missing ("" if
        they are not).

    Reference: our own choice of estimators.
    """
    groups = np.array(corpus.groups)
    n_tokens = np.asarray(cube.sizes(model, corpus)[0])
    fewest = int((n_tokens - 1).sum(axis=1).min())
    needed = redundancy.TOKENS_PER_CHANNEL * model.config.width
    paired = contrastive.pairs_per_half(groups)
    spectral = fewest >= needed
    shared = paired >= contrastive.LEAST_PAIRS and bool(np.all(n_tokens > 1))
    rows: list[dict[str, float]] = []
    means: list[np.ndarray] = []
    for _, found in states.language_states(model, corpus, stride=stride):
        kept = found.place > 0
        last, following = found.values[-1, kept], found.following[kept]
        gradient = redundancy.readout_gradient(model, last, following)
        rows.append(
            (_spectral(last, fewest) if spectral else {})
            | {"readout": redundancy.readout_participation(gradient, last)}
        )
        if shared:
            means.append(states.sentence_means(found, corpus.n_sentences)[-1])
    estimates = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    estimates["noise"] = _borne(model, corpus, key, stride)
    total = zip(full.sum(axis=1).tolist(), n_tokens.sum(axis=1).tolist(), strict=True)
    estimates["head"] = np.array(
        [
            redundancy.head_redundancy(loss, n, model.config.vocabulary)
            for loss, n in total
        ]
    )
    if shared:
        sentence = np.array(means)
        others = (sentence.sum(axis=0) - sentence) / np.float32(len(sentence) - 1)
        estimates["shared information"] = contrastive.information_bounds(
            sentence, others, groups
        )
    missing = f"needs {needed} tokens in each language, got {fewest}"
    return estimates, "" if spectral else missing


def _spectral(last: np.ndarray, fewest: int) -> dict[str, float]:
    """What follows from the covariance of channels; correlations of as many as fit."""
    moments = redundancy.covariance(last)
    width = last.shape[1]
    most = min(width, fewest // redundancy.TOKENS_PER_CORRELATED)
    chosen = np.linspace(0, width - 1, most).round().astype(int)
    return {
        "gaussian": redundancy.gaussian_redundancy(moments, len(last)),
        "total correlation": redundancy.total_correlation(last[:, chosen]),
        "spare dimensions": redundancy.spare_dimensions(moments),
    }


def _borne(
    model: Model, corpus: corpora.Corpus, key: PRNGKeyArray, stride: int | None
) -> np.ndarray:
    """How much noise each language bears in the middle of the model."""
    added = noise_injection.noise_losses(
        model,
        corpora.spread(corpus, NOISED),
        VARIANCES,
        tap=model.config.n_layers // 2,
        key=key,
        stride=stride,
    ).mean(axis=2)
    return np.array(
        [redundancy.noise_redundancy(VARIANCES, column) for column in added.T]
    )

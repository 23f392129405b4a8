"""T, A, R and D with every other estimator of them, sentence by sentence and pooled."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxdisp.causal.variables import variables
from jaxdisp.measure import convergence, cube, redundancy, similarity, tokenization
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.readings import Readings
from jaxdisp.models.model import Model
from jaxdisp.result import result

COVARIATES = ("log_bytes", "log_reference_bytes", "log_training_bytes")
"""What the model adjusts for by default: causes of both T and D that T cannot change.

How much a sentence says drives the number of its tokens in every language, and what it
loses, which is a sum over tokens: both the length of the text itself and that of the
reference's, since T is relative to the latter's tokens. Bytes are those of the text,
which no segmentation changes. How much text of a language there was in training shapes
vocabulary, states and losses alike.
"""

MEASURES = {
    "tokens_per_byte": "T",
    "relative_tokens": "T",
    "tokens_per_word": "T",
    "byte_fallback": "T",
    "retrieval": "A",
    "margin_without_length": "A",
    "head": "R",
}
"""Other estimators, each of a variable that it may replace, never stand beside.

An estimator of T adjusted for in the effect of T would take most of that effect away.
"""

DESCRIPTIONS = ("script", "bytes", "n_tokens", "loss")
"""Said of each row, and not adjusted for.

`loss` in full precision and `n_tokens` are consequences of T (and `head` is a function
of both): adjusting for them would block the effect that is asked for. A `script` that
one language alone is written in is that language's intercept, which the model has.
"""


@result
class Pooled:
    """A quantity of each sentence, and the weight with which it enters a mean.

    The mean is harmonic where `harmonic` says so, else arithmetic. Weights make means
    over sentences what the quantity would be of the sentences put together.
    """

    values: Float[np.ndarray, "language sentence"]
    weights: Float[np.ndarray, "language sentence"]
    harmonic: bool = False


def estimates(
    model: Model,
    corpus: Corpus,
    readings: Readings,
    *,
    reference: str,
) -> tuple[dict[str, Pooled], dict[str, str]]:
    """Measures T, A, R, D and the other estimators of every sentence.

    Definition: T to D as from `variables`; `relative_tokens`, `tokens_per_byte`,
    `tokens_per_word` and `byte_fallback` as in `measure.tokenization`; `retrieval` as
    in `measure.convergence`, of the same states as A; `margin_without_length` is A of
    states `variables.without_length`, NaN of fewer than 4 sentences; `head` is
    `redundancy.head_redundancy`; `loss` is in full precision, in nats per byte. Pooled
    by their weights they are what they would be of the sentences together.

    Args:
        model: an open model.
        corpus: parallel text.
        readings: of it, undisturbed.
        reference: the language that numbers of tokens are relative to.

    Returns:
        By name, and why some are NaN, by language.

    Reference: our own choice of estimators.
    """
    place = corpus.languages.index(reference)
    four = variables(readings, reference=place)
    n_tokens = readings.n_tokens
    n_bytes = tokenization.byte_counts(corpus.sentences)
    encoded = cube.encode(model, corpus)
    per_word, missing = [], {}
    for language, texts, counts in zip(
        corpus.languages, corpus.sentences, n_tokens, strict=True
    ):
        values, why = tokenization.tokens_per_word(texts, counts)
        per_word.append(values)
        missing |= {language: why} if why else {}
    tokens, size = n_tokens.astype(np.float64), n_bytes.astype(np.float64)
    of_reference = np.broadcast_to(tokens[place], tokens.shape)
    one = np.ones_like(tokens)
    words = np.array(per_word)
    head = np.array(
        [
            [
                redundancy.head_redundancy(loss, n, model.config.vocabulary)
                for loss, n in zip(losses, numbers, strict=True)
            ]
            for losses, numbers in zip(
                readings.full.tolist(), n_tokens.tolist(), strict=True
            )
        ]
    )
    retrieved = np.asarray(
        convergence.retrieval(jnp.asarray(readings.means)), np.float64
    )
    table = {
        "T": (four["T"], tokens),
        "A": (four["A"], one),
        "R": (four["R"], tokens - 1),
        "D": (four["D"], one),
        "tokens_per_byte": (tokenization.tokens_per_byte(n_tokens, n_bytes), size),
        "relative_tokens": (
            tokenization.relative_tokens(n_tokens, reference=place),
            of_reference,
        ),
        "tokens_per_word": (words, np.where(np.isfinite(words), tokens / words, 0.0)),
        "byte_fallback": (tokenization.byte_fallback(model.tokenizer, encoded), tokens),
        "retrieval": (retrieved, one),
        "margin_without_length": (_without_length(readings, place), one),
        "head": (head, tokens),
        "bytes": (size, one),
        "n_tokens": (tokens, one),
        "loss": (readings.full / size, size),
    }
    return {
        name: Pooled(values=values, weights=weights, harmonic=name == "R")
        for name, (values, weights) in table.items()
    }, missing


def _without_length(readings: Readings, reference: int) -> np.ndarray:
    if readings.n_tokens.shape[1] < similarity.MIN_FOR_CKA:
        return np.full(readings.n_tokens.shape, np.nan)
    return variables(readings, reference=reference, without_lengths=True)["A"]


def pool(
    found: Pooled, groups: Int[np.ndarray, " sentence"]
) -> Float[np.ndarray, "language group"]:
    """Averages a quantity over the sentences of each text.

    Definition: `sum w x / sum w`, or `sum w / sum (w / x)` if it is harmonic; sentences
    without a value have no weight, and NaN where no sentence has any.

    Args:
        found: the quantity.
        groups: text of each sentence, numbered from 0 without gaps.

    Reference: our own definition.
    """
    known = np.isfinite(found.values)
    weights = np.where(known, found.weights, 0.0)
    values = np.where(known, found.values, 1.0)
    member = np.eye(int(groups.max()) + 1)[groups]
    total = weights @ member
    sums = (weights / values if found.harmonic else weights * values) @ member
    parts = (total, sums) if found.harmonic else (sums, total)
    return np.divide(*parts, out=np.full(total.shape, np.nan), where=total > 0)

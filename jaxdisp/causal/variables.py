"""The four variables of the causal model, by language and sentence, from readings.

Nothing is computed twice under two names: T knows numbers of tokens alone, A states at
one tap, R the readout at the last tap, D the two losses.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxdisp.measure import convergence, similarity
from jaxdisp.measure.corpora import codes
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.readings import Readings
from jaxdisp.models.model import Model

NAMES = ("T", "A", "R", "D")


def variables(
    readings: Readings,
    undisturbed: Readings | None = None,
    *,
    reference: int,
    without_lengths: bool = False,
) -> dict[str, Float[np.ndarray, "language sentence"]]:
    """Returns T, A, R and D of every sentence in every language.

    Definition: `T` is the number of tokens of the reference language's sentence,
    undisturbed, over that of the sentence: 1 where it is as short, smaller where it is
    cut into more. `A` is `convergence.margins` of the mean states, each language
    against the others undisturbed, so that an intervention on several languages at once
    changes of each no more than its own side. `R` is the number of channels that share
    in the readout, `D` the loss rounded less that in full precision, in nats per
    parallel sentence.

    Args:
        readings: of parallel sentences.
        undisturbed: before an intervention; None if these are.
        reference: the language to which T is relative, by its place.
        without_lengths: whether A is of the states `without_length`, undisturbed.

    Raises:
        ValueError: if there is no such language, the two readings are of different
            languages or sentences, or there are fewer than 2 of either (4 sentences
            without lengths).

    Reference: our own definitions.
    """
    before = readings if undisturbed is None else undisturbed
    if before.n_tokens.shape != readings.n_tokens.shape:
        raise ValueError(
            f"readings are of {readings.n_tokens.shape} languages and sentences, those "
            f"undisturbed of {before.n_tokens.shape}"
        )
    if not 0 <= reference < len(readings.n_tokens):
        raise ValueError(
            f"reference must be from 0 to {len(readings.n_tokens) - 1}, got {reference}"
        )
    own, others = readings.means, before.means
    if without_lengths:
        own, others = (without_length(x, before.n_tokens) for x in (own, others))
    margins = convergence.margins(jnp.asarray(own), jnp.asarray(others))
    return {
        "T": before.n_tokens[reference] / readings.n_tokens,
        "A": np.asarray(margins, np.float64),
        "R": readings.readout.astype(np.float64),
        "D": (readings.rounded - readings.full).astype(np.float64),
    }


def without_length(
    means: Float[np.ndarray, "language sentence width"],
    n_tokens: Int[np.ndarray, "language sentence"],
) -> Float[np.ndarray, "language sentence width"]:
    """Removes from mean states what is linear in a sentence's length and its logarithm.

    Definition: `similarity.without`, language by language. Translations are alike in
    length and states tell of it (positions do), so that sentences of unusual length
    look well aligned in any language, and lose more or less for it.

    Args:
        means: as in readings.
        n_tokens: in the same sentences.

    Raises:
        ValueError: if there are fewer than 4 sentences.

    Reference: our own definition.
    """
    real = n_tokens.astype(np.float64)
    lengths = np.stack([real, np.log(real)], axis=-1)
    left = [similarity.without(x, n) for x, n in zip(means, lengths, strict=True)]
    return np.stack(left).astype(np.float32)


def middle_tap(model: Model) -> int:
    """Returns the tap at which states are compared unless another is asked for.

    Definition: that in the middle of the layers. The first taps still hold the tokens
    that were read and the last ones those to be written, both in their own language;
    what languages share lies between. It is named before anything is measured, since
    the tap with the largest alignment would be one chosen for its outcome.

    Args:
        model: an open model.

    Reference: our own choice; Wendler et al. 2024, arXiv:2402.10588, section 4.
    """
    return model.config.n_layers // 2


def reference_language(
    corpus: Corpus, training_bytes: dict[str, int], name: str | None = None
) -> str:
    """Chooses the language that numbers of tokens are relative to.

    Definition: the one asked for; else English, by any of its codes; else the
    one with the most training text, where that is known of all of them; else the first.

    Args:
        corpus: parallel text.
        training_bytes: by language, where known.
        name: of a language; None chooses.

    Raises:
        ValueError: if the corpus has no such language.

    Reference: our own definition.
    """
    languages = corpus.languages
    if name is not None:
        meant = codes.fitting(name, {each: each for each in languages})
        if len(meant) != 1:
            raise ValueError(f"reference {name}: must be one of {', '.join(languages)}")
        return meant[0]
    english = [each for each in languages if codes.same_language(each, "en")]
    if english:
        return english[0]
    known = codes.matched(training_bytes, languages)
    if all(each in known for each in languages):
        return max(languages, key=lambda each: known[each])
    return languages[0]

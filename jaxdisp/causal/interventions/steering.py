"""do(A): shifts of hidden states towards or away from a reference language.

A shift is the same for all tokens of a sentence, so that it moves the sentence's mean
state by just as much. The two ways differ in what they can change. Alignment A is
measured with every language's own mean taken out: a shift that is the same for all
sentences of a language cannot change it at the tap where it is made, whatever it does
to uncentred cosines and further up. Only a shift of its own for each sentence can.
"""

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray


def towards_mean(
    means: Float[np.ndarray, "language sentence width"],
    reference: int,
    strength: float,
) -> Float[np.ndarray, "language sentence width"]:
    """Shifts all sentences of a language towards the mean of the reference's.

    Definition: `strength (m_r - m_l)` with `m` the mean state of a language's
    sentences; at strength 1 the language's mean becomes the reference's. It leaves the
    mean-centred alignment at this tap as it is.

    Args:
        means: states of parallel sentences.
        reference: a language, by its place; it is not moved.
        strength: how far; below 0 is away.

    Reference: Rimsky et al. 2024, arXiv:2312.06681 (differences of means as steering);
        language means: Libovicky et al. 2020, arXiv:2004.05160.
    """
    centres = means.mean(axis=1, keepdims=True)
    away = centres[reference] - centres
    return np.broadcast_to(strength * away, means.shape).astype(np.float32)


def towards_sentence(
    means: Float[np.ndarray, "language sentence width"],
    reference: int,
    strength: float,
) -> Float[np.ndarray, "language sentence width"]:
    """Shifts each sentence towards the reference's state of the same sentence.

    Definition: `strength ((h_rs - m_r) - (h_ls - m_l))` with `h` the state of a
    sentence and `m` the mean of its language's. At strength 1 the centred state becomes
    the reference's. The mean of the language does not move.

    Args:
        means: states of parallel sentences.
        reference: a language, by its place; it is not moved.
        strength: how far; below 0 is away.

    Reference: our own definition.
    """
    centred = means - means.mean(axis=1, keepdims=True)
    return (strength * (centred[reference] - centred)).astype(np.float32)


def towards_another_sentence(
    means: Float[np.ndarray, "language sentence width"],
    reference: int,
    strength: float,
    groups: tuple[int, ...],
) -> Float[np.ndarray, "language sentence width"]:
    """Shifts each sentence as far towards the state of another sentence.

    Definition: the direction is that of `towards_sentence` to the reference's sentence
    `another(groups)`, the length that of the shift to its own. Not a placebo in the
    strict sense: it lowers A, and by how much is measured.

    Args:
        means: states of parallel sentences.
        reference: a language, by its place; it is not moved.
        strength: how far; below 0 is away.
        groups: the text of each sentence.

    Raises:
        ValueError: if all sentences are of one text.

    Reference: our own definition.
    """
    own = towards_sentence(means, reference, strength)
    centred = means - means.mean(axis=1, keepdims=True)
    away = strength * (centred[reference][another(groups)] - centred)
    return with_length(away, lengths(own))


def random_shift(
    means: Float[np.ndarray, "language sentence width"],
    shift: Float[np.ndarray, "language sentence width"],
    *,
    key: PRNGKeyArray,
) -> Float[np.ndarray, "language sentence width"]:
    """Shifts all sentences of a language alike, as far, in a direction drawn at random.

    Definition: one standard normal direction per language, less its part in the span of
    the differences of language means (or, where these leave nothing, along the
    language's own shift), with the root mean square length of the language's shifts.

    This is the placebo of both ways of steering: being the same for all sentences, it
    leaves A at this tap exactly as it is, where any direction of its own for each
    sentence would not (it makes states longer, and cosines smaller); and being
    orthogonal to the differences of language means it moves no language towards
    another.

    Args:
        means: states of parallel sentences.
        shift: whose length it takes.
        key: of the directions.

    Reference: our own definition.
    """
    centres = means.mean(axis=1).astype(np.float64)
    drawn = np.asarray(jax.random.normal(key, (len(means), means.shape[2])), np.float64)
    basis = np.linalg.svd(centres - centres.mean(axis=0), full_matrices=False)
    rank = np.sum(basis[1] > basis[1][0] * 1e-6) if basis[1][0] > 0 else 0
    span = basis[2][:rank]
    if rank < means.shape[2]:
        free = drawn - drawn @ span.T @ span
    else:
        along = shift.mean(axis=1).astype(np.float64)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-30)
        free = drawn - np.sum(drawn * along, axis=1, keepdims=True) * along
    size = np.sqrt(np.mean(lengths(shift).astype(np.float64) ** 2, axis=1))
    free *= (size / np.linalg.norm(free, axis=1))[:, None]
    return np.repeat(free[:, None], means.shape[1], axis=1).astype(np.float32)


def uncentred_cosines(
    means: Float[np.ndarray, "language sentence width"],
    undisturbed: Float[np.ndarray, "language sentence width"],
    reference: int,
) -> Float[np.ndarray, "language sentence"]:
    """Returns the cosine of each sentence with its own in the reference language.

    Definition: of mean states as they are, without their language's mean taken out:
    what `towards_mean` raises and A does not see.

    Args:
        means: states of parallel sentences.
        undisturbed: the same before they were moved, of which the reference is taken.
        reference: a language, by its place.

    Reference: our own definition.
    """
    aimed = with_length(means, np.ones(means.shape[:2])).astype(np.float64)
    target = with_length(undisturbed, np.ones(means.shape[:2]))[reference]
    return np.sum(aimed * target, axis=2)


def another(groups: tuple[int, ...]) -> np.ndarray:
    """Names for each sentence one of another text.

    Definition: the one half of all sentences further on, or the next after it that is
    of another text.

    Args:
        groups: the text of each sentence.

    Raises:
        ValueError: if all sentences are of one text.

    Reference: our own definition.
    """
    if len(set(groups)) < 2:
        raise ValueError("needs sentences of at least 2 texts, got 1")
    n, found = len(groups), []
    for place in range(n):
        steps = ((place + n // 2 + step) % n for step in range(n))
        found.append(next(at for at in steps if groups[at] != groups[place]))
    return np.array(found)


def lengths(
    shift: Float[np.ndarray, "language sentence width"],
) -> Float[np.ndarray, "language sentence"]:
    """Returns the length of each sentence's shift.

    Args:
        shift: in the unit of states.

    Reference: Euclidean norm.
    """
    return np.linalg.norm(shift, axis=2)


def with_length(
    directions: Float[np.ndarray, "language sentence width"],
    wanted: Float[np.ndarray, "language sentence"],
) -> Float[np.ndarray, "language sentence width"]:
    """Stretches directions to given lengths; without direction they stay zero.

    Args:
        directions: of any length.
        wanted: lengths.

    Reference: our own definition.
    """
    size = lengths(directions)
    scale = wanted / np.where(size > 0, size, 1.0)
    return (directions * scale[:, :, None]).astype(np.float32)

"""Passages: batches of sentences or windows, and where in them a token is scored."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Int


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Passage:
    """A batch of sentences, and the places at which a token is predicted and scored.

    A window of a sentence that is longer than the context is a sentence here.
    Each device has an equal part of the sentences. `rows` are places in its flattened
    sentences and tokens, padded with zeros where `counted` is false; `targets` are the
    tokens predicted there.
    """

    tokens: Int[np.ndarray, "sentence token"]
    rows: Int[np.ndarray, "device row"]
    targets: Int[np.ndarray, "device row"]
    counted: Bool[np.ndarray, "device row"]


def passage(
    tokens: Int[np.ndarray, "sentence token"],
    scored: Bool[np.ndarray, "sentence token"],
    *,
    n_rows: int,
    n_devices: int = 1,
) -> Passage:
    """Lists where in a batch tokens are predicted, so that nothing else is read out.

    Definition: place `(s, t)` predicts token `t + 1` of sentence `s` and counts iff
    `scored[s, t + 1]`.

    Args:
        tokens: token numbers, the start token first.
        scored: which tokens are scored; the first of a row never is.
        n_rows: length of each device's list, at least as long as `rows_needed`.
        n_devices: how many devices divide the sentences, whose number it divides.

    Reference: our own definition.
    """
    following = np.roll(tokens, -1, axis=1).reshape(n_devices, -1)
    predicts = _predicts(scored).reshape(n_devices, -1)
    rows = np.zeros((n_devices, n_rows), np.int32)
    targets = np.zeros((n_devices, n_rows), np.int32)
    for device, here in enumerate(predicts):
        places = np.flatnonzero(here)
        rows[device, : len(places)] = places
        targets[device, : len(places)] = following[device, places]
    counted = np.arange(n_rows) < predicts.sum(axis=1)[:, None]
    return Passage(tokens=tokens, rows=rows, targets=targets, counted=counted)


def rows_needed(scored: Bool[np.ndarray, "sentence token"], n_devices: int = 1) -> int:
    """Counts the scored tokens of the device that has most of them.

    Args:
        scored: which tokens are scored.
        n_devices: how many devices divide the sentences.

    Reference: our own definition.
    """
    return int(_predicts(scored).reshape(n_devices, -1).sum(axis=1).max())


def _predicts(scored: np.ndarray) -> np.ndarray:
    predicts = np.zeros_like(scored)
    predicts[:, :-1] = scored[:, 1:]
    return predicts


def sentences(text: Passage) -> Int[np.ndarray, "device row"]:
    """Finds the sentence of each row.

    Args:
        text: the batch.

    Reference: our own definition.
    """
    n_devices, (n_sentences, n_tokens) = len(text.rows), text.tokens.shape
    first = np.arange(n_devices) * (n_sentences // n_devices)
    return text.rows // n_tokens + first[:, None]

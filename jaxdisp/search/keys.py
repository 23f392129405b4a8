"""Keys of stored losses: what determines a number, hashed, and a checksum of it.

identity     SHA-256 of what determines the numbers: weights, tokenizer, quantizers,
             dtype, version of the numerics
piece        SHA-256 of the token numbers of some sentences or windows
assignment   one byte per site
"""

import dataclasses
import hashlib
import json
import zlib
from typing import Any

import numpy as np
from jaxtyping import Bool, Int


def canonical(content: Any) -> str:
    """Writes JSON in the one way that has sorted keys and no spaces.

    Args:
        content: what JSON can hold, or dataclasses.

    Raises:
        ValueError: if a number is NaN or infinite.

    Reference: our own definition.
    """
    return json.dumps(
        content,
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
        default=dataclasses.asdict,
    )


def piece_of(
    tokens: Int[np.ndarray, "sentence token"],
    mask: Bool[np.ndarray, "sentence token"],
    scored: Bool[np.ndarray, "sentence token"],
) -> str:
    """Names a batch of sentences by its token numbers, whatever the padding.

    Definition: SHA-256, in hexadecimal, of the number of tokens of each sentence
    followed by the tokens, as 32-bit integers with the lowest byte first. Where more
    than the first token is conditioned on only, minus their number comes before.

    Args:
        tokens: token numbers, padded.
        mask: which of them are real.
        scored: which of these are scored: all from some token on.

    Reference: our own definition.
    """
    digest = hashlib.sha256()
    for row, real, counted in zip(tokens, mask, scored, strict=True):
        given = int(np.sum(real & ~counted))
        # no number of tokens is negative, so that none is taken for a later window's
        before = [-given] if given > 1 else []
        numbers = np.concatenate([[*before, np.sum(real)], row[real]])
        digest.update(numbers.astype("<i4").tobytes())
    return digest.hexdigest()


def assignment_keys(assignments: Int[np.ndarray, "config site"]) -> list[bytes]:
    """Writes every assignment as one byte per site.

    Args:
        assignments: version of each layer, then of the parameters outside the layers.

    Raises:
        ValueError: if a version is not between 0 and 255.

    Reference: our own definition.
    """
    if np.any((assignments < 0) | (assignments > 255)):
        raise ValueError(
            f"versions must be between 0 and 255, got {np.min(assignments)} to "
            f"{np.max(assignments)}"
        )
    return [row.tobytes() for row in assignments.astype(np.uint8)]


def checksum(identity: str | None, piece: str | None, assignment: Any, nll: Any) -> int:
    """Sums up a cell, its key included, so that a loss in a wrong place is noticed.

    Definition: CRC-32 of `identity piece`, the assignment and the loss; -1, which no
    CRC is, if these two are not bytes, as in a damaged file.

    Args:
        identity: as from `store.identity`.
        piece: as from `piece_of`.
        assignment: as from `assignment_keys`.
        nll: float32, lowest byte first.

    Reference: our own definition; CRC-32 as in RFC 1952, section 8.
    """
    if not (isinstance(assignment, bytes) and isinstance(nll, bytes)):
        return -1
    return zlib.crc32(
        nll, zlib.crc32(assignment, zlib.crc32(f"{identity} {piece}".encode()))
    )

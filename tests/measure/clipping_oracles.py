"""Slow float64 answers about what languages feel, sharing no code with the package."""

import numpy as np

from tests.models import numpy_gpt2, small

KINDS = {
    ("blocks", "attention", "query_key_value", "weight"): "c_attn",
    ("blocks", "attention", "output", "weight"): "attn.c_proj",
    ("blocks", "mlp", "up", "weight"): "c_fc",
    ("blocks", "mlp", "down", "weight"): "mlp.c_proj",
}
"""The matrices of a layer by their path, and by their name in `numpy_gpt2`."""


def second_moments(entries, arrays, sentences):
    """Means of `x x^T` over all tokens but the last of each sentence, unpadded."""
    total, count = {}, 0
    tokenizer = small.tokenizer()
    for sentence in sentences:
        ids = [0, *tokenizer.encode(sentence, add_special_tokens=False).ids][:-1]
        count += len(ids)
        found = numpy_gpt2.matrix_inputs(entries, arrays, ids)
        for path, kind in KINDS.items():
            products = [sum(np.outer(x, x) for x in layer) for layer in found[kind]]
            total[path] = total.get(path, 0.0) + np.array(products)
    return {path: products / count for path, products in total.items()}


def grouped(matrix, places):
    """Rows of the values at lists of places, 0 where a list is short."""
    longest = max(len(group) for group in places)
    rows = np.zeros((len(places), longest))
    for row, group in enumerate(places):
        for column, place in enumerate(group):
            rows[row, column] = matrix[place]
    return rows


def best_scale(weights, rounded, felt):
    """The factor with the least weighted squared error, by golden section."""
    if not any(z * z * p for z, p in zip(rounded, felt, strict=True)):
        return 1.0

    def lost(scale):
        pairs = zip(weights, rounded, felt, strict=True)
        return sum(p * (w - scale * z) ** 2 for w, z, p in pairs)

    low, high = -4.0, 4.0
    for _ in range(120):  # the last digits of a flat minimum do not matter
        one, other = low + 0.381966 * (high - low), low + 0.618034 * (high - low)
        if lost(one) < lost(other):
            high = other
        else:
            low = one
    return (low + high) / 2


def output_shares(change, full, inputs_second):
    """Mean squared outputs of a change over those of the matrix; and of diagonals."""

    def energy(matrix, second):
        places = np.ndindex(second.shape)
        return sum(second[i, j] * (matrix[i] @ matrix[j]) for i, j in places)

    diagonal = np.diag(np.diag(inputs_second))
    return (
        energy(change, inputs_second) / energy(full, inputs_second),
        energy(change, diagonal) / energy(full, diagonal),
    )

"""Slow float64 answers for sentences in windows, token by token."""

import numpy as np

from tests.measure.clipping_oracles import KINDS
from tests.models import numpy_gpt2


def start_of(token, context, stride):
    """Where the window that scores a token begins: the first that reaches so far."""
    start = 0
    while start + context <= token:
        start += stride
    return start


def nll(entries, arrays, ids, stride):
    """Nats of every token after the first, each predicted by its own window alone."""
    context, logits = entries["n_positions"], {}
    total = 0.0
    for token in range(1, len(ids)):
        start = start_of(token, context, stride)
        if start not in logits:
            seen = ids[start : start + context]
            logits[start] = numpy_gpt2.logits(entries, arrays, [seen])[0]
        before = logits[start][token - 1 - start]
        total += np.log(np.exp(before).sum()) - before[ids[token]]
    return total


def second_moments(entries, arrays, sentences, stride):
    """Means of `x x^T` over the tokens that predict another, in the window they do."""
    context, total, count = entries["n_positions"], {}, 0
    for ids in sentences:
        inputs = {}
        for token in range(1, len(ids)):
            start = start_of(token, context, stride)
            if start not in inputs:
                seen = ids[start : start + context]
                inputs[start] = numpy_gpt2.matrix_inputs(entries, arrays, seen)
            count += 1
            for path, kind in KINDS.items():
                x = inputs[start][kind][:, token - 1 - start]
                total[path] = total.get(path, 0.0) + np.einsum("li,lj->lij", x, x)
    return {path: products / count for path, products in total.items()}

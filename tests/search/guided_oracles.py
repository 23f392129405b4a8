"""Slow float64 answers about additive models and searches, by looking at everything."""

import fractions
import itertools

import numpy as np


def objective(losses, word, name, weights=()):
    """One assignment's objective, language by language."""
    added = [
        sum(losses[layer][version][language] for layer, version in enumerate(word))
        for language in range(len(losses[0][0]))
    ]
    if name == "worst":
        return max(added)
    if name == "mean":
        return sum(added) / len(added)
    if name == "max_min":
        return max(added) - min(added)
    low, high = (
        sum(w * x for w, x in zip(side, added, strict=True)) for side in weights
    )
    return {"low": low, "high": high, "difference": abs(low - high)}[name]


def words(sizes, most, exactly):
    """The allowed assignments, looked at one by one."""
    found = []
    for word in itertools.product(range(len(sizes[0])), repeat=len(sizes)):
        total = sum(row[version] for row, version in zip(sizes, word, strict=True))
        if total == most or (total < most and not exactly):
            found.append(word)
    return found


def ranked(losses, sizes, most, exactly, name, weights=()):
    """Objectives of all allowed assignments with the assignments, smallest first."""
    allowed = words(sizes, most, exactly)
    return sorted((objective(losses, word, name, weights), word) for word in allowed)


def relaxation(losses, sizes, most, mixture, price):
    """The bound of a certificate for the worst language: min over each layer alone."""
    whole = sum(map(fractions.Fraction, mixture))
    total = -fractions.Fraction(price) * most
    for layer, row in zip(losses, sizes, strict=True):
        options = []
        for version, size in zip(layer, row, strict=False):
            mixed = fractions.Fraction(0)
            for weight, loss in zip(mixture, version, strict=True):
                mixed += fractions.Fraction(weight) * fractions.Fraction(loss)
            options.append(mixed / whole + fractions.Fraction(price) * size)
        total += min(options)
    return total


def one_step(word, versions):
    """Words that differ in one place, or in two places that exchanged their letters."""
    for other in itertools.product(range(versions), repeat=len(word)):
        places = [i for i in range(len(word)) if word[i] != other[i]]
        if len(places) == 1:
            yield other
        elif len(places) == 2:
            one, two = places
            if (other[one], other[two]) == (word[two], word[one]):
                yield other


def table(seed, layers, versions, languages):
    """Losses that grow with the version, some of them negative, without a generator."""
    count = layers * versions * languages
    noise = np.modf(np.sin(np.arange(1, count + 1) * 12.9898 + seed) * 43758.5453)[0]
    noise = noise.reshape(layers, versions, languages)
    losses = np.arange(versions)[:, None] * (0.4 + np.abs(noise)) + 0.3 * noise
    losses[:, 0] = 0.0
    return losses

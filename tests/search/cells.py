"""Made-up stores: cells whose losses follow from their keys."""

import zlib

import numpy as np

from jaxdisp.search import store

IDENTITY, PIECE = "1" * 64, "a" * 64
OTHER_IDENTITY, OTHER_PIECE = "2" * 64, "b" * 64


def key(number, n_sites=13):
    """An assignment, different for every number."""
    return bytes((number >> 7 * place) & 127 for place in range(n_sites))


def losses(assignment, n_sentences=8, piece=PIECE):
    start = zlib.crc32(assignment + piece.encode()) % 1_000_003
    return np.arange(start, start + n_sentences, dtype=np.float32) / 7


def cells(numbers, n_sentences=8, piece=PIECE):
    return [(key(i), losses(key(i), n_sentences, piece)) for i in numbers]


def opened(path, identity=IDENTITY, **description):
    """A store with one identity, which is described by topics."""
    found = store.open_store(path)
    store.register(found, identity, {"dtype": "float32"} | description)
    return found


def filled(path, numbers, piece=PIECE):
    found = opened(path)
    store.put(found, IDENTITY, piece, cells(numbers, piece=piece))
    return found


def closed(found):
    """Closes and gives the path, whose file is then all there is."""
    store.close(found)
    return found.path

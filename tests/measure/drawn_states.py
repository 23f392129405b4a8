"""Hidden states drawn at random, with what is known of each token."""

import numpy as np

from jaxdisp.measure.states import States
from tests.models import small


def states(values, sentence, place):
    """States of given tokens; which tokens they are matters to nothing here."""
    number = np.arange(len(sentence))
    return States(
        values=np.asarray(values, np.float32),
        token=number,
        following=number,
        sentence=np.asarray(sentence),
        place=np.asarray(place),
    )


def drawn(seed, *, taps=3, width=4, lengths=(5, 3, 6, 4, 7, 5)):
    """Normal states of sentences of given lengths, a start token before each."""
    sentence = np.repeat(np.arange(len(lengths)), np.array(lengths) + 1)
    place = np.concatenate([np.arange(1 + length) for length in lengths])
    values = 2 + 3 * small.normal("states", (taps, len(sentence), width), seed)
    return states(values, sentence, place)

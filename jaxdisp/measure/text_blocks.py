"""Blocks of texts: which texts stand together where statistics leave some out."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from jaxdisp.measure.states import States

MOST_BLOCKS = 16


def blocks(groups: Sequence[int], most: int = MOST_BLOCKS) -> Int[np.ndarray, " text"]:
    """Numbers the block of each sentence, texts being spread over few blocks.

    Definition: texts take turns in the order of their first sentence, text i going to
    block `i mod most`; with no more texts than that, each is a block.

    Args:
        groups: text of each sentence.
        most: blocks there may be.

    Reference: our own definition; grouped jackknife as in Shao and Tu 1995, The
        Jackknife and Bootstrap, section 2.3.
    """
    order = {name: place for place, name in enumerate(dict.fromkeys(groups))}
    return np.array([order[name] % most for name in groups])


def tokens_by_block(
    states: States, block: Int[np.ndarray, " sentence"]
) -> list[Int[np.ndarray, " token"]]:
    """Lists the places of each block's tokens, without start tokens.

    Args:
        states: of one language.
        block: of each sentence, from 0 without gaps.

    Reference: our own definition.
    """
    where = np.where(states.place > 0, block[states.sentence], -1)
    return [np.flatnonzero(where == number) for number in range(int(block.max()) + 1)]

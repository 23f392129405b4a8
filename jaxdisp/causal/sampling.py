"""How a posterior is sampled, and what became of it."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool, Float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampling:
    """How many draws each chain keeps, how many before tune it, and how many chains.

    With `nuts` scales are walked through by NUTS even where they can be drawn nearly
    independently, without tuning (`scale_draws`).
    """

    draws: int = 1000
    tuning: int = 500
    chains: int = 4
    nuts: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Walk:
    """What the sampler did: energies, divergences, and evaluations taken per draw.

    Without NUTS the energy is the negative log density, and nothing can diverge.
    """

    energy: Float[np.ndarray, "chain draw"]
    diverging: Bool[np.ndarray, "chain draw"]
    steps: Any

"""Interventions: what was done to a model or its text, and what became of T to D."""

import dataclasses

import numpy as np
from jaxtyping import Float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Intervention:
    """One variable set by force on a model that is otherwise left as it is.

    `target` is the variable that was aimed at, "T", "A" or "R"; `kind` is how, such as
    "merge dropout" or "towards reference"; `amount` is how much (a rate, a strength, a
    number of copies), in `unit`. A `placebo` is a change of like size that leaves the
    target as it was; its `kind` says which. `groups` numbers the text of each
    sentence. `before` and `after` are T, A, R and D by language and sentence, as from
    `variables.variables`, undisturbed and under the intervention.
    """

    target: str
    kind: str
    amount: float
    unit: str
    placebo: bool
    languages: tuple[str, ...]
    groups: tuple[int, ...]
    before: dict[str, Float[np.ndarray, "language sentence"]]
    after: dict[str, Float[np.ndarray, "language sentence"]]

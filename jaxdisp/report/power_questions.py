"""What can be asked of the power of a study."""

import dataclasses

POWERS = (0.8, 0.9, 0.95)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """What is known of a study; None is what is asked for, or of no account.

    `rho` is a correlation, `difference` a mean difference of pairs in their standard
    deviations, `disparity` one of the means of two groups of languages, in nats per
    sentence, and `deviations` are standard deviations in the same unit, by the names of
    `power_of_designs.ASSUMED`.
    """

    rho: float | None = None
    n: int | None = None
    power: float | None = None
    difference: float | None = None
    alpha: float = 0.05
    tests: int = 1
    languages: int | None = None
    sentences: int | None = None
    disparity: float | None = None
    per_text: int | None = None
    deviations: dict[str, float | None] = dataclasses.field(default_factory=dict)
    over: str | None = None
    draws: int = 2000
    seed: int = 0

    @property
    def level(self) -> float:
        """The level of each test: that of all of them, divided by how many."""
        return self.alpha / self.tests

    @property
    def powers(self) -> tuple[float, ...]:
        """The powers that something is asked for."""
        return POWERS if self.power is None else (self.power,)

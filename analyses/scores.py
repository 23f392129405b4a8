"""What does the notes' fair-efficiency score choose, and what should choose instead?

Question: of words of 8, 4, 3 and 2 bits, with and without the first and the last layer
in full precision, which does the score put first, does its order depend on the unit of
losses, and which would one choose by the worst language?

Data: the embedded model and corpus, or any model with known training text.

Method: the score is the square root of 16 bits over the mean bits, times the ratio of
what the high side loses over what the low side does, per token in nats or per cent of
perplexity. Beside it stands a model of one bit whose guesses are uniform. Instead: no
language may lose more than a floor; of what is left, the Pareto front of size and of
the worst language's loss. Guarded by `tests/measure/test_scores.py`,
`tests/search/test_recommended.py` and `tests/claims/test_schemes.py`.

Expected: by the research notes, the score puts fair and small models first. It knows
not how much is lost, so that noise scores 4 and full precision 1.

Output: a row per scheme, the first by score in both units, and the recommended ones.
"""

import dataclasses

from jaxdisp.claims import schemes, subjects
from jaxdisp.measure.scores import UNITS
from jaxdisp.models.quantized import Quantizer
from jaxdisp.report import tables


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What is measured; None is what comes with the package; `floor` is in nats."""

    model: str | None = None
    corpus: str | None = None
    languages: tuple[str, ...] | None = None
    words: tuple[int, ...] = (8, 4, 3, 2)
    floor: float = 5.0
    limit: int | None = None
    few: int = subjects.FEW
    quantizer: Quantizer | None = None
    seed: int = 0


SMOKE = Config(languages=("en", "sw"), words=(4,), limit=6, few=6)


def main(config: Config) -> None:
    """Prints a row per scheme, and what each way of choosing chooses."""
    subject = subjects.open_subject(
        config.model,
        config.corpus,
        config.languages,
        quantizer=config.quantizer,
        limit=config.limit,
        few=config.few,
        seed=config.seed,
    )
    found = schemes.measured(subject, config.words)
    chosen = schemes.choose(found, config.floor)
    rows = [
        [
            name,
            f"{found.bits[place]:.2f}",
            f"{found.worst[place]:.2f}",
            f"{found.mean[place]:.2f}",
            *(f"{score:.3f}" for score in found.score[place]),
            "*" if chosen.front[place] else "",
        ]
        for place, name in enumerate(found.names)
    ]
    units = (f"score, {unit}" for unit in UNITS)
    header = ("scheme", "bits", "worst", "mean", *units, "recommended")
    print(tables.aligned(header, rows))
    for unit in UNITS:
        print(f"first by score in {unit}: {schemes.first_by_score(found, unit)}")
    turned, pairs = schemes.turned_round(found)
    print(f"orders that the unit turns round: {turned} of {pairs}")
    allowed = f"no language loses more than {config.floor:g} nats per sentence"
    if chosen.smallest < 0:
        print(f"{allowed}: none")
        return
    print(f"smallest where {allowed}: {found.names[chosen.smallest]}")
    print(f"best for the worst language: {found.names[chosen.fairest]}")


if __name__ == "__main__":
    main(Config())

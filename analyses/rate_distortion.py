"""How fast does what is lost fall with bits, and alike in all languages?

Question: by how much does each bit divide what is lost, does the ratio between
languages change, is there a floor, and do random protected layers save their share?

Data: the embedded model and corpus, or any model and aligned corpus.

Method: words of 2 to 8 bits; slopes of logarithms over the bits that the grid's step is
worth, of losses and of divergences from full precision; AICc of laws with and without a
floor; random orders of protected layers; rate-distortion functions of the weights.
Guarded by `tests/measure/test_rate_curves.py` and
`tests/claims/test_rate_distortion.py`.

Expected: by the research notes, each bit divides disparity by the square root of two;
by theory it divides losses by four and leaves their ratio alone.

Output: the six findings, and slopes by measure and language.
"""

import dataclasses

from jaxdisp.claims import rate_distortion, registry, subjects
from jaxdisp.models.quantized import Quantizer
from jaxdisp.report import tables


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What is examined; None is what comes with the package, or all of it."""

    model: str | None = None
    corpus: str | None = None
    languages: tuple[str, ...] | None = None
    limit: int | None = None
    few: int = subjects.FEW
    quantizer: Quantizer | None = None
    seed: int = 0


SMOKE = Config(languages=("en", "sw"), limit=6, few=6)


def main(config: Config) -> None:
    """Prints the findings, and a row per measure and language."""
    subject = subjects.open_subject(
        config.model,
        config.corpus,
        config.languages,
        quantizer=config.quantizer,
        limit=config.limit,
        few=config.few,
        seed=config.seed,
    )
    found = registry.examine(rate_distortion.EXPERIMENT, subject)
    for finding in found.findings:
        print(f"{finding.id}: {finding.verdict}. {finding.reason}")
    names = ("measure", "language", "words", "slope", "low", "high")
    rows = [
        [
            f"{row[name]:.3g}" if isinstance(row[name], float) else str(row[name])
            for name in names
        ]
        for row in found.tables.get("slopes", [])
    ]
    print(tables.aligned(names, rows))


if __name__ == "__main__":
    main(Config())

"""Do weights that vary more round with less relative error, and does it matter?

Question: what does the relative error of a matrix follow from, and does it say which
layers are costly to round?

Data: the embedded model and corpus, or any model and aligned corpus.

Method: every matrix rounded with nothing clipped and with the best threshold, against
the law of uniform errors (the crest factor); the same weights times 0.01 and 30; rank
correlations over layers with variance and with what each layer costs. Guarded by
`tests/quant/test_relative_error.py` and `tests/claims/test_relative_error.py`.

Expected: by the research notes, weights that vary more have less relative error.

Output: the four findings, and crest factor and relative errors of every matrix.
"""

import dataclasses

from jaxdisp.claims import registry, relative_error, subjects
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


SMOKE = Config(languages=("en", "sw"), limit=8, few=8)


def main(config: Config) -> None:
    """Prints the findings, and a row per matrix."""
    subject = subjects.open_subject(
        config.model,
        config.corpus,
        config.languages,
        quantizer=config.quantizer,
        limit=config.limit,
        few=config.few,
        seed=config.seed,
    )
    found = registry.examine(relative_error.EXPERIMENT, subject)
    for finding in found.findings:
        print(f"{finding.id}: {finding.verdict}. {finding.reason}")
    names = ("layer", "matrix", "crest", "relative_error", "predicted")
    rows = [
        [
            f"{row[name]:.3g}" if isinstance(row[name], float) else str(row[name])
            for name in names
        ]
        for row in found.tables.get("matrices", [])
    ]
    print(tables.aligned(names, rows))


if __name__ == "__main__":
    main(Config())

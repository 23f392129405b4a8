"""Do errors of rounded layers add up independently at the logits?

Question: do errors of different layers add up, cancel, or neither, where predictions
are read out, and does that say which pairs of layers lose more together than apart?

Data: the embedded model and corpus, or any model and aligned corpus.

Method: changes of the logits with one layer rounded at a time, multiplied two by two
under the metric of the loss, against random signs; losses of all pairs of layers
against these products, with layers permuted. Guarded by
`tests/measure/test_logit_errors.py` and `tests/claims/test_error_correlation.py`.

Expected: by the research notes, errors are independent, and those of the first and the
last layer cancel.

Output: the three findings, and a row per pair of layers.
"""

import dataclasses

from jaxdisp.claims import error_correlation, registry, subjects
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
    """Prints the findings, and a row per pair of layers."""
    subject = subjects.open_subject(
        config.model,
        config.corpus,
        config.languages,
        quantizer=config.quantizer,
        limit=config.limit,
        few=config.few,
        seed=config.seed,
    )
    found = registry.examine(error_correlation.EXPERIMENT, subject)
    for finding in found.findings:
        print(f"{finding.id}: {finding.verdict}. {finding.reason}")
    names = ("layer", "other_layer", "correlation", "predicted", "interaction")
    rows = [
        [
            f"{row[name]:.3g}" if isinstance(row[name], float) else str(row[name])
            for name in names
        ]
        for row in found.tables.get("pairs", [])
    ]
    print(tables.aligned(names, rows))


if __name__ == "__main__":
    main(Config())

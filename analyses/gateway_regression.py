"""Do variance, boundary and bottleneck of a layer say what rounding it costs?

Question: how well is the loss of a layer predicted from the others by the variance of
its weights, by whether it is the first or the last, and by whether it lies at three
quarters of the depth; and do the slopes of one model predict the layers of another?

Data: the embedded model and corpus, or any model of at least 8 layers and aligned
corpus; `other` is a second model, which is read on the same sentences.

Method: least squares of the nats lost when a single layer is rounded (logs where all
are surely positive), R2 of each layer predicted by the others, against the same with
features permuted over layers; intervals over texts. Guarded by
`tests/stats/test_regression.py` and `tests/claims/test_gateway_regression.py`.

Expected: by the research notes, R2 = .94 of 12 layers.

Output: the findings, and a row per set of features.
"""

import dataclasses

from jaxdisp.claims import (
    gateway_regression,
    gateway_transfer,
    registry,
    subjects,
)
from jaxdisp.report import tables


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What is examined; None is what comes with the package, or all of it."""

    model: str | None = None
    other: str | None = None
    corpus: str | None = None
    languages: tuple[str, ...] | None = None
    limit: int | None = None
    few: int = subjects.FEW
    seed: int = 0


SMOKE = Config(languages=("en", "sw"), limit=8, few=8)


def main(config: Config) -> None:
    """Prints the findings, and a row per set of features."""
    names = [config.model] if config.other is None else [config.model, config.other]
    subject, *others = (
        subjects.open_subject(
            name,
            config.corpus,
            config.languages,
            limit=config.limit,
            few=config.few,
            seed=config.seed,
        )
        for name in names
    )
    found = registry.examine(gateway_regression.EXPERIMENT, subject)
    findings = found.findings
    if others:
        finding, _ = gateway_transfer.transfer(subject, others[0])
        findings = (*findings[:2], finding)
    for finding in findings:
        print(f"{finding.id}: {finding.verdict}. {finding.reason}")
    shown = ("r2", "loo_r2", "loo_r2_low", "loo_r2_high", "null_95_loo_r2")
    rows = [
        [row["fit"], *(f"{row[name]:.2f}" for name in shown)]
        for row in found.tables.get("fits", [])
    ]
    print(tables.aligned(("features", *shown), rows))


if __name__ == "__main__":
    main(Config())

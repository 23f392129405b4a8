"""Do languages with redundant representations lose less, and as 1/R or as 4^-R?

Question: does what a language loses when all layers are rounded fall with the
redundancy of its representations, by which law, and do the definitions of redundancy
measure one thing?

Data: the embedded model and corpus, or any model and aligned corpus of at least 6
languages with 4 tokens per channel.

Method: seven estimators of redundancy in every language; rank correlations with the
nats lost, corrected for their number; errors of languages left out by both laws; rank
correlations of estimators of different kinds; languages shuffled. Noise on states is a
circular explanation of what noise on weights costs, and marked so. Guarded by
`tests/measure/test_redundancy.py` and `tests/claims/test_redundancy.py`.

Expected: by the research notes, the loss goes as 1/R, and there is one R; by the
rate-distortion bound it goes as 4^-R.

Output: the findings, and a row per estimator.
"""

import dataclasses

from jaxdisp.claims import redundancy, registry, subjects
from jaxdisp.report import tables


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What is examined; None is what comes with the package, or all of it."""

    model: str | None = None
    corpus: str | None = None
    languages: tuple[str, ...] | None = None
    limit: int | None = None
    few: int = subjects.FEW
    seed: int = 0


SMOKE = Config(languages=("en", "sw", "he", "de", "es", "fr"), limit=2, few=2)


def main(config: Config) -> None:
    """Prints the findings, and a row per estimator."""
    subject = subjects.open_subject(
        config.model,
        config.corpus,
        config.languages,
        limit=config.limit,
        few=config.few,
        seed=config.seed,
    )
    found = registry.examine(redundancy.EXPERIMENT, subject)
    for finding in found.findings:
        print(f"{finding.id}: {finding.verdict}. {finding.reason}")
    names = ("rank_correlation", "low", "high", "p_shuffled")
    rows = [
        [row["estimator"], row["kind"], *(f"{row[name]:.2f}" for name in names)]
        for row in found.tables.get("correlations", [])
    ]
    print(tables.aligned(("estimator", "kind", *names), rows))


if __name__ == "__main__":
    main(Config())

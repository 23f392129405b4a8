"""Are weights of the first, three-quarter and last layers built differently?

Question: do the weights of these layers use fewer directions, or are they worse
conditioned, than those of the others?

Data: the embedded model and corpus, or any model and aligned corpus.

Method: singular values of every matrix, five statistics, averaged over a layer; exact
test over all sets of three layers; the same weights shuffled as a control. Guarded by
`tests/claims/test_gateway_structure.py`.

Expected: by the research notes, a condition number of 61140 in the last layer
(there, of a matrix of random numbers).

Output: the findings and the main table on stdout.
"""

import dataclasses

from jaxdisp.claims import registry, subjects
from jaxdisp.claims.gateway_structure import EXPERIMENT


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What is measured; `model` and `corpus` None are the embedded ones."""

    model: str | None = None
    corpus: str | None = None
    languages: tuple[str, ...] | None = None
    limit: int | None = None
    few: int = subjects.FEW
    seed: int = 0


SMOKE = Config(languages=("en", "sw"), limit=8, few=8)


def main(config: Config) -> None:
    """Prints what each claim comes to, and the rows behind it."""
    subject = subjects.open_subject(
        config.model,
        config.corpus,
        config.languages,
        limit=config.limit,
        few=config.few,
        seed=config.seed,
    )
    outcome = registry.examine(EXPERIMENT, subject)
    for finding in outcome.findings:
        print(f"{finding.id} {finding.verdict}: {finding.statement}")
        print(f"    {finding.reason}")
    for row in outcome.tables.get("tests", []):
        cells = (
            f"{value:.4g}" if isinstance(value, float) else str(value)
            for value in row.values()
        )
        print("  ".join(cells))


if __name__ == "__main__":
    main(Config())

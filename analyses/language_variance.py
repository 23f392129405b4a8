"""Do languages differ most in the first, three-quarter and last layers?

Question: do activation statistics (mean states, log-variances of channels) differ more
between languages after these layers than after the others?

Data: the embedded model and corpus, or any model and aligned corpus.

Method: variance between languages beyond the noise of texts, over the variance of
tokens; jackknife over texts; rank among all sets of three layers; languages shuffled as
a control. Guarded by `tests/claims/test_language_variance.py`.

Expected: by the research notes, three times the variance of other layers (there, by
construction).

Output: the findings and the main table on stdout.
"""

import dataclasses

from jaxdisp.claims import registry, subjects
from jaxdisp.claims.language_variance import EXPERIMENT


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
    for row in outcome.tables.get("layers", []):
        cells = (
            f"{value:.4g}" if isinstance(value, float) else str(value)
            for value in row.values()
        )
        print("  ".join(cells))


if __name__ == "__main__":
    main(Config())

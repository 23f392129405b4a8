"""What do quantized activations tell about full-precision ones, and in whom?

Question: is information lost layer by layer, more of it in languages with little
training text, and does what is lost by the last layer predict the degradation?

Data: the embedded model and corpus, or any model and aligned corpus.

Method: Gaussian mutual information of 16 main components of both states, effective
bits, sliced Wasserstein distances; jackknife over texts; labels of languages dealt out
at random and a model with shuffled weights as controls.
Guarded by `tests/claims/test_information_flow.py`.

Expected: by the research notes, yes to all three.

Output: the findings and the main table on stdout.
"""

import dataclasses

from jaxdisp.claims import registry, subjects
from jaxdisp.claims.information_flow import EXPERIMENT


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What is measured; `model` and `corpus` None are the embedded ones."""

    model: str | None = None
    corpus: str | None = None
    languages: tuple[str, ...] | None = None
    limit: int | None = None
    few: int = subjects.FEW
    seed: int = 0


SMOKE = Config(languages=("en", "sw"), limit=16, few=4)


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
    for row in outcome.tables.get("trend", []):
        cells = (
            f"{value:.4g}" if isinstance(value, float) else str(value)
            for value in row.values()
        )
        print("  ".join(cells))


if __name__ == "__main__":
    main(Config())

"""Is the effective dimension smallest at three quarters of the depth?

Question: after which layer do hidden states use the fewest directions, how sure is that
place, and do such layers lose most when they are quantized?

Data: the embedded model and corpus, or any model and aligned corpus.

Method: participation ratio of the covariance of tokens, without start tokens, of each
language and of all; jackknife and bootstrap over texts; shuffled weights as a control.
Guarded by `tests/claims/test_bottleneck.py`.

Expected: by the research notes, the smallest after the layer at three quarters
(there, 7 after every layer, the rank of eight points).

Output: the findings and the main table on stdout.
"""

import dataclasses

from jaxdisp.claims import registry, subjects
from jaxdisp.claims.bottleneck import EXPERIMENT


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What is measured; `model` and `corpus` None are the embedded ones."""

    model: str | None = None
    corpus: str | None = None
    languages: tuple[str, ...] | None = None
    limit: int | None = None
    few: int = subjects.FEW
    seed: int = 0


SMOKE = Config(languages=("en", "sw"), limit=32, few=8)


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

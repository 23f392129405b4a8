"""Where in the network are languages most alike, and do aligned ones lose less?

Question: is the alignment of languages on parallel sentences largest inside the network
rather than at its ends, is it so at three quarters of the depth, and do languages that
are better aligned with the others lose less when everything is quantized?

Data: the embedded model and corpus, or any model and aligned corpus.

Method: mean states of sentences, without what goes with their number of tokens; the
mean-centred cosine of translations minus that of other sentences, averaged over pairs
of languages; retrieval, debiased CKA and sliced Wasserstein distances beside it. Texts
are resampled, and layers are judged on other texts than they are chosen on. Controls
are sentences that are no translations and a model with shuffled weights. Guarded by
`tests/claims/test_representation_convergence.py`.

Expected: by the research notes, languages converge towards three quarters of the depth
and diverge at the ends; those numbers were simulated.

Output: the findings, and every measure by depth.
"""

import dataclasses

from jaxdisp.claims import registry, subjects
from jaxdisp.claims.representation_convergence import EXPERIMENT


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What is measured; None is the embedded model, corpus, and all of it."""

    model: str | None = None
    corpus: str | None = None
    languages: tuple[str, ...] | None = None
    limit: int | None = None
    few: int = subjects.FEW
    seed: int = 0


SMOKE = Config(languages=("en", "sw"), limit=8, few=8)


def main(config: Config) -> None:
    """Runs the experiment and prints what it found."""
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
        print(f"{finding.id}: {finding.verdict}. {finding.statement} {finding.reason}")
    print("\nlayers  margin (95 % interval)    retrieval     CKA   distance")
    for row in outcome.tables.get("layers", []):
        interval = f"[{row['margin_low']:.3f}, {row['margin_high']:.3f}]"
        print(
            f"{row['tap']:>6}  {row['margin']:.3f} {interval:<18} "
            f"{row['retrieval']:9.3f} {row['cka']:7.3f} {row['distance']:10.3f}"
        )


if __name__ == "__main__":
    main(Config())

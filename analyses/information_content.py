"""Do layers with a higher variance of weights carry more, and matter more?

Question: do they carry more information about the input token, have activations of
higher entropy, and cost more when they alone are quantized?

Data: the embedded model and corpus, or any model and aligned corpus.

Method: linear decoders on held-out texts, entropy from neighbours in main components of
standardized channels, losses of single layers; rank correlations over layers; a model
with shuffled weights as a control.
Guarded by `tests/claims/test_information_content.py`.

Expected: by the research notes, layers of high variance carry more and are critical.

Output: the findings and the main table on stdout.
"""

import dataclasses

from jaxdisp.claims import registry, subjects
from jaxdisp.claims.information_content import EXPERIMENT


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
    for row in outcome.tables.get("correlations", []):
        cells = (
            f"{value:.4g}" if isinstance(value, float) else str(value)
            for value in row.values()
        )
        print("  ".join(cells))


if __name__ == "__main__":
    main(Config())

"""Do heads park attention on the first token, and does quantization move it there?

Question: how much attention beyond chance does the first token get from each head, by
how much does quantization change that in each layer and language, and do the languages
that see more of a change lose more?

Data: the embedded model and corpus, or any model with attention and aligned corpus.

Method: weights of attention in full precision and with every layer quantized, on the
same tokens; controls are another place of each sentence, models with shuffled weights,
other pairs of layers, and shuffled languages. Guarded by
`tests/measure/test_attention.py` and `tests/claims/test_attention_sinks.py`.

Expected: by the research notes, sinks exist, sit in the first and last layer, and
explain which languages lose.

Output: the three findings, and what the first token gets in each layer.
"""

import dataclasses

from jaxdisp.claims import attention_sinks, registry, subjects
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


SMOKE = Config(languages=("en", "sw"), limit=8, few=8)


def main(config: Config) -> None:
    """Prints the findings, and a row per layer."""
    subject = subjects.open_subject(
        config.model,
        config.corpus,
        config.languages,
        limit=config.limit,
        few=config.few,
        seed=config.seed,
    )
    found = registry.examine(attention_sinks.EXPERIMENT, subject)
    for finding in found.findings:
        print(f"{finding.id}: {finding.verdict}. {finding.reason}")
    names = ("excess", "other_place", "shuffled_weights", "change")
    rows = [
        [str(row["layer"]), *(f"{row[name]:.4f}" for name in names)]
        for row in found.tables.get("layers", [])
    ]
    print(tables.aligned(("layer", *names), rows))


if __name__ == "__main__":
    main(Config())

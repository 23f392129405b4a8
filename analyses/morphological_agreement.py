"""Does a model know agreement, and does quantization cost it that knowledge?

Question: of two forms of a word, does the model expect the one that agrees with what
came before, how much of that does quantization take, more so in morphologically rich
languages, and after which layer is it there?

Data: minimal pairs of agreement in eleven languages that come with the package, for
those languages that the corpus has; the embedded model, or any other.

Method: mirrored units of pairs, in which the frequency and the length of forms cancel;
probabilities of whole words, read out after every layer; the same with every layer
quantized and with shuffled weights; linear probes with control tasks. Guarded by
`tests/measure/test_agreement.py`, `tests/measure/test_probes.py` and
`tests/claims/test_morphological_agreement.py`.

Expected: by the research notes, quantization costs agreement, most of all in
morphologically rich languages, and agreement is settled at three quarters of the depth.

Output: the findings, and a row per language.
"""

import dataclasses

from jaxdisp.claims import morphological_agreement, registry, subjects
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


SMOKE = Config(languages=("en", "he"), limit=8, few=8)


def main(config: Config) -> None:
    """Prints the findings, and a row per language."""
    subject = subjects.open_subject(
        config.model,
        config.corpus,
        config.languages,
        limit=config.limit,
        few=config.few,
        seed=config.seed,
    )
    found = registry.examine(morphological_agreement.EXPERIMENT, subject)
    for finding in found.findings:
        print(f"{finding.id}: {finding.verdict}. {finding.reason}")
    names = ("share_units", "p_holm", "share_pairs", "difference", "lost")
    rows = [
        [row["language"], str(row["units"]), *(f"{row[name]:.3f}" for name in names)]
        for row in found.tables.get("languages", [])
    ]
    print(tables.aligned(("language", "units", *names), rows))


if __name__ == "__main__":
    main(Config())

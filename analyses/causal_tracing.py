"""Where in a model does quantization do its damage, and for whom?

Question: put full-precision activations into the quantized model, layer by layer and
part of the sentence by part: which layers undo most of the damage, are these the first,
the one at three quarters and the last, and is it the same in every language?

Data: the embedded model and corpus, or any model and aligned corpus; at most 16
sentences per language, spread over the texts.

Method: `jaxdisp.claims.causal_tracing`: states and layers' updates exchanged in both
directions, all patches of a batch in one compiled call; shares of the damage as ratios
of sums with intervals over texts; placebos from other sentences. Guarded by
`tests/claims/test_causal_tracing.py` and `tests/models/test_patching.py`.

Expected: by the research notes, the damage enters at layers 0, 9 and 11 of 12.

Output: what was found, then per layer the share of the damage that its update restores
and produces, and what the state after it restores.
"""

import dataclasses

from jaxdisp.claims import registry, subjects
from jaxdisp.claims.causal_tracing import EXPERIMENT


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What is traced; None is the embedded model, its corpus, all its languages."""

    model: str | None = None
    corpus: str | None = None
    languages: tuple[str, ...] | None = None
    few: int = 16
    seed: int = 0


SMOKE = Config(languages=("zh",), few=8)


def main(config: Config) -> None:
    """Prints what was found and the profile over layers."""
    subject = subjects.open_subject(
        config.model, config.corpus, config.languages, few=config.few, seed=config.seed
    )
    found = registry.examine(EXPERIMENT, subject)
    for finding in found.findings:
        print(f"{finding.id}: {finding.verdict}\n  {finding.statement}")
        print(f"  {finding.reason}")
    shares = {
        (row["direction"], row["site"], row["layer"]): row
        for row in found.tables.get("parts", [])
        if row["part"] == "all"
    }
    print(
        "\nlayer  update restores  update produces  state restores  (% of the damage)"
    )
    for direction, site, layer in shares:
        if (direction, site) == ("restored", "update"):
            row = [shares[direction, site, layer], shares["produced", site, layer]]
            row.append(shares["restored", "state", layer])
            cells = [f"{100 * each['share']:14.1f}" for each in row]
            print(f"{layer:5d}  " + "   ".join(cells))


if __name__ == "__main__":
    main(Config())

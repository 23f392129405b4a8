"""Do errors of quantization grow geometrically, and most in gateway layers?

Question: through the layers, does an error grow or shrink beside the state that it is
an error of, do states of different texts become less alike by quantization, and do
gateway layers stand out?

Data: the embedded model and corpus, or any model and aligned corpus.

Method: states in full precision and quantized on the same tokens; the error of layer 0
alone, Gaussian noise put in before it, and the same of a model with shuffled weights;
correlation length by a fit of an exponential approach to a fitted limit. Guarded by
`tests/measure/test_mean_field.py` and `tests/claims/test_mean_field.py`.

Expected: by the research notes, noise spreads over a correlation length, from which
gateway layers follow; mean-field theory itself is one of random networks.

Output: the three findings, and signal, correlation and errors after each layer.
"""

import dataclasses

from jaxdisp.claims import mean_field, registry, subjects
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
    """Prints the findings, and a row per tap."""
    subject = subjects.open_subject(
        config.model,
        config.corpus,
        config.languages,
        limit=config.limit,
        few=config.few,
        seed=config.seed,
    )
    found = registry.examine(mean_field.EXPERIMENT, subject)
    for finding in found.findings:
        print(f"{finding.id}: {finding.verdict}. {finding.reason}")
    names = (
        "power",
        "correlation",
        "correlation_quantized",
        "error_of_layer_0",
        "error",
    )
    rows = [
        [str(row["tap"]), *(f"{row[name] or 0:.4f}" for name in names)]
        for row in found.tables.get("taps", [])
    ]
    print(tables.aligned(("tap", *names), rows))


if __name__ == "__main__":
    main(Config())

"""Does rounding cost 1/m where every channel has m copies, and only if copies differ?

Question: theory has the squared error of a readout fall as 1/m where each channel it
reads is duplicated m times and every copy is rounded by draws of its own, and not at
all where copies are rounded alike. Do the matrices and the layers of a model do so, and
what comes of it at the loss?

Data: the embedded model and corpus, or any model and aligned corpus.

Method: function-preserving duplication of what each matrix reads, stochastic rounding
and rounding to nearest on the grid of the wide matrix, errors of each matrix and each
layer from undisturbed states, the correlation of the errors of copies; the cost per
parallel sentence before and after. Guarded by `tests/causal/test_duplication.py`.

Expected: m times the ratio to one copy is 1 for stochastic rounding, m for rounding to
nearest; a layer's may be below 1 where the errors of its matrices multiply.

Output: a row per layer, rounding and number of copies of the chosen outputs; then the
cost of each language by number of copies.
"""

import dataclasses

import jax

from jaxdisp.causal.interventions import duplication, duplication_errors
from jaxdisp.claims import subjects
from jaxdisp.measure import corpus as corpora
from jaxdisp.models.quantized import Quantizer
from jaxdisp.report import tables


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What is examined; None is what comes with the package, or all of it.

    `few` sentences are enough for errors; costs are of `limit`, none of 0. `outputs` is
    a part of their names.
    """

    model: str | None = None
    corpus: str | None = None
    languages: tuple[str, ...] | None = None
    limit: int = 16
    few: int = 2
    copies: tuple[int, ...] = duplication_errors.COPIES
    draws: int = 2
    outputs: str = ""
    quantizer: Quantizer | None = None
    seed: int = 0


SMOKE = Config(languages=("en", "sw"), limit=0, few=1, copies=(1, 2), draws=1)


def main(config: Config) -> None:
    """Prints the errors by copies, and what they cost."""
    subject = subjects.open_subject(config.model, config.corpus, config.languages)
    key = jax.random.key(config.seed)
    quantizer = config.quantizer or Quantizer()
    found = duplication_errors.duplication_errors(
        subject.model,
        corpora.spread(subject.corpus, config.few),
        quantizer,
        key=key,
        copies=config.copies,
        draws=config.draws,
    )
    rows = [
        [
            name,
            str(layer),
            rounding,
            str(m),
            f"{found.relative[r, place, output, layer]:.4g}",
            f"{m * found.relative[r, place, output, layer] / one:.3f}",
            f"{found.correlation[r, output, layer]:.3f}",
        ]
        for output, name in enumerate(found.outputs)
        if config.outputs in name
        for layer in range(found.relative.shape[-1])
        for r, rounding in enumerate(duplication_errors.ROUNDINGS)
        for one in [found.relative[r, 0, output, layer]]
        for place, m in enumerate(found.copies)
    ]
    names = ("output", "layer", "rounding", "m", "error", "m x ratio", "rho")
    print(tables.aligned(names, rows))
    if not config.limit:
        return
    corpus = corpora.spread(subject.corpus, config.limit)
    done = duplication.carry_out(
        subject.model,
        corpus,
        quantizer,
        tap=subject.model.config.n_layers // 2,
        reference=0,
        key=key,
        copies=[m for m in config.copies if m > 1],
    )
    costs = [
        [
            each.kind,
            f"{each.amount:g}",
            language,
            *(f"{side['D'][place].mean():.3f}" for side in (each.before, each.after)),
        ]
        for each in done
        for place, language in enumerate(corpus.languages)
    ]
    print(tables.aligned(("kind", "m", "language", "before", "after"), costs))


if __name__ == "__main__":
    main(Config())

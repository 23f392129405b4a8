"""What does quantization cost each language?

Question: how many nats per parallel sentence does each language lose when the matrices
of the blocks are rounded to few bits, and do languages with less training text lose
more?

Data: the embedded model and corpus, or any model and aligned corpus.

Method: the same sentences in every language, in full precision and quantized, at every
word length; paired BCa intervals over texts. Guarded by
`tests/measure/test_degradation.py` and `tests/stats/test_bootstrap.py`.

Expected: by the research notes, languages with little training text lose several times
more than English, at any word length.

Output: a table per word length on stdout, as `jaxdisp measure` prints it, and one line
on low- against high-resource languages per word length.
"""

import dataclasses

from jaxdisp.models.quantized import Quantizer
from jaxdisp.quant.granularity import Granularity
from jaxdisp.quant.grids import Grid
from jaxdisp.report import jobs, tables
from jaxdisp.report import settings as run_settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What is measured."""

    model: str | None = None
    corpus: str | None = None
    languages: tuple[str, ...] | None = None
    bits: tuple[int, ...] = (2, 3, 4, 6, 8)
    grid: Grid = "symmetric"
    granularity: Granularity = "tensor"
    limit: int | None = None
    seed: int = 0


SMOKE = Config(languages=("en", "sw"), bits=(4,), limit=4)


def main(config: Config) -> None:
    """Prints a table per word length, then the contrast between resource levels."""
    contrasts = []
    for bits in config.bits:
        settings = run_settings.Settings(
            command="measure",
            model=config.model,
            revision=None,
            corpus=config.corpus,
            languages=config.languages,
            quantizer=Quantizer(
                bits=bits, grid=config.grid, granularity=config.granularity
            ),
            limit=config.limit,
            reference=None,
            seed=config.seed,
        )
        inputs = run_settings.open_inputs(settings)
        found = jobs.execute(settings, inputs, None)
        cells = tables.degradation_cells(found["degradation"])
        print(f"\n{run_settings.describe(settings.quantizer)}")
        print(tables.aligned(tables.DEGRADATION_HEADER, cells))
        lines = tables.disparity_lines(found["disparity"])
        contrasts += [[str(bits), *line] for line in lines]
    print("\n" + tables.aligned(("bits", "measure", "estimate [95 %]", ""), contrasts))


if __name__ == "__main__":
    main(Config())

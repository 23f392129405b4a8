"""How well does a model predict text that it was not trained on, in each language?

Question: how many bits per byte does the model in full precision need for held-out
sentences of each language?

Data: lines 1751 to 1900 of NTREX-128 kept beside the project (the embedded model was
trained on lines 1 to 1700 at most); any aligned corpus will do.

Method: every sentence is scored by itself from the start token, one longer than the
context in windows; total loss over total bytes. Guarded by `tests/measure/test_cube.py`
and `test_windows.py`.

Expected: less than 2.6 bits per byte for English with the embedded model.

Output: language, training text, tokens per byte, nats per token, bits per byte.
"""

import dataclasses
import pathlib

import numpy as np

from jaxdisp import measure, models
from jaxdisp.measure import corpus, cube, windows
from jaxdisp.measure.corpora import codes
from jaxdisp.report import tables

NTREX = pathlib.Path(__file__).parents[2] / "shared" / "data" / "ntrex"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Which lines are scored; None is what comes with the package, or all languages."""

    model: str | None = None
    corpus: str | None = str(NTREX)
    languages: tuple[str, ...] | None = None
    first: int = 1751
    last: int = 1900


SMOKE = Config(corpus=None, languages=("en", "sw"), first=1, last=8)


def main(config: Config) -> None:
    """Prints a row per language."""
    model = models.load(config.model)
    languages = config.languages or tuple(model.training_bytes)
    text = measure.load_corpus(config.corpus, languages)
    held_out = corpus.keep(text, range(config.first - 1, config.last))
    encoded = cube.encode(model, held_out)
    longer = windows.count_longer(languages, encoded, model.config.context)
    full = np.zeros((1, model.config.n_layers), int)
    found = measure.evaluate(model, held_out, full, [])
    loss = np.asarray(found.nll[0], np.float64).sum(axis=1)
    n_tokens = np.asarray(found.n_tokens).sum(axis=1)
    n_bytes = np.asarray(found.n_bytes).sum(axis=1)
    print(f"{held_out.n_sentences} sentences, {longer.sentences} of them in windows")
    training_bytes = codes.matched(model.training_bytes, held_out.languages)
    rows = [
        [
            language,
            tables.size(training_bytes.get(language)),
            f"{n_tokens[place] / n_bytes[place]:.3f}",
            f"{loss[place] / n_tokens[place]:.3f}",
            f"{loss[place] / n_bytes[place] / np.log(2):.3f}",
        ]
        for place, language in enumerate(held_out.languages)
    ]
    header = ("language", "trained on", "tokens/byte", "nats/token", "bits/byte")
    print(tables.aligned(header, rows))


if __name__ == "__main__":
    main(Config())

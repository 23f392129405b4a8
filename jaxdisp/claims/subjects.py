"""Opening what experiments are carried out on."""

from collections.abc import Sequence

import jax

from jaxdisp.claims.experiment import Subject
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import windows
from jaxdisp.models import model as models
from jaxdisp.models.quantized import Quantizer, check_quantizer

FEW = 32
"""Sentences per language for what takes a pass for each of many configurations."""


def open_subject(
    model: str | None = None,
    corpus: str | None = None,
    languages: Sequence[str] | None = None,
    *,
    quantizer: Quantizer | None = None,
    limit: int | None = None,
    few: int = FEW,
    seed: int = 0,
) -> Subject:
    """Opens a model and a corpus and checks that experiments can be run on them.

    Args:
        model: a directory or hub id; None is the embedded model.
        corpus: a directory of aligned `<language>.txt`; None is the embedded corpus.
        languages: names of files without `.txt`; None is all.
        quantizer: how weights are rounded; None is 4 bits per tensor.
        limit: sentences per language, spread over the texts; None is all.
        few: of these, how many for sweeps over many configurations.
        seed: of everything random.

    Raises:
        ValueError: if anything cannot be found or does not fit.

    Reference: our own definition.
    """
    text = corpora.load_corpus(corpus, languages)
    if limit is not None:
        text = corpora.spread(text, limit)
    return make_subject(
        models.load(model), text, quantizer=quantizer, few=few, seed=seed
    )


def make_subject(
    model: models.Model,
    corpus: corpora.Corpus,
    *,
    quantizer: Quantizer | None = None,
    few: int = FEW,
    seed: int = 0,
    stride: int | None = None,
) -> Subject:
    """Checks that experiments can be run on a model and a corpus.

    Args:
        model: an open model.
        corpus: parallel text.
        quantizer: how weights are rounded; None is 4 bits per tensor.
        few: how many sentences for sweeps over many configurations.
        seed: of everything random.
        stride: of windows, in tokens; None is half of the context.

    Raises:
        ValueError: if the quantizer does not fit the model, the seed, the stride or
            `few` is out of range, or there are fewer than 2 independent texts.

    Reference: our own definition.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be between 0 and 2^32 - 1, got {seed}")
    chosen = Quantizer() if quantizer is None else quantizer
    check_quantizer(model, chosen)
    windows.checked_stride(model.config.context, stride)
    part = corpora.spread(corpus, few)
    if len(set(part.groups)) < 2:
        raise ValueError(
            f"{corpus.source}: experiments need sentences of at least 2 texts, got "
            f"{part.n_sentences} of {len(set(part.groups))}"
        )
    return Subject(
        model=model,
        corpus=corpus,
        few=part,
        quantizer=chosen,
        key=jax.random.key(seed),
        stride=stride,
    )

"""Runs a training from text to a Hugging Face directory; resumes where it stopped."""

import dataclasses
import hashlib
import itertools
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import safetensors.numpy
import tokenizers

from jaxdisp.models import checkpoint, mixture, model_card, training, vocabulary
from jaxdisp.models.architectures import gpt2

LENGTHS = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
SAVE_EVERY = 100
PROGRESS = "unfinished.safetensors"
CURVE = "unfinished.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is: steps done and planned, and the last loss (nats per token)."""

    step: int
    steps: int
    loss: float


def fingerprint(recipe: mixture.Recipe, texts: list[list[str]]) -> str:
    """Names a run by everything that determines it.

    Definition: SHA-256 of the recipe and of the text.

    Args:
        recipe: the training recipe.
        texts: the sentences of its cells.

    Reference: our own definition.
    """
    digest = hashlib.sha256(repr(recipe).encode())
    for cell in texts:
        digest.update("\n".join(cell).encode())
    return digest.hexdigest()


def train(
    recipe: mixture.Recipe, data: pathlib.Path, output: pathlib.Path
) -> Iterator[Progress]:
    """Trains a GPT-2 and writes it to `output`, reporting after every step.

    The running average of the parameters is what is written. Killed at any moment, the
    same call goes on from the last save, at most 100 steps back, with the same result.

    Args:
        recipe: the training recipe.
        data: directory with one folder per source.
        output: directory for the model; holds the unfinished run until the end.

    Raises:
        ValueError: if text is missing, or `output` holds something else.

    Reference: our own definition.
    """
    texts = mixture.read_cells(recipe, data)
    name = fingerprint(recipe, texts)
    _refuse_other_run(output, name)
    tokenizer = vocabulary.train_vocabulary(
        (sentence for cell in texts for sentence in cell), recipe.vocabulary
    )
    config = configuration(recipe, tokenizer)
    start = tokenizer.get_vocab()[vocabulary.START]
    encoded = [vocabulary.encode(tokenizer, cell, start) for cell in texts]
    key = jax.random.key(recipe.seed)
    state = training.start(key, recipe, gpt2.ARCHITECTURE, config)
    output.mkdir(parents=True, exist_ok=True)
    if not (output / CURVE).is_file():  # from now on the directory is this run's
        _save_curve(output, [], name)
    state = _restore(output / PROGRESS, state)
    # killed between two files, the curve is ahead of the state
    curve = checkpoint.read_json(output / CURVE)["loss"][: int(state.step)]
    for batch in _schedule(key, recipe, encoded, texts, first=len(curve)):
        state, loss = training.step(
            state,
            key,
            batch.tokens,
            batch.mask,
            recipe=recipe,
            architecture=gpt2.ARCHITECTURE,
            config=config,
        )
        curve.append(round(float(loss), 4))
        yield Progress(step=len(curve), steps=recipe.steps, loss=curve[-1])
        if len(curve) % SAVE_EVERY == 0 and len(curve) < recipe.steps:
            _save(output, state, curve, name)
    record = training_record(recipe, texts, encoded, curve)
    _write_model(output, recipe, config, tokenizer, state, record)
    for leftover in (CURVE, PROGRESS, PROGRESS + ".part"):
        (output / leftover).unlink(missing_ok=True)


def configuration(
    recipe: mixture.Recipe, tokenizer: tokenizers.Tokenizer
) -> gpt2.Config:
    """Returns the shape of the model that a recipe asks for.

    Args:
        recipe: the training recipe.
        tokenizer: the vocabulary, which may have fewer tokens than asked for.

    Reference: our own definition.
    """
    return gpt2.Config(
        n_layers=recipe.layers,
        n_heads=recipe.heads,
        width=recipe.width,
        inner=4 * recipe.width,
        vocabulary=tokenizer.get_vocab_size(),
        context=recipe.context,
        activation="gelu_new",
        epsilon=1e-5,
        tied=True,
        scaled_by_width=True,
        scaled_by_layer=False,
    )


def _schedule(
    key: jax.Array,
    recipe: mixture.Recipe,
    encoded: list[list[list[int]]],
    texts: list[list[str]],
    *,
    first: int,
) -> Iterator[mixture.Batch]:
    number = 0
    for block in _blocks(key, recipe, encoded, texts):
        for batch in block:
            if first <= number < recipe.steps:
                yield batch
            number += 1
        if number >= recipe.steps:
            return


def _blocks(
    key: jax.Array,
    recipe: mixture.Recipe,
    encoded: list[list[list[int]]],
    texts: list[list[str]],
) -> Iterator[list[mixture.Batch]]:
    counts = mixture.sentences_per_block(recipe, encoded, texts)
    pieces = _pieces(recipe, encoded)
    sizes = [len(cell) for cell in pieces]
    lengths = [n for n in LENGTHS if n < recipe.context] + [recipe.context]
    for block in itertools.count():
        drawn = mixture.draw_block(key, block, sizes, counts)
        sentences = [pieces[cell][place] for cell, place in drawn]
        block_key = jax.random.fold_in(key, block)
        yield list(
            mixture.batches(block_key, sentences, recipe.tokens_per_step, lengths)
        )


def _pieces(
    recipe: mixture.Recipe, encoded: list[list[list[int]]]
) -> list[list[list[int]]]:
    # a sentence longer than the context is trained on in pieces
    size = recipe.context
    return [
        [s[i : i + size] for s in cell for i in range(0, len(s), size)]
        for cell in encoded
    ]


def _blocks_seen(
    recipe: mixture.Recipe, encoded: list[list[list[int]]], texts: list[list[str]]
) -> float:
    # padding makes a block longer than BLOCK_STEPS, by how much depends on the text
    number, seen = 0, 0.0
    for block in _blocks(jax.random.key(recipe.seed), recipe, encoded, texts):
        taken = min(len(block), recipe.steps - number)
        number, seen = number + taken, seen + taken / len(block)
        if number == recipe.steps:
            break
    return seen


def _refuse_other_run(output: pathlib.Path, name: str) -> None:
    if not output.exists() or all(p.suffix == ".part" for p in output.iterdir()):
        return
    if not (output / CURVE).is_file():
        raise ValueError(
            f"{output}: exists and holds no unfinished training; "
            "choose another --output or remove it"
        )
    if checkpoint.read_json(output / CURVE)["fingerprint"] != name:
        raise ValueError(
            f"{output}: holds an unfinished training of another recipe or text; "
            "choose another --output or remove it"
        )


def _save(
    output: pathlib.Path, state: training.State, curve: list[float], name: str
) -> None:
    leaves = {str(n): np.asarray(x) for n, x in enumerate(jax.tree.leaves(state))}
    _save_curve(output, curve, name)
    checkpoint.replace(output / PROGRESS, safetensors.numpy.save(leaves))


def _save_curve(output: pathlib.Path, curve: list[float], name: str) -> None:
    content = {"fingerprint": name, "loss": curve}
    checkpoint.replace(output / CURVE, json.dumps(content).encode())


def _restore(path: pathlib.Path, state: training.State) -> training.State:
    if not path.is_file():
        return state
    leaves, structure = jax.tree.flatten(state)
    arrays = safetensors.numpy.load_file(path)
    fresh = [
        jax.numpy.asarray(arrays[str(n)], leaf.dtype) for n, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(structure, fresh)


def _write_model(
    output: pathlib.Path,
    recipe: mixture.Recipe,
    config: gpt2.Config,
    tokenizer: tokenizers.Tokenizer,
    state: training.State,
    record: dict[str, Any],
) -> None:
    start = tokenizer.get_vocab()[vocabulary.START]
    tokens = {"bos_token_id": start, "eos_token_id": start}
    entries = gpt2.write_config(config) | tokens
    checkpoint.write(output, gpt2.ARCHITECTURE, config, state.average, entries)
    tokenizer.save(str(output / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": vocabulary.START,
        "eos_token": vocabulary.START,
        "model_max_length": config.context,
    }
    _write_json(output / "tokenizer_config.json", settings)
    _write_json(output / "training.json", record)
    card = model_card.render(recipe, record)
    checkpoint.replace(output / "README.md", card.encode())


def _write_json(path: pathlib.Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    checkpoint.replace(path, text.encode())


def training_record(
    recipe: mixture.Recipe,
    texts: list[list[str]],
    encoded: list[list[list[int]]],
    curve: list[float],
) -> dict[str, Any]:
    """Says what a model was trained on: the content of `training.json`.

    `training_bytes` counts the distinct training text per language, `share` the part
    of all bytes seen, `passes` how often each cell was seen, `loss` is in nats per
    token, averaged over each hundredth of the run.

    Args:
        recipe: the training recipe.
        texts: the sentences of its cells.
        encoded: the same as token numbers.
        curve: loss at every step.

    Reference: our own definition.
    """
    counts = mixture.sentences_per_block(recipe, encoded, texts)
    blocks = _blocks_seen(recipe, encoded, texts)
    sizes = [len(cell) for cell in _pieces(recipe, encoded)]
    languages = list(dict.fromkeys(cell.language for cell in recipe.cells))
    size = dict.fromkeys(languages, 0)
    share = dict.fromkeys(languages, 0.0)
    cells = []
    for cell, text, count, n in zip(recipe.cells, texts, counts, sizes, strict=True):
        size[cell.language] += sum(len(sentence.encode()) + 1 for sentence in text)
        share[cell.language] += cell.share
        passes = round(count * blocks / n, 2)
        cells.append(
            {
                "source": cell.source,
                "language": cell.language,
                "lines": [cell.first, cell.last],
                "passes": passes,
            }
        )
    return {
        "name": recipe.name,
        "steps": recipe.steps,
        "tokens_per_step": recipe.tokens_per_step,
        "seed": recipe.seed,
        "recipe": {
            field: getattr(recipe, field)
            for field in (
                "layers",
                "heads",
                "width",
                "context",
                "vocabulary",
                "learning_rate",
                "table_learning_rate",
                "warmup",
                "weight_decay",
                "dropout",
            )
        },
        "training_bytes": size,
        "share": {language: round(part, 4) for language, part in share.items()},
        "cells": cells,
        "loss": _averaged(curve),
    }


def _averaged(curve: list[float]) -> list[dict[str, Any]]:
    edges = np.linspace(0, len(curve), min(100, len(curve)) + 1).astype(int)
    return [
        {"step": int(last), "loss": round(float(np.mean(curve[before:last])), 4)}
        for before, last in itertools.pairwise(edges)
    ]

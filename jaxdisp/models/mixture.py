"""Mixtures: which sentences a training step sees, for any step, without state.

A recipe names cells, each some lines of one source in one language, and the share of
the training bytes that each language gets. Steps come in blocks; a block holds a fixed
number of sentences of each cell and is cut into batches of similar length. Everything
follows from the seed and the block's number, so that a killed run can go on anywhere.
"""

import dataclasses
import pathlib
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np

BLOCK_STEPS = 64
LEAST = {
    "layers": 1,
    "heads": 1,
    "width": 1,
    "context": 2,
    "vocabulary": 257,
    "steps": 1,
    "tokens_per_step": 1,
    "warmup": 0,
    "seed": 0,
}
RATES = ("learning_rate", "table_learning_rate", "weight_decay", "dropout")
TABLES = ("name", "model", "schedule", "share", "source")
SOURCE = ("name", "licence", "attribution", "weight", "lines")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """Some lines of one source in one language, and their share of training bytes."""

    source: str
    language: str
    first: int
    last: int
    share: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """A collection of text, with the attribution that its licence asks for."""

    name: str
    licence: str
    attribution: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that determines a training run, apart from the text itself.

    Rates are per step, `dropout` is a probability, `tokens_per_step` counts padding.
    """

    layers: int
    heads: int
    width: int
    context: int
    vocabulary: int
    steps: int
    tokens_per_step: int
    learning_rate: float
    table_learning_rate: float
    warmup: int
    weight_decay: float
    dropout: float
    seed: int
    name: str
    sources: tuple[Source, ...]
    cells: tuple[Cell, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """Token numbers `[sentence, token]` and the mask of real ones."""

    tokens: np.ndarray
    mask: np.ndarray


def read_recipe(path: pathlib.Path) -> Recipe:
    """Reads a training recipe.

    A recipe is a TOML file with a `name`, the tables `model`, `schedule` and `share`
    (language to share of the training bytes) and one `[[source]]` per source with
    `name`, `licence`, `attribution`, `weight` and `lines` (language to `[first, last]`,
    counted from 1).

    Args:
        path: the TOML file.

    Raises:
        ValueError: if an entry is missing, unknown or out of range.

    Reference: our own definition.
    """
    try:
        return _recipe(tomllib.loads(path.read_text(encoding="utf-8")))
    except KeyError as error:
        raise ValueError(f"{path}: the entry {error} is missing") from error
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{path}: an entry is of the wrong kind: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _recipe(content: dict[str, Any]) -> Recipe:
    _refuse_unknown("recipe", content, TABLES)
    for source in content["source"]:
        _refuse_unknown("source", source, SOURCE)
    settings = content["model"] | content["schedule"]
    _refuse_unknown("model or schedule", settings, (*LEAST, *RATES))
    numbers: dict[str, Any] = {name: _count(settings, name) for name in LEAST}
    numbers |= {name: _rate(settings, name) for name in RATES}
    recipe = Recipe(
        name=content["name"],
        **numbers,
        sources=tuple(
            Source(
                name=source["name"],
                licence=source["licence"],
                attribution=source["attribution"],
            )
            for source in content["source"]
        ),
        cells=_cells(content["share"], content["source"]),
    )
    if recipe.width % recipe.heads:
        raise ValueError(
            f"width {recipe.width} is not divisible by heads {recipe.heads}"
        )
    if recipe.warmup >= recipe.steps:
        raise ValueError(f"warmup {recipe.warmup} must be below steps {recipe.steps}")
    return recipe


def _refuse_unknown(place: str, content: dict[str, Any], known: Iterable[str]) -> None:
    unknown = [key for key in content if key not in known]
    if unknown:
        raise ValueError(
            f"{', '.join(unknown)}: unknown in a {place}; allowed: {', '.join(known)}"
        )


def _count(settings: dict[str, Any], name: str) -> int:
    value, least = settings[name], LEAST[name]
    if type(value) is not int or value < least:
        raise ValueError(
            f"{name} must be a whole number of at least {least}, got {value!r}"
        )
    return value


def _rate(settings: dict[str, Any], name: str) -> float:
    value = settings[name]
    if type(value) not in (int, float) or not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value!r}")
    return float(value)


def _positive(place: str, value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < float("inf"):
        raise ValueError(f"{place} must be a positive number, got {value!r}")
    return float(value)


def _cells(share: dict[str, Any], sources: list[dict[str, Any]]) -> tuple[Cell, ...]:
    for source in sources:
        _refuse_unknown("table of lines", source["lines"], share)
        _positive(f"the weight of {source['name']}", source["weight"])
    total = sum(_positive(f"the share of {name}", part) for name, part in share.items())
    cells = []
    for language, part in share.items():
        holding = [source for source in sources if language in source["lines"]]
        weight = sum(source["weight"] for source in holding)
        if not holding:
            raise ValueError(f"no source has lines in {language!r}")
        for source in holding:
            first, last = source["lines"][language]
            if not 1 <= first <= last:
                raise ValueError(
                    f"lines of {language} in {source['name']} must be [first, last], "
                    f"counted from 1, got {source['lines'][language]}"
                )
            cells.append(
                Cell(
                    source=source["name"],
                    language=language,
                    first=first,
                    last=last,
                    share=part / total * source["weight"] / weight,
                )
            )
    return tuple(cells)


def read_cells(recipe: Recipe, data: pathlib.Path) -> list[list[str]]:
    """Reads the sentences of every cell from `data/<source>/<language>.txt`.

    Args:
        recipe: names the cells.
        data: directory with one folder per source.

    Raises:
        ValueError: if a file is missing or has too few lines.

    Reference: our own definition.
    """
    found = []
    for cell in recipe.cells:
        path = data / cell.source / f"{cell.language}.txt"
        if not path.is_file():
            raise ValueError(f"{path}: no such file; --data names its grandparent")
        text = path.read_text(encoding="utf-8").removesuffix("\n")
        lines = text.split("\n")  # splitlines would also cut at U+2028 and others
        if len(lines) < cell.last:
            raise ValueError(
                f"{path}: lines {cell.first} to {cell.last} are wanted, "
                f"but it has {len(lines)}"
            )
        found.append(lines[cell.first - 1 : cell.last])
    return found


def sentences_per_block(
    recipe: Recipe, tokens: list[list[list[int]]], texts: list[list[str]]
) -> list[int]:
    """Says how many sentences of each cell a block holds, so that shares are met.

    Definition: with byte share `p`, mean bytes `b` and mean tokens `t` per sentence,
    the count is `p / b` times the block's tokens over the sum of `p t / b`, at least 1.

    Args:
        recipe: gives shares and the size of a step.
        tokens: encoded sentences of each cell.
        texts: the sentences themselves.

    Reference: our own definition.
    """
    bytes_each = [np.mean([len(s.encode()) for s in cell]) for cell in texts]
    tokens_each = [np.mean([len(s) for s in cell]) for cell in tokens]
    rate = [cell.share / b for cell, b in zip(recipe.cells, bytes_each, strict=True)]
    block = BLOCK_STEPS * recipe.tokens_per_step
    scale = block / sum(r * t for r, t in zip(rate, tokens_each, strict=True))
    return [max(1, round(float(scale * r))) for r in rate]


def draw_block(
    key: jax.Array, number: int, sizes: list[int], counts: list[int]
) -> list[tuple[int, int]]:
    """Draws the sentences of one block: all lines of a cell come before any repeats.

    Definition: cell `c` is read in a fresh random order in every pass; block `n` takes
    places `n * counts[c]` onwards.

    Args:
        key: randomness of the run.
        number: which block, from 0.
        sizes: sentences in each cell.
        counts: sentences per block of each cell.

    Returns:
        Pairs of cell and sentence.

    Reference: our own definition.
    """
    drawn: list[tuple[int, int]] = []
    for cell, (size, count) in enumerate(zip(sizes, counts, strict=True)):
        places = np.arange(number * count, (number + 1) * count)
        for epoch in np.unique(places // size):
            order_key = jax.random.fold_in(jax.random.fold_in(key, cell), int(epoch))
            order = np.asarray(jax.random.permutation(order_key, size))
            drawn += [
                (cell, int(order[p % size])) for p in places[places // size == epoch]
            ]
    return drawn


def batches(
    key: jax.Array, sentences: list[list[int]], tokens_per_step: int, lengths: list[int]
) -> Iterator[Batch]:
    """Cuts sentences into batches of few shapes, in random order.

    Longest first, each batch takes the smallest of `lengths` that holds its longest
    sentence and as many sentences as `tokens_per_step` allows.

    Args:
        key: randomness of the order.
        sentences: token numbers, none longer than the last of `lengths`.
        tokens_per_step: size of a batch with its padding.
        lengths: allowed lengths, ascending.

    Reference: our own definition.
    """
    queue = sorted(sentences, key=len, reverse=True)
    made = []
    while queue:
        length = next(size for size in lengths if size >= len(queue[0]))
        rows = max(1, tokens_per_step // length)
        taken, queue = queue[:rows], queue[rows:]
        tokens = np.zeros((rows, length), np.int32)
        mask = np.zeros((rows, length), bool)
        for row, sentence in enumerate(taken):
            tokens[row, : len(sentence)] = sentence
            mask[row, : len(sentence)] = True
        made.append(Batch(tokens=tokens, mask=mask))
    for place in np.asarray(jax.random.permutation(key, len(made))):
        yield made[place]

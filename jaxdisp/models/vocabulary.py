"""Byte-level BPE vocabularies: training one, opening one, encoding sentences."""

import os
import pathlib
from collections.abc import Iterable, Sequence

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from jaxdisp.models import checkpoint

START = "<|endoftext|>"


def train_vocabulary(texts: Iterable[str], size: int) -> tokenizers.Tokenizer:
    """Trains a byte-level BPE vocabulary in which any text can be written.

    Definition: start from the 256 bytes and the start token, then merge the most
    frequent neighbours until there are `size` tokens.

    Args:
        texts: sentences; one that comes twice counts twice.
        size: number of tokens, at least 257.

    Raises:
        ValueError: if `size` is below 257.

    Reference: Sennrich et al. 2016, arXiv:1508.07909; bytes as in Radford et al. 2019.
    """
    if size < 257:
        raise ValueError(f"a vocabulary needs at least 257 tokens, got {size}")
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[START],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer=trainer)
    return tokenizer


def open_vocabulary(directory: pathlib.Path) -> tokenizers.Tokenizer:
    """Opens the tokenizer of a Hugging Face directory.

    Reads `tokenizer.json`, or else the older pair `vocab.json` and `merges.txt`.

    Args:
        directory: where the files are.

    Raises:
        ValueError: if neither form is there, or a file is damaged.

    Reference: our own definition.
    """
    single = directory / "tokenizer.json"
    vocab, merges = directory / "vocab.json", directory / "merges.txt"
    try:
        if single.is_file():
            tokenizer = tokenizers.Tokenizer.from_file(str(single))
            tokenizer.no_truncation()  # files may carry both from their training, and
            tokenizer.no_padding()  # then sentences would be cut or filled up
            return tokenizer
        if vocab.is_file() and merges.is_file():
            tokenizer = tokenizers.Tokenizer(
                models.BPE.from_file(str(vocab), str(merges))
            )
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            tokenizer.decoder = decoders.ByteLevel()
            return tokenizer
    except Exception as error:  # the library raises no narrower class
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{directory}: the tokenizer cannot be read ({reason}); copy it again"
        ) from error
    raise ValueError(
        f"{directory}: no tokenizer.json, nor vocab.json with merges.txt; "
        "save the tokenizer beside the weights (save_pretrained does)"
    )


def start_token(
    tokenizer: tokenizers.Tokenizer, directory: pathlib.Path, size: int
) -> int:
    """Finds the token that stands before every sentence.

    Definition: what the tokenizer itself puts before a text, since models were trained
    behind it; else the `bos_token_id` of `config.json` or `generation_config.json`, if
    it is one number; else the token `<|endoftext|>`, `<s>` or `<|begin_of_text|>`.

    Args:
        tokenizer: the vocabulary.
        directory: the model's directory.
        size: rows of the embedding.

    Raises:
        ValueError: if there is none, or it has no row in the embedding.

    Reference: our own definition.
    """
    source, found = _named_start(tokenizer, directory)
    if found is None:
        raise ValueError(
            f"{directory}: no start token: set bos_token_id in config.json to the "
            "token that stands before a text"
        )
    if not 0 <= found < size:
        raise ValueError(f"{source} {found} is outside the embedding's {size} rows")
    return found


def _named_start(
    tokenizer: tokenizers.Tokenizer, directory: pathlib.Path
) -> tuple[str, int | None]:
    """Which entry says what stands before a text, and what it says."""
    own = _put_before(tokenizer)
    if own is not None:
        return f"{directory}: the start token of the tokenizer,", own
    for name in ("config.json", "generation_config.json"):
        path = directory / name
        found = (
            checkpoint.read_json(path).get("bos_token_id") if path.is_file() else None
        )
        if isinstance(found, int) and not isinstance(found, bool):
            return f"{path}: bos_token_id", found
    known = map(tokenizer.token_to_id, (START, "<s>", "<|begin_of_text|>"))
    return f"{directory}: the start token", next(
        (n for n in known if n is not None), None
    )


def _put_before(tokenizer: tokenizers.Tokenizer) -> int | None:
    plain = tokenizer.encode("a", add_special_tokens=False).ids
    marked = tokenizer.encode("a", add_special_tokens=True).ids
    # an end token may follow; without any other token nothing says which end it is
    if plain and len(marked) > len(plain) and marked[1 : 1 + len(plain)] == plain:
        return marked[0]
    return None


def encode(
    tokenizer: tokenizers.Tokenizer, sentences: Sequence[str], start: int
) -> list[list[int]]:
    """Turns each sentence into token numbers, the start token first.

    Args:
        tokenizer: the vocabulary.
        sentences: texts.
        start: the number of the start token.

    Reference: our own definition.
    """
    # our arrays are built on one thread anyway, and forked workers would deadlock
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    encoded = tokenizer.encode_batch(list(sentences), add_special_tokens=False)
    return [[start, *item.ids] for item in encoded]

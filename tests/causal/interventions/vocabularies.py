"""Tiny vocabularies of each kind, trained on a few sentences."""

import functools as ft

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from tests.models import small

SPACE = "▁"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
SPELLED_OUT = decoders.Sequence(
    [
        decoders.Replace(SPACE, " "),
        decoders.ByteFallback(),
        decoders.Fuse(),
        decoders.Strip(" ", 1, 0),
    ]
)


@ft.cache
def of_bytes(size=420):
    return small.tokenizer(size)


@ft.cache
def of_characters():
    """As SentencePiece's BPE: no words, spaces marked, unknown characters as bytes."""
    tokenizer = tokenizers.Tokenizer(
        models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)]
    )
    tokenizer.decoder = SPELLED_OUT
    marked = [SPACE + text.replace(" ", SPACE) for text in small.SENTENCES[:4]]
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=["<unk>", "<s>", *BYTES], show_progress=False
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(marked, trainer=trainer)
    tokenizer.pre_tokenizer = None
    return tokenizer


@ft.cache
def of_scores():
    """As SentencePiece's unigram model, with bytes for what has no piece."""
    pieces = ["<unk>", *BYTES, SPACE, *"abcdefghiklmnoprstuvwy.", "T"]
    longer = [
        "at",
        "the",
        SPACE + "the",
        "sat",
        SPACE + "sat",
        "cat",
        SPACE + "c",
        "on",
    ]
    scored = [(piece, -9.0) for piece in pieces]
    scored += [(piece, -2.0 - 0.1 * len(piece)) for piece in longer]
    tokenizer = tokenizers.Tokenizer(
        models.Unigram(scored, unk_id=0, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)]
    )
    tokenizer.decoder = SPELLED_OUT
    return tokenizer


KINDS = {"bytes": of_bytes, "characters": of_characters, "scores": of_scores}

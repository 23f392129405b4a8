"""Tiny random GPT-2 checkpoints, written by hand so that no name comes from jaxdisp."""

import functools as ft
import json
import math
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy
import tokenizers

import jaxdisp
from jaxdisp.models import mixture, vocabulary

SENTENCES = (
    "The cat sat on the mat and looked at the dog.",
    "Die Katze saß auf der Matte und sah den Hund an.",
    "Le chat était assis sur le tapis et regardait le chien.",
    "Кошка сидела на коврике и смотрела на собаку.",
    "Kissa istui matolla ja katseli koiraa.",
    "猫坐在垫子上看着狗。",
)
TOKENS = 290

ENTRIES = {
    "model_type": "gpt2",
    "n_layer": 3,
    "n_head": 3,
    "n_embd": 12,
    "vocab_size": TOKENS,
    "n_positions": 16,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
"""What `config.json` must say; everything else is left to GPT-2's defaults."""


@ft.cache
def tokenizer_text(size=TOKENS):
    """A byte-level vocabulary as the text of `tokenizer.json`."""
    return vocabulary.train_vocabulary(SENTENCES, size).to_str()


def tokenizer(size=TOKENS):
    return tokenizers.Tokenizer.from_str(tokenizer_text(size))


def entries(**changes):
    return ENTRIES | changes


@ft.cache
def pool():
    """Standard normal numbers, drawn once: a draw for every shape would compile."""
    return np.array(jax.random.normal(jax.random.key(0), (2**16,)))


def normal(name, shape, seed=0):
    """Standard normal numbers that follow from the name and the seed."""
    start = sum(i * c for i, c in enumerate(name.encode(), 1)) + 7919 * seed
    return np.take(pool(), start + np.arange(math.prod(shape)), mode="wrap").reshape(
        shape
    )


def tensors(entries, seed=0):
    """Random tensors, named and shaped as in transformers, nowhere near initial values.

    Biases and gains are as random as matrices, so that none of them can be forgotten
    without a trace; 0.3 keeps the logits around 1.
    """
    width = entries["n_embd"]
    inner = entries.get("n_inner") or 4 * width
    shapes = {
        "wte.weight": (entries["vocab_size"], width),
        "wpe.weight": (entries["n_positions"], width),
        "ln_f.weight": (width,),
        "ln_f.bias": (width,),
    }
    for layer in range(entries["n_layer"]):
        shapes |= {
            f"h.{layer}.ln_1.weight": (width,),
            f"h.{layer}.ln_1.bias": (width,),
            f"h.{layer}.attn.c_attn.weight": (width, 3 * width),
            f"h.{layer}.attn.c_attn.bias": (3 * width,),
            f"h.{layer}.attn.c_proj.weight": (width, width),
            f"h.{layer}.attn.c_proj.bias": (width,),
            f"h.{layer}.ln_2.weight": (width,),
            f"h.{layer}.ln_2.bias": (width,),
            f"h.{layer}.mlp.c_fc.weight": (width, inner),
            f"h.{layer}.mlp.c_fc.bias": (inner,),
            f"h.{layer}.mlp.c_proj.weight": (inner, width),
            f"h.{layer}.mlp.c_proj.bias": (width,),
        }
    if not entries.get("tie_word_embeddings", True):
        shapes["lm_head.weight"] = (entries["vocab_size"], width)
    found = {}
    for name, shape in shapes.items():
        gain = name.endswith("weight") and ".ln_" in "." + name
        found[name] = 0.3 * normal(name, shape, seed) + np.float32(gain)
    return found


def prefixed(arrays):
    """Names as `GPT2LMHeadModel` writes them; `GPT2Model` writes none of the prefix."""
    return {
        name if name.startswith("lm_head") else f"transformer.{name}": array
        for name, array in arrays.items()
    }


def write_json(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")


def write_arrays(path, arrays):
    safetensors.numpy.save_file(arrays, path, metadata={"format": "pt"})


def write(directory, entries=ENTRIES, arrays=None):
    """Writes a checkpoint with its tokenizer and returns the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    arrays = prefixed(tensors(entries)) if arrays is None else arrays
    write_json(directory / "config.json", entries)
    write_arrays(directory / "model.safetensors", arrays)
    write_tokenizer(directory)
    return directory


def write_tokenizer(directory):
    path = directory / "tokenizer.json"
    path.write_text(tokenizer_text(), encoding="utf-8")


def tokens(entries=ENTRIES, n_sentences=2, n_tokens=7, seed=1):
    """Random token numbers, as many positions as asked for."""
    noise = normal("tokens", (n_sentences, n_tokens), seed)
    return jnp.asarray(np.abs(1e4 * noise).astype(np.int32) % entries["vocab_size"])


def write_texts(directory):
    """Two sources: `one` in two languages, `two` in the first of them."""
    places = {"one": ("xx", "yy"), "two": ("xx",)}
    count = 0
    for source, languages in places.items():
        (directory / source).mkdir(parents=True)
        for language in languages:
            lines = []
            for number in range(12):
                words = SENTENCES[number % 3 if language == "xx" else 3].split()
                start = (number + count) % 4
                last = None if language == "yy" and number % 2 else start + 3
                lines.append(" ".join([f"{number}", *words[start:last]]))
            count += 1
            path = directory / source / f"{language}.txt"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return directory


ASSETS = pathlib.Path(jaxdisp.__file__).parent / "assets"

RECIPE = """
name = "tiny"

[model]
layers = 2
heads = 2
width = 8
context = 16
vocabulary = 300

[schedule]
steps = 24
tokens_per_step = 96
learning_rate = 0.02
table_learning_rate = 0.02
warmup = 4
weight_decay = 0.1
dropout = 0.1
seed = 3

[share]
xx = 3
yy = 1

[[source]]
name = "one"
licence = "CC0-1.0"
attribution = "Nobody."
weight = 1
lines = { xx = [1, 12], yy = [2, 11] }

[[source]]
name = "two"
licence = "CC-BY-4.0"
attribution = "Somebody."
weight = 2
lines = { xx = [3, 9] }
"""


def recipe(directory, text=RECIPE):
    """Writes a tiny recipe and its text; returns the recipe and where the text is."""
    data = directory / "data"
    if not data.exists():
        write_texts(data)
    path = directory / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return mixture.read_recipe(path), data

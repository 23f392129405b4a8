"""Peak memory of opening a model and of measuring it, over the size of its checkpoint.

Random checkpoints of about 1 GB in the shape of GPT-2 (width 1024, 50257 tokens): 16
layers in float32, and 36 in bfloat16, which take the same bytes. Every figure is the
peak resident set (`ru_maxrss`) of a process of its own, Python and JAX included.

load      `models.load`, in float32 as by default
measure   the same, then full precision and 4 bits on sentences of the embedded corpus
          in four languages, as `jaxdisp measure` does with its default settings

    python benchmarks/load_memory.py
"""

import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

MODELS = {"float32": 16, "bfloat16": 36}
"""Layers of each, by the type it is stored in."""
WIDTH, TOKENS, CONTEXT = 1024, 50257, 1024
LANGUAGES = ("en", "de", "ru", "he")
SENTENCES = 4


def write(directory: pathlib.Path, dtype: str) -> None:
    """Writes a random checkpoint, with the tokenizer of the embedded model."""
    import jax
    import numpy as np
    import safetensors.numpy

    from jaxdisp.models import headers, model
    from jaxdisp.models.architectures import gpt2

    entries = {"model_type": "gpt2", "n_layer": MODELS[dtype], "n_embd": WIDTH}
    entries |= {"n_head": 16, "vocab_size": TOKENS, "n_positions": CONTEXT}
    config = gpt2.read_config(entries)
    drawn = 0.02 * np.asarray(jax.random.normal(jax.random.key(0), (2**20,)))
    arrays = {}
    for tensor in gpt2.tensors(config):
        for name in headers.names(tensor, config.n_layers):
            values = np.resize(drawn, tensor.stored_shape)
            shifted = values + np.float32(tensor.role == "norm")
            arrays[f"transformer.{name}"] = shifted.astype(jax.numpy.dtype(dtype))
    directory.mkdir()
    safetensors.numpy.save_file(arrays, directory / "model.safetensors")
    (directory / "config.json").write_text(json.dumps(entries), encoding="utf-8")
    tokenizer = (model.EMBEDDED / "tokenizer.json").read_bytes()
    (directory / "tokenizer.json").write_bytes(tokenizer)


def load(directory: pathlib.Path, *, measured: bool) -> None:
    """Opens a model and perhaps measures it; prints seconds and the peak, in bytes."""
    import numpy as np

    from jaxdisp import measure, models
    from jaxdisp.measure.corpus import spread
    from jaxdisp.search import sweep

    began = time.perf_counter()
    model = models.load(directory)
    if measured:
        text = spread(measure.load_corpus(None, LANGUAGES), SENTENCES)
        both = [[0] * model.config.n_layers, [1] * model.config.n_layers]
        found = sweep.evaluate(model, text, both, [models.Quantizer()])
        np.asarray(found.nll)
    spent = time.perf_counter() - began
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux
    print(json.dumps([spent, peak]))


def child(*arguments: str) -> str:
    """Runs this script in a process of its own and returns what it prints."""
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    for dtype in MODELS:
        with tempfile.TemporaryDirectory() as place:
            directory = pathlib.Path(place) / "model"
            child("write", str(directory), dtype)
            size = (directory / "model.safetensors").stat().st_size
            print(f"\n{dtype}: {size / 1e9:.2f} GB, {MODELS[dtype]} layers")
            for name in ("load", "measure"):
                spent, peak = json.loads(child(name, str(directory)))
                print(
                    f"  {name:8s} {peak / 1e9:.2f} GB: {peak / size:.2f}x the "
                    f"checkpoint, {spent:.0f} s"
                )


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            main()
        case ["write", place, dtype]:
            write(pathlib.Path(place), dtype)
        case [name, place]:
            load(pathlib.Path(place), measured=name == "measure")

"""Time of one forward pass: jaxdisp against transformers on torch, same weights.

Random models saved by transformers and read here: GPT-2 small, a Llama, a Mamba and a
Mamba-2 of 12 layers and width 768, each on 12 sentences of 128 tokens, in float32.
`ratio` is torch's time over ours, each the least of several calls after a first, taken
in turns with the other; `difference` is the largest of their logits. A Mamba with
random weights magnifies rounding: torch is as far from itself in float64 as from ours.
Needs PyTorch and transformers, which `make .venv/.torch` installs.

    python benchmarks/forward_speed.py [model type ...]
"""

import importlib.util
import os
import pathlib
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp import models
from jaxdisp.models import model as opening

SENTENCES, TOKENS = 12, 128
TURNS = 4
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "GPT-2 small": ("gpt2", {}),
    "Llama 12 x 768": (
        "llama",
        {
            "hidden_size": 768,
            "intermediate_size": 2048,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "num_key_value_heads": 4,
        },
    ),
    "Mamba 12 x 768": ("mamba", {"hidden_size": 768, "num_hidden_layers": 12}),
    "Mamba-2 12 x 768": (
        "mamba2",
        {
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_heads": 24,
            "head_dim": 64,
            "n_groups": 1,
            "state_size": 128,
            "vocab_size": 50288,
        },
    ),
}


def seconds(function: Callable[[], Any]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def pair(kind: str, options: dict[str, Any], directory: pathlib.Path) -> Any:
    """A random model of transformers, and the same read here."""
    import torch
    import transformers

    torch.manual_seed(0)
    torch.set_num_threads(cores())
    config = transformers.AutoConfig.for_model(kind, **options)
    reference = transformers.AutoModelForCausalLM.from_config(config).eval()
    reference.save_pretrained(directory)
    for path in opening.EMBEDDED.glob("tokenizer*"):
        (directory / path.name).write_bytes(path.read_bytes())
    return reference, models.load(directory)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def measured(name: str, kind: str, options: dict[str, Any]) -> None:
    """Prints one line of the table."""
    import torch

    with tempfile.TemporaryDirectory() as directory:
        reference, model = pair(kind, options, pathlib.Path(directory))
    shape = (SENTENCES, TOKENS)
    tokens = np.asarray(
        jax.random.randint(jax.random.key(0), shape, 0, model.config.vocabulary)
    )
    found: dict[str, np.ndarray] = {}

    def ours() -> None:
        found["ours"] = np.asarray(models.logits(model, jnp.asarray(tokens)))

    def theirs() -> None:
        with torch.no_grad():
            given = torch.from_numpy(np.array(tokens, np.int64))
            found["theirs"] = reference(given, use_cache=False).logits.numpy()

    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(TURNS):
        times["ours"].append(seconds(ours))
        times["theirs"].append(seconds(theirs))
    here, there = (min(times[side][1:]) for side in ("ours", "theirs"))
    apart = np.max(np.abs(found["ours"] - found["theirs"]))
    print(
        f"{name:18}  {here:7.2f} s  {there:7.2f} s  {there / here:5.2f}x  "
        f"{times['ours'][0]:6.1f} s  {apart:.1e}",
        flush=True,
    )


def main() -> None:
    """Prints the table."""
    if not all(map(importlib.util.find_spec, ("torch", "transformers"))):
        print("needs PyTorch: `make .venv/.torch` installs it")
        return
    warnings.simplefilter("ignore")
    print(f"{SENTENCES} sentences x {TOKENS} tokens, float32, {cores()} cores")
    print("model                  ours      torch  ratio  first call  difference")
    only = sys.argv[1:]
    for name, (kind, options) in SHAPES.items():
        if not only or kind in only:
            measured(name, kind, options)


if __name__ == "__main__":
    main()

"""Time of all 220 protection sets of three layers: a torch loop, `vmap`, and the trie.

Random GPT-2s in the shape of GPT-2 small (12 layers, width 768, 50257 tokens) and of
the embedded model (12 layers, width 160, 6144 tokens), on 12 languages x 24 tokens.

torch    for every set: restore the weights, round the layers that are not protected to
         4 bits, evaluate language by language (4 sets are timed, and scaled; skipped
         without PyTorch and transformers, which `make .venv/.torch` installs)
oracle   `cube.batch_losses`: one scan over layers, versions chosen by `where`, several
         sets mapped by `vmap` (24 sets are timed for the large shape, and scaled)
engine   `search.engine`, on two batches at once as `search.sweep` does: cold is the
         first call, compilation and rounding the model included, without a cache of
         compiled programs; warm is the lesser of two more

The share of the peak is the operations of the engine's matrix products over its time,
against products of 1152 x 768 and 768 x 3072 just before and after; `layers` leaves the
readout out on both sides. Last, all 4096 sets against the 220 on the same sentences.

    python benchmarks/search_speed.py
"""

import dataclasses
import functools as ft
import importlib.util
import itertools
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp.measure import cube
from jaxdisp.models import decoder
from jaxdisp.models.architectures import gpt2
from jaxdisp.models.model import load
from jaxdisp.models.quantized import Quantizer, quantize
from jaxdisp.search import engine, passages, plan, trie, weights

LAYERS, LANGUAGES, TOKENS = 12, 12, 24
SHAPES = {
    "GPT-2 small": {"n_embd": 768, "n_head": 12, "vocab_size": 50257},
    "embedded": {"n_embd": 160, "n_head": 5, "vocab_size": 6144},
}
TORCH_SETS, ORACLE_SETS, TOGETHER = 4, 24, 8


def seconds(function: Callable[[], Any]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - start


def triples() -> np.ndarray:
    """The assignments that protect three layers."""
    sets = list(itertools.combinations(range(LAYERS), 3))
    sites = np.ones((len(sets), LAYERS + 1), int)
    np.put_along_axis(sites, np.array(sets), 0, axis=1)
    sites[:, -1] = 0
    return sites


def random_model(shape: dict[str, int]) -> Any:
    """The embedded model's record with random weights of another shape."""
    entries = {"n_layer": LAYERS, "n_positions": TOKENS, **shape}
    config = gpt2.read_config(entries)
    key = jax.random.key(0)
    leaves = {}
    for number, tensor in enumerate(gpt2.tensors(config)):
        sizes = (LAYERS, *tensor.shape) if tensor.stacked else tensor.shape
        noise = 0.02 * jax.random.normal(jax.random.fold_in(key, number), sizes)
        leaves[tensor.path] = noise + float(tensor.role == "norm")
    params = decoder.assemble(leaves)
    return dataclasses.replace(load(), config=config, params=params)


def peak() -> float:
    """Operations per second of a matrix product, the median of 20 calls."""
    m, k, n = 1152, 768, 3072
    left, right = jnp.ones((m, k)), jnp.ones((k, n))
    product = jax.jit(jnp.matmul)
    seconds(lambda: product(left, right))
    times = [seconds(lambda: product(left, right)) for _ in range(20)]
    return 2 * m * k * n / float(np.median(times))


def by_torch(model: Any, sites: np.ndarray, tokens: np.ndarray) -> tuple[Any, float]:
    """Losses of the first sets, and the time that all would take."""
    import torch
    import transformers

    config = gpt2.write_config(model.config)
    config |= {"bos_token_id": 0, "eos_token_id": 0}
    transformers.logging.set_verbosity_error()
    network = transformers.GPT2LMHeadModel(transformers.GPT2Config(**config)).eval()
    source = {}
    for tensor in model.architecture.tensors(model.config):
        value = np.asarray(decoder.leaf(model.params, tensor.path))
        for layer in range(LAYERS) if tensor.stacked else (0,):
            name = "transformer." + tensor.source.format(layer=layer)
            source[name] = torch.tensor(value[layer] if tensor.stacked else value)
    network.load_state_dict(source, strict=False)
    rows = [torch.tensor(row[None].astype(np.int64)) for row in tokens]

    def one(site: np.ndarray) -> list[float]:
        with torch.inference_mode():
            state = network.state_dict()
            for name, value in source.items():
                state[name].copy_(value)
            for layer, block in enumerate(network.transformer.h):
                if not site[layer]:
                    continue
                for matrix in (
                    block.attn.c_attn,
                    block.attn.c_proj,
                    block.mlp.c_fc,
                    block.mlp.c_proj,
                ):
                    step = matrix.weight.abs().max() / 7
                    codes = torch.clamp(torch.round(matrix.weight / step), -7, 7)
                    matrix.weight.copy_(codes * step)
            return [
                float(network(row, labels=row).loss) * (row.shape[1] - 1)
                for row in rows
            ]

    one(sites[0])
    start = time.perf_counter()
    losses = [one(site) for site in sites[:TORCH_SETS]]
    spent = time.perf_counter() - start
    return np.array(losses), spent * len(sites) / TORCH_SETS


def by_oracle(
    model: Any, sites: np.ndarray, tokens: np.ndarray, n_sets: int
) -> tuple[np.ndarray, float, float]:
    """Losses of the first sets; the time of all, and of their layers alone."""
    versions = (model.params, quantize(model, Quantizer()))
    mask = np.ones(tokens.shape, bool)
    chosen = jnp.asarray(sites[:n_sets])
    scale = len(sites) / n_sets

    def losses() -> Any:
        return cube.batch_losses(
            versions,
            chosen,
            tokens[None],
            mask[None],
            architecture=model.architecture,
            config=model.config,
            configs_at_once=TOGETHER,
        )

    @jax.jit
    def layers(versions: Any, chosen: Any) -> Any:
        blocks = tuple(version["blocks"] for version in versions)

        def one(site: Any) -> Any:
            def layer(state: Any, step: Any) -> Any:
                index, version, pair = step
                weights = decoder.select(version, pair)
                after, _ = gpt2.block(weights, state, index, model.config)
                return after, None

            state = gpt2.embed(versions[0]["outside"], tokens, model.config)
            steps = (jnp.arange(LAYERS), site[:-1], blocks)
            return jax.lax.scan(layer, state, steps)[0]

        return jax.lax.map(one, chosen, batch_size=TOGETHER)

    found = np.asarray(losses())[:, 0]
    jax.block_until_ready(layers(versions, chosen))
    whole = min(seconds(losses) for _ in range(2))
    alone = min(seconds(lambda: layers(versions, chosen)) for _ in range(2))
    return found, whole * scale, alone * scale


def by_engine(
    model: Any, sites: np.ndarray, tokens: np.ndarray
) -> tuple[np.ndarray, float, float, float, trie.Trie]:
    """Losses; the time of the first call, of a warm one, and of its layers alone."""
    texts = []
    for part in np.split(tokens, plan.threads()):
        mask = np.ones(part.shape, bool)
        n_rows = passages.rows_needed(mask)
        texts.append(passages.passage(part, mask, n_rows=n_rows))
    built = trie.build(sites)
    everything = np.ones(built.n_subsets, bool)
    mesh = jax.sharding.Mesh(np.array(jax.local_devices()[:1]), ("device",))

    def prepared() -> engine.Engine:
        return engine.Engine(
            architecture=model.architecture,
            config=model.config,
            weights=weights.copies(model, [Quantizer()]),
            mesh=mesh,
            rows=plan.ROWS["cpu"],
            most=64,
        )

    def one(ready: engine.Engine, text: passages.Passage) -> np.ndarray:
        found = np.zeros((built.n_subsets, len(text.tokens)), np.float32)
        for subsets, values in engine.losses(ready, built, text, everything):
            found[subsets] = values
        return found[built.places]

    def losses(ready: engine.Engine) -> np.ndarray:
        with futures.ThreadPoolExecutor(len(texts)) as pool:  # as `sweep.fill` does
            return np.hstack(list(pool.map(ft.partial(one, ready), texts)))

    def last(text: passages.Passage) -> list[Any]:
        found = engine.finals(ready, built, text, everything)
        return [states for _, states in found]

    def layers() -> list[Any]:
        with futures.ThreadPoolExecutor(len(texts)) as pool:
            return list(pool.map(last, texts))

    cold = seconds(lambda: losses(prepared()))
    ready = prepared()
    warm = min(seconds(lambda: losses(ready)) for _ in range(2))
    alone = min(seconds(layers) for _ in range(2))
    return losses(ready), cold, warm, alone, built


def compare(name: str, shape: dict[str, int]) -> None:
    """Prints times and ratios for one shape."""
    model, sites = random_model(shape), triples()
    size = (LANGUAGES, TOKENS)
    drawn = jax.random.randint(jax.random.key(1), size, 0, shape["vocab_size"])
    tokens = np.asarray(drawn, np.int32)
    before = peak()
    found, cold, warm, layers, built = by_engine(model, sites, tokens)
    highest = (before + peak()) / 2
    n_sets = len(sites) if name == "embedded" else ORACLE_SETS
    known, oracle, oracle_layers = by_oracle(model, sites, tokens, n_sets)
    n_nodes, width = trie.layer_evaluations(built), shape["n_embd"]
    per_token = n_nodes * 12 * width**2 * TOKENS
    per_token += len(sites) * width * shape["vocab_size"] * (TOKENS - 1)
    work = 2 * LANGUAGES * per_token
    print(f"\n{name}: {len(sites)} sets, {LANGUAGES} languages x {TOKENS} tokens")
    print(f"  layer evaluations      {n_nodes} (without sharing {sites[:, 1:].size})")
    print(f"  largest difference     {np.abs(found[:n_sets] - known).max():.1e} nats")
    print(f"  engine                 {warm:.2f} s warm, {cold:.2f} s cold")
    print(
        f"  share of matmul peak   {work / warm / highest:.2f} "
        f"of {highest / 1e9:.0f} GF/s"
    )
    print(
        f"  vmapped oracle         {oracle:.2f} s: {oracle / warm:.2f}x end to end, "
        f"layers {oracle_layers / layers:.2f}x"
    )
    if importlib.util.find_spec("torch") is None:
        print("  torch                  skipped: not installed (make .venv/.torch)")
        return
    known, spent = by_torch(model, sites, tokens)
    gap = np.abs(found[: len(known)] - known).max()
    print(
        f"  torch loop             {spent:.1f} s: {spent / warm:.1f}x warm, "
        f"{spent / cold:.1f}x cold (difference {gap:.1e} nats)"
    )


def compare_all(shape: dict[str, int]) -> None:
    """Prints what all subsets take, against those of three layers."""
    model, size = random_model(shape), (LANGUAGES, TOKENS)
    drawn = jax.random.randint(jax.random.key(1), size, 0, shape["vocab_size"])
    tokens = np.asarray(drawn, np.int32)
    every = np.array(list(itertools.product([0, 1], repeat=LAYERS)))
    some = by_engine(model, triples(), tokens)[2]
    found = by_engine(model, np.pad(every, ((0, 0), (0, 1))), tokens)
    n_nodes = trie.layer_evaluations(found[-1])
    print(
        f"\nall {len(every)} sets, {n_nodes} layer evaluations: {found[2]:.1f} s, "
        f"{found[2] / some:.1f}x the {len(triples())} sets of three"
    )


def main() -> None:
    for name, shape in SHAPES.items():
        compare(name, shape)
    compare_all(SHAPES["embedded"])


if __name__ == "__main__":
    main()

"""Time of every patch of 16 sentences: one compiled call against loops of patches.

The embedded model and its first English sentence of each text. A patch puts the state
after one of 12 layers at one token from the full-precision run into the quantized run,
or the other way round; every layer, every token from which another is predicted, both
directions. What is wanted is each patch's loss.

call     `patching.trace`: one compiled call for all of them
single   a jitted forward pass (`decoder.patched_logits`) for each patch of each
         sentence, with states kept from one pass of the donor, compiled beforehand
batched  the same for all 16 sentences at once, for each layer, token and direction
torch    the forward pass for each patch of each sentence in PyTorch with a hook after
         the layer, as TransformerLens and nnsight do it (skipped without PyTorch and
         transformers, which `make .venv/.torch` installs)

Loops are timed on some of their calls, evenly chosen, and scaled. All are warm.

    python benchmarks/patching_speed.py
"""

import functools as ft
import importlib.util
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp.claims import losses, subjects
from jaxdisp.measure import batches, cube
from jaxdisp.models import decoder, patching
from jaxdisp.models.architectures import gpt2

SENTENCES, SHAPES, CALLS = 16, 4, 96


def seconds(function: Callable[[], Any]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - start


def sheets(sentences: list[list[int]], n_layers: int) -> list[patching.Sheet]:
    """Sentences of similar length together, with every patch of them."""
    lengths = np.array([len(each) for each in sentences])
    classes = batches.padded_lengths(lengths, SHAPES)
    found = []
    for number, longest in enumerate(classes.tolist()):
        places = np.flatnonzero(np.searchsorted(classes, lengths) == number)
        tokens = np.zeros((len(places), longest), np.int32)
        for row, place in enumerate(places.tolist()):
            tokens[row, : lengths[place]] = sentences[place]
        entries = [
            (recipient, tap, 0, row, row, token, token + 1)
            for row, place in enumerate(places.tolist())
            for token in range(lengths[place] - 1)
            for tap in range(1, n_layers + 1)
            for recipient in (0, 1)
        ]
        names = ("recipient", "tap", "site", "sentence", "donor", "start", "stop")
        columns = np.array(entries, np.int32).T
        patches = patching.Patches(**dict(zip(names, columns, strict=True)))
        mask = np.arange(longest) < lengths[places, None]
        found.append(patching.Sheet(tokens=tokens, mask=mask, patches=patches))
    return found


def chosen(number: int) -> list[int]:
    """Some of so many calls, evenly."""
    return np.linspace(0, number - 1, min(number, CALLS)).astype(int).tolist()


def timed(calls: Sequence[Callable[[], Any]]) -> tuple[float, list[Any]]:
    """Time of all calls from that of some, run before once, and what these give."""
    some = [calls[place] for place in chosen(len(calls))]
    for call in some:
        jax.block_until_ready(call())  # every shape is compiled
    start = time.perf_counter()
    found = [np.asarray(call()) for call in some]
    return (time.perf_counter() - start) * len(calls) / len(some), found


class Forward:
    """A patched forward pass for each patch, as it is written by hand."""

    def __init__(self, model: Any, versions: Sequence[Any]) -> None:
        self.versions = versions
        self.full = jnp.zeros(model.config.n_layers + 1, jnp.int32)
        args = (model.architecture, model.config)

        @jax.jit
        def one(params: Any, tokens: Any, mask: Any, states: Any, where: Any) -> Any:
            version = (params,)
            logits = decoder.patched_logits(
                *args, version, self.full, tokens, states, where
            )
            return jnp.sum(decoder.token_losses(logits, tokens, mask), axis=1)

        self.one = one
        self.states = jax.jit(
            lambda params, tokens: decoder.hidden_states(
                *args, (params,), self.full, tokens
            )[0]
        )

    def calls(
        self, tokens: np.ndarray, mask: np.ndarray, n_layers: int
    ) -> list[Callable[[], Any]]:
        """One call for each layer, token and direction."""
        donors = [self.states(params, jnp.asarray(tokens)) for params in self.versions]

        def call(recipient: int, tap: int, token: int) -> Any:
            where = np.zeros((n_layers + 1, *tokens.shape), bool)
            where[tap, :, token] = True
            params, states = self.versions[recipient], donors[1 - recipient]
            return self.one(params, tokens, mask, states, where)

        return [
            ft.partial(call, recipient, tap, token)
            for token in range(tokens.shape[1] - 1)
            for tap in range(1, n_layers + 1)
            for recipient in (0, 1)
        ]


def by_torch(model: Any, versions: Sequence[Any], sentences: list[list[int]]) -> float:
    """Time of a hooked forward pass for every patch, from that of some."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    entries = gpt2.write_config(model.config)
    entries |= {"bos_token_id": 0, "eos_token_id": 0}
    networks = []
    for params in versions:
        network = transformers.GPT2LMHeadModel(transformers.GPT2Config(**entries))
        source = {}
        for tensor in model.architecture.tensors(model.config):
            value = np.asarray(decoder.leaf(params, tensor.path), np.float32)
            for layer in range(model.config.n_layers) if tensor.stacked else (0,):
                name = "transformer." + tensor.source.format(layer=layer)
                source[name] = torch.tensor(value[layer] if tensor.stacked else value)
        network.load_state_dict(source, strict=False)
        networks.append(network.eval())
    rows = [torch.tensor([each]) for each in sentences]

    def one(place: int, recipient: int, layer: int, token: int) -> Any:
        row, network = rows[place], networks[recipient]
        donor = states[1 - recipient][place]

        def put(_: Any, __: Any, output: Any) -> Any:
            after = (output[0] if isinstance(output, tuple) else output).clone()
            after[0, token] = donor[layer + 1][0, token]
            return (after, *output[1:]) if isinstance(output, tuple) else after

        hook = network.transformer.h[layer].register_forward_hook(put)
        loss = float(network(row, labels=row, use_cache=False).loss)
        hook.remove()
        return loss * (row.shape[1] - 1)

    with torch.inference_mode():
        states = [
            [n(row, output_hidden_states=True).hidden_states for row in rows]
            for n in networks
        ]
        patches = [
            ft.partial(one, place, recipient, layer, token)
            for place, each in enumerate(sentences)
            for token in range(len(each) - 1)
            for layer in range(model.config.n_layers - 1)  # the last is normed there
            for recipient in (0, 1)
        ]
        spent = timed(patches)[0]
    return spent * model.config.n_layers / (model.config.n_layers - 1)


def main() -> None:
    subject = subjects.open_subject(languages=("en",), few=SENTENCES)
    model, n_layers = subject.model, subject.model.config.n_layers
    versions = tuple(
        decoder.as_type(params, jnp.dtype(jnp.float32))
        for params in (model.params, losses.rounded(subject))
    )
    sentences = cube.encode(model, subject.few)[0]
    runs = np.zeros((2, n_layers + 1), int)
    runs[1, :-1] = 1
    given = sheets(sentences, n_layers)
    args = (model.architecture, model.config, versions, runs, given)

    def everything() -> list[patching.Traced]:
        return patching.trace(*args)

    cold = seconds(everything)
    warm = min(seconds(everything) for _ in range(2))
    total = sum(len(sheet.patches.tap) for sheet in given)

    hand = Forward(model, versions)
    calls = [
        call
        for each in sentences
        for call in hand.calls(
            np.array([each], np.int32), np.ones((1, len(each)), bool), n_layers
        )
    ]
    single, found = timed(calls)
    expected = _losses(everything(), given, sentences)
    gap = max(
        abs(float(one[0]) - expected[place])
        for one, place in zip(found, chosen(len(calls)), strict=True)
    )
    longest = max(map(len, sentences))
    tokens = np.zeros((len(sentences), longest), np.int32)
    for row, each in enumerate(sentences):
        tokens[row, : len(each)] = each
    mask = np.arange(longest) < np.array([[len(each)] for each in sentences])
    batched = timed(hand.calls(tokens, mask, n_layers))[0]
    print(f"{total} patches of {len(sentences)} sentences, {n_layers} layers")
    print(f"  one call      {warm:7.1f} s warm, {cold:.1f} s with compilation")
    print(
        f"  single        {single:7.1f} s: {single / warm:.1f}x warm, "
        f"{single / cold:.1f}x cold (difference {gap:.1e} nats)"
    )
    print(f"  batched by 16 {batched:7.1f} s: {batched / warm:.1f}x warm")
    if importlib.util.find_spec("torch") is None:
        print("  torch         skipped: not installed (make .venv/.torch)")
        return
    spent = by_torch(model, versions, sentences)
    print(f"  torch         {spent:7.1f} s: {spent / warm:.1f}x warm")


def _losses(
    traced: list[patching.Traced],
    given: list[patching.Sheet],
    sentences: list[list[int]],
) -> list[float]:
    """Losses in the order of the single calls."""
    found = {}
    for each, sheet in zip(traced, given, strict=True):
        p = sheet.patches
        own = each.losses[p.recipient, p.sentence] + each.changes
        for loss, row, *rest in zip(
            own, p.sentence, p.start, p.tap, p.recipient, strict=True
        ):
            length = int(sheet.mask[row].sum())
            text = tuple(sheet.tokens[row, :length].tolist())
            found[text, *map(int, rest)] = float(loss)
    n_layers = int(given[0].patches.tap.max())
    return [
        found[tuple(each), token, tap, recipient]
        for each in sentences
        for token in range(len(each) - 1)
        for tap in range(1, n_layers + 1)
        for recipient in (0, 1)
    ]


if __name__ == "__main__":
    main()

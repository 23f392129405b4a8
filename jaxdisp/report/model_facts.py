"""Which models are read, and what one of them is, as lines of text and as JSON."""

import dataclasses
from typing import Any

from jaxdisp.models.architectures import registry
from jaxdisp.models.inspection import Facts
from jaxdisp.report import tables


def supported() -> list[dict[str, str]]:
    """Lists the families that are read.

    Reference: our own definition.
    """
    return [
        {"model_type": kind, "models": architecture.models}
        for kind, architecture in registry.ARCHITECTURES.items()
    ]


def supported_lines() -> list[str]:
    """Writes the families that are read for a terminal.

    Reference: our own definition.
    """
    rows = [list(row.values()) for row in supported()]
    return [
        tables.aligned(("model_type", "models"), rows, words=(0, 1)),
        "\nDirectories and hub ids in Hugging Face format, weights in safetensors. "
        "Refused by name:\nmixtures of experts, encoders, encoders with decoders, "
        "and options that are not implemented.",
    ]


def content(facts: Facts) -> dict[str, Any]:
    """Writes what a checkpoint is as JSON.

    Args:
        facts: about it.

    Reference: our own definition.
    """
    found = dataclasses.asdict(facts)
    return found | {"largest_kurtosis": max(facts.kurtosis)}


def lines(facts: Facts) -> list[str]:
    """Writes what a checkpoint is for a terminal.

    Args:
        facts: about it.

    Reference: our own definition.
    """
    types = ", ".join(
        f"{name} ({tables.size(size)})" for name, size in facts.types.items()
    )
    head = "is the token embedding" if facts.tied else "has weights of its own"
    context = "no limit" if facts.context is None else f"{facts.context} tokens"
    shown = [
        f"{facts.source}: {facts.architecture}",
        f"layers      {facts.n_layers} of width {facts.width}",
        f"parameters  {facts.parameters:,}",
        f"bytes       {tables.size(facts.file_bytes)}, stored as {types}",
        f"vocabulary  {facts.vocabulary} tokens, texts start with {facts.start!r}",
        f"head        {head}",
        f"context     {context}",
        "",
    ]
    rows = [
        [str(layer), f"{kurtosis:.2f}", *_heaviest(facts, layer)]
        for layer, kurtosis in enumerate(facts.kurtosis)
    ]
    header = ("layer", "excess kurtosis", "heaviest matrix", "its own")
    largest = max(facts.kurtosis)
    return [
        *shown,
        tables.aligned(header, rows, words=(2,)),
        f"\nLargest of a layer: {largest:.2f}, in layer "
        f"{facts.kurtosis.index(largest)}. All weights of a layer's matrices together; "
        "a Gaussian has 0.",
    ]


def _heaviest(facts: Facts, layer: int) -> tuple[str, str]:
    by_matrix = {name: found[layer] for name, found in facts.matrices.items()}
    name = max(by_matrix, key=by_matrix.__getitem__)
    short = name.split("{layer}.")[-1].removesuffix(".weight")
    return short, f"{by_matrix[name]:.2f}"

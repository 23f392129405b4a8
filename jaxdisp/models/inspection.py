"""What a checkpoint is, read from its files layer by layer without running it."""

import dataclasses
import pathlib
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from jaxdisp.models import checkpoint, decoder, vocabulary
from jaxdisp.models.model import find, source_name
from jaxdisp.quant import moments

Moments = moments.Moments


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """Sizes of a checkpoint, and how heavy the tails of its weights are.

    `context` is None where there is no longest sequence; `types` are those that numbers
    are stored in, with how many bytes each takes up. `kurtosis` is the excess kurtosis
    of all weights of a layer's matrices together, `matrices` that of each matrix, by
    its name in the checkpoint and layer.
    """

    source: str
    architecture: str
    n_layers: int
    width: int
    context: int | None
    vocabulary: int
    tied: bool
    parameters: int
    file_bytes: int
    types: dict[str, int]
    start: str
    kurtosis: tuple[float, ...]
    matrices: dict[str, tuple[float, ...]]


def inspect(
    source: str | pathlib.Path | None = None,
    revision: str | None = None,
    *,
    advance: Callable[[], object] = int,
) -> Facts:
    """Reads what a checkpoint is.

    Definition: sizes as its `config.json` and the headers of its files say them; of
    every matrix of the layers the excess kurtosis `moments.excess_kurtosis` in float64.

    Args:
        source: a directory, or a hub id such as `gpt2`; None is the embedded model.
        revision: branch, tag or commit of a hub id.
        advance: called after each layer.

    Raises:
        ValueError: if it cannot be found, is damaged, or is of an unknown architecture.

    Reference: our own definition.
    """
    directory, architecture, config = find(source, revision)
    opened = checkpoint.open_files(directory, architecture, config)
    tokenizer = vocabulary.open_vocabulary(directory)
    start = vocabulary.start_token(tokenizer, directory, config.vocabulary)
    tensors = architecture.tensors(config)
    matrices = [t for t in tensors if t.stacked and t.role == "matrix"]
    found: list[dict[str, Moments]] = []
    for layer in range(config.n_layers):
        found.append(
            {
                tensor.source: moments.moments(
                    jnp.asarray(checkpoint.read(opened, tensor, layer).ravel())
                )
                for tensor in matrices
            }
        )
        advance()
    return Facts(
        source=source_name(source),
        architecture=architecture.name,
        n_layers=config.n_layers,
        width=config.width,
        context=None if config.context >= decoder.UNLIMITED else config.context,
        vocabulary=config.vocabulary,
        tied=config.tied,
        parameters=sum(
            int(np.prod(tensor.shape)) * (config.n_layers if tensor.stacked else 1)
            for tensor in tensors
        ),
        file_bytes=sum(p.stat().st_size for p in checkpoint.weight_files(directory)),
        types=checkpoint.stored_types(opened),
        start=tokenizer.id_to_token(start) or str(start),
        kurtosis=tuple(_pooled(list(layer.values())) for layer in found),
        matrices={
            tensor.source: tuple(
                float(moments.excess_kurtosis(layer[tensor.source])) for layer in found
            )
            for tensor in matrices
        },
    )


def _pooled(parts: list[Moments]) -> float:
    total = parts[0]
    for part in parts[1:]:
        total = moments.merge(total, part)
    return float(moments.excess_kurtosis(total))

"""Skeletons: the shape and the names of a model, without its weights."""

import dataclasses
import functools as ft
import hashlib
import pathlib
import types
from collections.abc import Mapping
from typing import Any, Literal

from jaxdisp.models import checkpoint, decoder, headers, vocabulary
from jaxdisp.models import modules as named
from jaxdisp.models.model import digest, find, source_name
from jaxdisp.report.plans import plan as plans

Kind = Literal["Linear", "Conv1D", "Embedding"]
CHEAP = 2**32
"""Bytes of weights that are hashed to see whether a plan is for a model."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Skeleton:
    """A model whose weights were not read: its files, its family and its shape."""

    source: str | None
    revision: str | None
    directory: pathlib.Path
    architecture: decoder.Architecture
    config: Any

    @property
    def name(self) -> str:
        """The model as messages name it."""
        return source_name(self.source)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Module:
    """A module of a model that a toolkit might round, as transformers builds it.

    `kind` is the name of its class or of the one it inherits from; `layer` is None
    outside the layers; `width` counts what one output is a sum of; `tied_to` names the
    embedding whose weights the module shares.
    """

    name: str
    kind: Kind
    layer: int | None
    tensor: decoder.Tensor
    width: int
    tied_to: str | None = None


def open_skeleton(source: str | None, revision: str | None = None) -> Skeleton:
    """Finds a model and reads its `config.json`.

    Args:
        source: a directory, or a hub id; None is the embedded model.
        revision: branch, tag or commit of a hub id.

    Raises:
        ValueError: if it cannot be found, or is of an unknown architecture.

    Reference: our own definition.
    """
    directory, architecture, config = find(source, revision)
    return Skeleton(
        source=source,
        revision=revision,
        directory=directory,
        architecture=architecture,
        config=config,
    )


@ft.lru_cache(maxsize=4)
def modules(skeleton: Skeleton) -> Mapping[str, Module]:
    """Lists the modules that a toolkit might round: matrices, embeddings, the head.

    Definition: those whose weights are matrices, in the order of the layers, then those
    outside; a head that shares the weights of an embedding is among them.

    Args:
        skeleton: the model.

    Reference: names as in transformers, of models with a head for language modelling.
    """
    architecture, config = skeleton.architecture, skeleton.config
    found = [
        _module(name, tensor, layer if tensor.stacked else None)
        for name, tensors in named.modules(architecture, config).items()
        for tensor, layer in tensors
        if tensor.role in ("matrix", "embedding", "head")
    ]
    if config.tied:
        found.append(_tied_head(skeleton, found))
    outside = skeleton.config.n_layers
    found.sort(key=lambda each: outside if each.layer is None else each.layer)
    return types.MappingProxyType({each.name: each for each in found})


def _module(name: str, tensor: decoder.Tensor, layer: int | None) -> Module:
    if tensor.role == "matrix":
        # input-first as torch's Linear is not, and transformers' Conv1D is
        kind: Kind = "Linear" if tensor.transposed else "Conv1D"
    elif tensor.role == "embedding" and not tensor.transposed:
        kind = "Embedding"
    else:
        kind = "Linear"
    width = tensor.shape[0 if tensor.channel_axis in (-1, 1) else 1]
    return Module(name=name, kind=kind, layer=layer, tensor=tensor, width=width)


def _tied_head(skeleton: Skeleton, found: list[Module]) -> Module:
    architecture = skeleton.architecture
    untied = dataclasses.replace(skeleton.config, tied=False)
    name, ((head, _),) = next(
        (name, tensors)
        for name, tensors in named.modules(architecture, untied).items()
        if tensors[0][0].path == named.HEAD
    )
    embedding = next(
        each.name
        for each in found
        if each.tensor.path == ("outside", "token_embedding")
    )
    return Module(
        name=name,
        kind="Linear",
        layer=None,
        tensor=head,
        width=head.shape[1],
        tied_to=embedding,
    )


def other_names(skeleton: Skeleton) -> frozenset[str]:
    """Lists names that are of no module that a toolkit might round.

    Definition: the other modules with parameters, and those that hold modules.

    Args:
        skeleton: the model.

    Reference: our own definition.
    """
    there = named.modules(skeleton.architecture, skeleton.config)
    parts = [name.split(".") for name in there]
    holders = {".".join(each[:n]) for each in parts for n in range(1, len(each))}
    return frozenset((holders | set(there)) - set(modules(skeleton)))


def target(skeleton: Skeleton) -> plans.Target:
    """Describes a model as plans do, by the hashes of its files.

    Args:
        skeleton: the model.

    Raises:
        ValueError: if weights or tokenizer are missing or damaged, or the weights are
            not those of its `config.json`.

    Reference: as `plan.target`.
    """
    directory, architecture = skeleton.directory, skeleton.architecture
    checkpoint.open_files(directory, architecture, skeleton.config)
    tokenizer = vocabulary.open_vocabulary(directory)
    return plans.Target(
        source=skeleton.source,
        revision=skeleton.revision,
        architecture=architecture.name,
        n_layers=skeleton.config.n_layers,
        hashes={
            "weights": digest(checkpoint.weight_files(directory)),
            "tokenizer": hashlib.sha256(tokenizer.to_str().encode()).hexdigest(),
        },
    )


def check(plan: plans.Plan, skeleton: Skeleton) -> tuple[str, ...]:
    """Checks that a plan is for a model, as far as that is known without its weights.

    Definition: architecture and number of layers; the hash of the weights where they
    are there and have no more than `CHEAP` bytes.

    Args:
        plan: the plan.
        skeleton: the model.

    Raises:
        ValueError: if it is for another model, or names a module that is not there.

    Returns:
        What was not checked, in words.

    Reference: our own definition.
    """
    found: Mapping[str, Any] = {
        "architecture": (plan.model.architecture, skeleton.architecture.name),
        "number of layers": (plan.model.n_layers, skeleton.config.n_layers),
    }
    weights, unchecked = _weights(skeleton)
    if weights is not None:
        found |= {"weights (SHA-256)": (plan.model.hashes["weights"], weights)}
    for what, (wanted, got) in found.items():
        if wanted != got:
            raise ValueError(
                f"the plan is for another model ({source_name(plan.model.source)}): "
                f"its {what} is {wanted}, that of {skeleton.name} is {got}; give the "
                "model of the plan as --model"
            )
    there = named.modules(skeleton.architecture, skeleton.config)
    if missing := [name for name in plan.exceptions if name not in there]:
        raise ValueError(
            f"exceptions of the plan: the model has no module {', '.join(missing)}"
        )
    return unchecked


def _weights(skeleton: Skeleton) -> tuple[str | None, tuple[str, ...]]:
    try:
        files = checkpoint.weight_files(skeleton.directory)
        headers.read_headers(files)
    except ValueError:
        return None, (
            f"{skeleton.name} has no weights that can be read: whether they are those "
            "of the plan was not checked",
        )
    size = sum(path.stat().st_size for path in files)
    if size > CHEAP:
        return None, (
            f"the weights of {skeleton.name} have {size / 2**30:.1f} GiB: whether they "
            "are those of the plan was not checked",
        )
    return digest(files), ()

"""Files of weights written again as a plan makes them, tensor by tensor.

A model is so never held in memory, and what is no parameter stays as it is.
"""

import dataclasses
import pathlib
import re
from collections.abc import Callable, Iterator

import jax.numpy as jnp
import numpy as np
import safetensors

from jaxdisp.models import checkpoint, decoder, headers, streamed
from jaxdisp.models.model import Model
from jaxdisp.report.plans import dequantized
from jaxdisp.report.plans import plan as plans

TYPES = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}
"""Types that weights are written in, by their names in safetensors."""
TIED_HEAD = re.compile(r"(.*\.)?lm_head\.weight")
Advance = Callable[[int], object]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Rewritten:
    """What files are written again by; `places` has parameters by their short names."""

    plan: plans.Plan
    model: Model
    opened: checkpoint.Checkpoint
    places: dict[str, tuple[decoder.Tensor, int]]
    dtype: str


def open_source(
    plan: plans.Plan, model: Model, directory: pathlib.Path, dtype: str
) -> Rewritten:
    """Opens the files of a source, and finds its parameters in them.

    Args:
        plan: for the model.
        model: what they hold; its weights are not needed.
        directory: of the files.
        dtype: of the weights that will be written.

    Raises:
        ValueError: if the type is none of these, or a file is damaged.

    Reference: our own definition.
    """
    if dtype not in TYPES:
        raise ValueError(f"dtype must be one of {', '.join(TYPES)}, got {dtype}")
    architecture, config = model.architecture, model.config
    return Rewritten(
        plan=plan,
        model=model,
        opened=checkpoint.open_files(directory, architecture, config),
        places={
            name: (tensor, layer)
            for tensor in architecture.tensors(config)
            for layer, name in enumerate(headers.names(tensor, config.n_layers))
        },
        dtype=dtype,
    )


def write_file(
    how: Rewritten, path: pathlib.Path, fresh: pathlib.Path, advance: Advance
) -> dict[str, int]:
    """Writes one file of weights again.

    Definition: every parameter as `dequantized.quantizer_of` says, in the type that was
    asked for; a second copy of tied weights is left out, and what is no parameter is as
    it was.

    Args:
        how: the plan, the model and the type.
        path: the file.
        fresh: what is written.
        advance: called with the number of tensors written since the last call.

    Raises:
        ValueError: if a value overflows the type, or is not finite.
        OSError: if it cannot be written.

    Returns:
        The bytes of each tensor.

    Reference: our own definition.
    """
    prefix = how.model.architecture.prefix
    stored = headers.read_headers([path])
    kept = {
        name: name.removeprefix(prefix)
        for name in stored
        if not (how.model.config.tied and TIED_HEAD.fullmatch(name))
    }
    tensors = [
        streamed.Planned(
            name=name,
            dtype=TYPES[how.dtype] if short in how.places else stored[name].dtype,
            shape=stored[name].shape,
        )
        for name, short in kept.items()
    ]

    def data() -> Iterator[bytes]:
        with safetensors.safe_open(path, "np") as file:
            for name, short in kept.items():
                if short in how.places:
                    yield streamed.bytes_of(_parameter(how, short))
                else:
                    yield streamed.bytes_of(file.get_tensor(name))
                advance(1)

    streamed.write_file(fresh, tensors, data())
    return {each.name: streamed.size(each) for each in tensors}


def _parameter(how: Rewritten, short: str) -> np.ndarray:
    """One parameter of one layer as the plan makes it, laid out as in the file."""
    tensor, layer = how.places[short]
    value = checkpoint.read(how.opened, tensor, layer)
    quantizer = dequantized.quantizer_of(how.plan, how.model, tensor, layer)
    with np.errstate(over="ignore"):  # what overflows is refused below
        wide = value.astype(np.float32)
        if quantizer is not None:
            wide = np.asarray(dequantized.rounded(wide, tensor, quantizer))
        found = wide.astype(jnp.dtype(how.dtype))
    if not np.all(np.isfinite(found)):
        raise ValueError(
            f"{short} does not fit into {how.dtype}; write another --dtype"
        )
    return found.T if tensor.transposed else found.reshape(tensor.stored_shape)

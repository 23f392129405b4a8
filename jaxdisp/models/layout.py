"""Layouts: short ways to write which parameters a family has, and where they are kept.

A `source` is the name in a checkpoint, without its last part; for parameters of the
layers it has a `{layer}` slot.
"""

from jaxdisp.models.decoder import Path, Role, Tensor


def matrix(
    path: Path,
    source: str,
    shape: tuple[int, int],
    *,
    bias: bool,
    transposed: bool = True,
) -> tuple[Tensor, ...]:
    """Lists a matrix, and its bias where it has one.

    Args:
        path: of the pair here.
        source: of the pair in a checkpoint.
        shape: inputs and outputs.
        bias: whether there is one.
        transposed: whether checkpoints store the outputs first, as `torch.nn.Linear`.

    Reference: our own definition.
    """
    weight = Tensor(
        path=(*path, "weight"),
        source=f"{source}.weight",
        shape=shape,
        role="matrix",
        transposed=transposed,
    )
    return (weight, *_bias(path, source, shape[1])) if bias else (weight,)


def norm(
    path: Path, source: str, width: int, *, bias: bool, gain: bool = True
) -> tuple[Tensor, ...]:
    """Lists the gain of a normalization, and its bias where it has one.

    Args:
        path: of the pair here.
        source: of the pair in a checkpoint.
        width: numbers in each.
        bias: whether there is one.
        gain: whether there is one.

    Reference: our own definition.
    """
    weight = Tensor(
        path=(*path, "weight"), source=f"{source}.weight", shape=(width,), role="norm"
    )
    found = (weight,) if gain else ()
    return (*found, *_bias(path, source, width)) if bias else found


def table(path: Path, source: str, shape: tuple[int, int], role: Role) -> Tensor:
    """Lists a table with one row per token or position.

    Args:
        path: here.
        source: in a checkpoint, `.weight` left out.
        shape: rows, and numbers in each.
        role: `embedding` or `head`.

    Reference: our own definition.
    """
    return Tensor(
        path=path,
        source=f"{source}.weight",
        shape=shape,
        role=role,
        channel_axis=0,
    )


def _bias(path: Path, source: str, width: int) -> tuple[Tensor, ...]:
    found = Tensor(
        path=(*path, "bias"), source=f"{source}.bias", shape=(width,), role="bias"
    )
    return (found,)

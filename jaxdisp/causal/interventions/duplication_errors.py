"""Errors of what matrices and layers give, by the number of copies that they read."""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jaxdisp.causal.interventions.duplication import Rounding, duplicated
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure.layer_errors import OutputErrors, layer_errors
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer

COPIES = (1, 2, 4, 8, 16)
ROUNDINGS: tuple[Rounding, ...] = ("stochastic", "deterministic")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DuplicationErrors:
    """Relative squared errors of outputs, and what the copies' errors have in common.

    `outputs` names what is given: `layer`, or the path of a matrix. `relative` is as in
    `layer_errors`, averaged over draws, by rounding (stochastic, then deterministic),
    number of copies (the first is 1), output and layer. `correlation` is that of the
    errors which two single roundings make in the output: T1b's rho for copies that
    share equally, 1 where both make the same.
    """

    copies: tuple[int, ...]
    outputs: tuple[str, ...]
    relative: Float[np.ndarray, "rounding copies output layer"]
    correlation: Float[np.ndarray, "rounding output layer"]


def duplication_errors(
    model: Model,
    corpus: corpora.Corpus,
    quantizer: Quantizer,
    *,
    key: PRNGKeyArray,
    copies: Sequence[int] = COPIES,
    draws: int = 2,
    stride: int | None = None,
) -> DuplicationErrors:
    """Measures how errors fall with copies of the channels that matrices read.

    Definition: `layer_errors` of `duplicated` parameters, from undisturbed states. Of a
    matrix, whose output is a weighted sum, `rho + (1 - rho) / m` foretells the ratio to
    one copy (`duplication.predicted_share`), rho being of roundings that have no part
    in the errors beside it. A layer has matrices in series: where errors are large, the
    products of two of them count, which fall as 1/m^2, and the ratio is less than that.

    Args:
        model: an open model.
        corpus: parallel text.
        quantizer: how to round, and what.
        key: of the draws.
        copies: numbers of copies, ascending from 1.
        draws: how often everything stochastic is repeated.
        stride: of windows, in tokens; None is half of the context.

    Raises:
        ValueError: if the numbers of copies do not ascend from 1, or there is no draw.

    Reference: our own definition.
    """
    if not copies or copies[0] != 1 or any(np.diff(copies) < 1):
        raise ValueError(f"copies must ascend from 1, got {list(copies)}")
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    names: tuple[str, ...] = ()
    relative, correlation = [], []
    for rounding in ROUNDINGS:
        repeats = []
        for draw in range(draws if rounding == "stochastic" else 1):
            measured, single, other = jax.random.split(jax.random.fold_in(key, draw), 3)
            plan = [(m, measured) for m in copies] + [(1, single), (1, other)]
            versions = [
                duplicated(model, quantizer, copies=m, rounding=rounding, key=own)
                for m, own in plan
            ]
            errors = layer_errors(model, corpus, versions, stride=stride)
            names = tuple("/".join(path).removeprefix("blocks/") for path in errors)
            repeats.append(list(errors.values()))
        relative.append(
            np.mean([[e.relative[:-2] for e in each] for each in repeats], axis=0)
        )
        correlation.append(
            np.mean([[_correlation(e) for e in each] for each in repeats], axis=0)
        )
    return DuplicationErrors(
        copies=tuple(copies),
        outputs=names,
        relative=np.swapaxes(relative, 1, 2),
        correlation=np.stack(correlation),
    )


def _correlation(errors: OutputErrors) -> Float[np.ndarray, " layer"]:
    """Of the last two versions; NaN where one of them makes no error."""
    products = errors.products[:, -2:, -2:]
    size = np.sqrt(products[:, 0, 0] * products[:, 1, 1])
    return products[:, 0, 1] / np.where(size > 0, size, np.nan)

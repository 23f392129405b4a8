"""Duplication: redundancy set by force, with the function of the model unchanged.

A matrix reads its input channels. Give it m copies of each and divide its weights by m:
it computes what it did, yet each of its outputs is read from m times as many channels,
so that the participation R of its readouts is m times what it was. What rounding then
does to it depends on the rounding. To the nearest level, all copies of a weight make
the same error, of which nothing is averaged away. Rounded stochastically, each for
itself, their errors are independent, and the squared error of the output falls as 1/m.

The wide matrix need not be laid out: on m copies of the same input its m blocks act as
their sum, so that one matrix of the old size does what the wide one would.
"""

import dataclasses
import functools as ft
from collections.abc import Collection, Sequence
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jaxdisp.causal.interventions.intervention import Intervention
from jaxdisp.causal.variables import variables
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import readings
from jaxdisp.measure.cube import encode, evaluate
from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import (
    Quantizer,
    grouping_of,
    is_included,
    round_tensor,
    tensor_ranges,
)
from jaxdisp.quant import grids
from jaxdisp.quant.stochastic_rounding import mean_of_roundings

DRAWS = 2
"""Of each set of rounded parameters, over which losses are averaged."""

Rounding = Literal["stochastic", "deterministic"]
READOUTS = frozenset({"matrix", "head"})
"""Roles of the parameters that read channels, whose copies can therefore be read."""


def duplicated(
    model: Model,
    quantizer: Quantizer,
    *,
    copies: int,
    rounding: Rounding,
    key: PRNGKeyArray,
    only: Collection[decoder.Path] | None = None,
) -> decoder.Parameters:
    """Rounds a model each of whose matrices reads several copies of its channels.

    Definition: an included matrix W becomes `sum_j Q_j(W / m)`, m the copies, Q_j the
    rounding of copy j to the grid of `W / m`. That grid is the wide matrix's own where
    nothing is clipped (`absmax`) and copies stand in groups of their own, as they do
    tensor by tensor, channel by channel, or if the size of groups divides the number of
    channels. Other included parameters, of which no copies can be read (embeddings,
    gains), are rounded once. All matrices are duplicated by default: only so is all of
    the error that a layer makes in its readouts, and a layer's error falls as 1/m. The
    readouts of hidden neurons alone (`mlp/down`) would leave the rest as it is.

    Args:
        model: an open model.
        quantizer: how to round, and what.
        copies: how many of each channel, at least 1, which changes no matrix's width.
        rounding: `stochastic`, by draws of their own, or `deterministic`, to nearest.
        key: of the draws; copy j of a parameter has the same draws whatever m is.
        only: paths of the matrices to duplicate; None is all that are included.

    Returns:
        Parameters of the old shapes.

    Raises:
        ValueError: if there is no copy, the rounding is unknown, a path is of no
            matrix, or an entry of the quantizer is not allowed.

    Reference: our own definition; the doubling of units that keeps a network's function
        is Chen, Goodfellow and Shlens 2016, arXiv:1511.05641, section 2.2.
    """
    tensors = model.architecture.tensors(model.config)
    _check(copies, rounding, only, tensors)
    chosen = {t.path for t in tensors if t.role in READOUTS}
    if only is not None:
        chosen &= set(only)
    leaves = {}
    for number, tensor in enumerate(tensors):
        value = decoder.leaf(model.params, tensor.path)
        if is_included(tensor, quantizer, tied=model.config.tied):
            m = copies if tensor.path in chosen else 1
            own = jax.random.fold_in(key, number)
            wide = value.astype(jnp.float32)
            value = _summed(wide, tensor, quantizer, m, rounding, own)
            value = value.astype(model.dtype)
        leaves[tensor.path] = value
    return decoder.assemble(leaves)


def predicted_share(
    correlation: Float[np.ndarray, "*batch"], copies: int
) -> Float[np.ndarray, "*batch"]:
    """Says what is left of a readout's squared error with several copies of channels.

    Definition: `rho + (1 - rho) / m`: the ratio of `rho + (1 - rho) / R` at R = m, the
    copies sharing equally in the readout, to that at R = 1. Errors of copies correlate
    with rho.

    Args:
        correlation: rho, of the errors of two copies.
        copies: m.

    Reference: our own definition; the variance of a mean of m correlated variables.
    """
    return correlation + (1 - correlation) / copies


def carry_out(
    model: Model,
    corpus: corpora.Corpus,
    quantizer: Quantizer,
    *,
    tap: int,
    reference: int,
    key: PRNGKeyArray,
    copies: Sequence[int] = (2, 8),
    undisturbed: readings.Readings | None = None,
) -> tuple[Intervention, ...]:
    """Duplicates what matrices read, and measures what rounding then costs.

    Definition: D before is of single stochastic roundings, after of `duplicated`
    parameters, each averaged over draws; in full precision all are the same function. R
    after is m times R before: the final readout has m copies of its channels, too, so
    that `readout_participation` of the wide network is that exactly; the head being in
    full precision, nothing of D comes from there, but from the readouts in the layers,
    whose participation is multiplied alike. T and A are as they were. Rounding to the
    nearest level, with as many copies as the most, is the case in which theory has R
    multiplied to no avail; both its sides are rounded so. The placebo leaves single
    channels and rounds them by other draws.

    Args:
        model: an open model.
        corpus: parallel text.
        quantizer: how to round, and what; outside the layers nothing is rounded.
        tap: whose states make A.
        reference: the language to which T is relative, by its place.
        key: of the draws.
        copies: m of each intervention, at least 2.
        undisturbed: readings of the same text at the same tap; None reads them.

    Returns:
        One for each of the numbers of copies, then with rounding to the nearest level,
        then the placebo.

    Raises:
        ValueError: if a number of copies is below 2, or as
            `duplicated`, `readings.read` and `variables`.

    Reference: our own definition.
    """
    if not copies or min(copies) < 2:
        raise ValueError(f"copies must be at least 2, got {list(copies)}")
    everything = np.ones((1, model.config.n_layers), np.int32)
    if undisturbed is None:
        encoded = encode(model, corpus)
        undisturbed = readings.read(model, encoded, model.params, tap=tap)
    always = undisturbed

    def read(m: int, rounding: Rounding, own: PRNGKeyArray) -> readings.Readings:
        params = duplicated(model, quantizer, copies=m, rounding=rounding, key=own)
        rounded = evaluate(model, corpus, everything, [params]).nll[0]
        return dataclasses.replace(always, rounded=np.asarray(rounded))

    def averaged(m: int, own: PRNGKeyArray) -> readings.Readings:
        found = [read(m, "stochastic", each) for each in jax.random.split(own, DRAWS)]
        mean = np.mean([each.rounded for each in found], axis=0)
        return dataclasses.replace(always, rounded=mean)

    def changed(
        kind: str, m: int, sides: tuple[readings.Readings, readings.Readings]
    ) -> Intervention:
        before, after = (variables(side, reference=reference) for side in sides)
        return Intervention(
            target="R",
            kind=kind,
            amount=float(m),
            unit="copies",
            placebo=m == 1,
            languages=corpus.languages,
            groups=corpus.groups,
            before=before,
            after=after | {"R": m * after["R"]},
        )

    drawn, other = jax.random.split(key)
    single, most = averaged(1, drawn), max(copies)
    nearest = (read(1, "deterministic", key), read(most, "deterministic", key))
    return (
        *(
            changed("duplication, stochastic", m, (single, averaged(m, drawn)))
            for m in copies
        ),
        changed("duplication, rounded to nearest", most, nearest),
        changed("other draws, no copies", 1, (single, averaged(1, other))),
    )


def _summed(
    wide: Array,
    tensor: decoder.Tensor,
    quantizer: Quantizer,
    copies: int,
    rounding: Rounding,
    key: PRNGKeyArray,
) -> Array:
    part = wide / copies
    if rounding == "deterministic":
        return copies * round_tensor(part, tensor, quantizer)
    one = ft.partial(
        mean_of_roundings,
        bits=grids.word_length(quantizer.bits),
        grid=quantizer.grid,
        grouping=grouping_of(tensor, quantizer),
        copies=jnp.int32(copies),
    )
    ranges = tensor_ranges(part, tensor, quantizer)
    if not tensor.stacked:
        return copies * one(part, ranges, key=key)
    keys = jax.random.split(key, len(part))
    mean = jax.vmap(lambda w, where, own: one(w, where, key=own))(part, ranges, keys)
    return copies * mean


def _check(
    copies: int,
    rounding: str,
    only: Collection[decoder.Path] | None,
    tensors: Collection[decoder.Tensor],
) -> None:
    if copies < 1:
        raise ValueError(f"copies must be at least 1, got {copies}")
    if rounding not in get_args(Rounding):
        raise ValueError(
            f"rounding must be one of {', '.join(get_args(Rounding))}, got {rounding}"
        )
    matrices = {t.path for t in tensors if t.role in READOUTS}
    unknown = [] if only is None else sorted(set(only) - matrices)
    if unknown:
        allowed = ", ".join(sorted("/".join(path) for path in matrices))
        raise ValueError(
            f"{'/'.join(unknown[0])} is no matrix of this model that reads channels; "
            f"allowed: {allowed}"
        )

"""Projection: hidden states held to the directions in which they vary most.

What states do in the other directions is, by their variance, nearly nothing: so that it
can be taken away, with whatever rounding does there. The participation of channels in
the final readout (R) need not follow, as it counts channels and not directions; how far
it does is measured.
"""

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jaxdisp.causal.interventions.intervention import Intervention
from jaxdisp.causal.variables import variables
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import readings, states
from jaxdisp.measure.cube import encode
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer, quantize
from jaxdisp.result import result

SHARES = (0.9,)


@result
class Spread:
    """Mean of the states at a tap, and their principal directions, largest first."""

    mean: Float[np.ndarray, " width"]
    variances: Float[np.ndarray, " width"]
    directions: Float[np.ndarray, "width width"]


def spread(model: Model, corpus: corpora.Corpus, *, tap: int) -> Spread:
    """Finds the principal components of the states at one tap, over all languages.

    Definition: eigenvectors (columns) and eigenvalues of the covariance of the states
    of all tokens from which another is predicted, the start token left out, in full
    precision; sums in float64.

    Args:
        model: an open model.
        corpus: parallel text.
        tap: 0 before the first layer, i after layer i - 1.

    Raises:
        ValueError: if there is no such tap.

    Reference: Hotelling 1933, Journal of Educational Psychology 24.
    """
    if not 0 <= tap <= model.config.n_layers:
        raise ValueError(f"tap must be from 0 to {model.config.n_layers}, got {tap}")
    count, total, products = 0, 0.0, 0.0
    for _, own in states.language_states(model, corpus):
        x = own.values[tap][own.place > 0].astype(np.float64)
        count += len(x)
        total = total + x.sum(axis=0)
        products = products + x.T @ x
    mean = total / count
    variances, directions = np.linalg.eigh(products / count - np.outer(mean, mean))
    return Spread(
        mean=np.asarray(mean),
        variances=np.maximum(variances[::-1], 0.0),
        directions=directions[:, ::-1],
    )


def directions_kept(variances: Float[np.ndarray, " width"], share: float) -> int:
    """Counts the leading directions that hold a share of the variance, at least.

    Args:
        variances: largest first.
        share: above 0, at most 1.

    Raises:
        ValueError: if the share is not above 0 and at most 1.

    Reference: our own definition.
    """
    if not 0 < share <= 1:
        raise ValueError(f"shares must be above 0 and at most 1, got {share}")
    held = np.cumsum(variances) / np.sum(variances)
    # the last sum may be an ulp below 1
    return min(int(np.searchsorted(held, share - 1e-12)) + 1, len(variances))


def random_directions(
    found: Spread, lost: float, *, key: PRNGKeyArray
) -> Float[np.ndarray, "width direction"]:
    """Draws orthogonal directions in which states vary by a given amount in all.

    Definition: the columns of a random rotation, in their order, up to the number whose
    variance in all is nearest to what is asked for; at least one.

    Args:
        found: of the states.
        lost: variance in all, in squared units of the states.
        key: of the rotation.

    Reference: our own definition.
    """
    width = len(found.mean)
    normal = np.asarray(jax.random.normal(key, (width, width)), np.float64)
    columns, _ = np.linalg.qr(normal)
    along = (found.directions.T @ columns) ** 2
    sums = np.cumsum(found.variances @ along)
    return columns[:, : int(np.argmin(np.abs(sums - lost))) + 1]


def removal(
    found: Spread,
    gone: Float[np.ndarray, "width direction"],
    *,
    tap: int,
    shape: tuple[int, int],
) -> readings.Edit:
    """Describes how states lose directions, but for what all have in common there.

    Definition: `h - (h - mean) V V'`, V the directions.

    Args:
        found: of the states.
        gone: orthonormal, one per column; there may be none.
        tap: where.
        shape: number of languages and of sentences.

    Reference: our own definition.
    """
    away = gone @ gone.T
    shift = np.broadcast_to(found.mean @ away, (*shape, len(away)))
    return readings.Edit(
        tap=tap,
        shift=shift.astype(np.float32),
        linear=(np.eye(len(away)) - away).astype(np.float32),
    )


def carry_out(
    model: Model,
    corpus: corpora.Corpus,
    quantizer: Quantizer,
    *,
    tap: int,
    reference: int,
    key: PRNGKeyArray,
    shares: Sequence[float] = SHARES,
    undisturbed: readings.Readings | None = None,
) -> tuple[Intervention, ...]:
    """Takes away the directions in which states vary least, and measures R and D.

    Definition: at `tap`, the state h of every token but the start token becomes `mean +
    P (h - mean)`, in full precision and rounded, with P onto the leading principal
    directions that hold a share of the variance. All four variables are then measured;
    D is against the loss that the full-precision model has with its own states so
    projected, which is larger than undisturbed. The placebo takes away random
    directions with the same variance in all, which are fewer.

    Args:
        model: an open model.
        corpus: parallel text.
        quantizer: how to round, and what; outside the layers nothing is rounded.
        tap: where states are projected, and whose states make A.
        reference: the language to which T is relative, by its place.
        key: of the random directions.
        shares: of the variance to keep, each above 0 and at most 1.
        undisturbed: readings of the same text at the same tap; None reads them.

    Returns:
        For each share the projection, then its placebo.

    Raises:
        ValueError: if there is no share or one is out of range, or as `spread`,
            `readings.read` and `variables`.

    Reference: our own definition; principal components as in `spread`.
    """
    if not shares:
        raise ValueError("shares must name at least one share of the variance")
    found = spread(model, corpus, tap=tap)
    encoded, rounded = encode(model, corpus), quantize(model, quantizer)
    shape = (len(encoded), corpus.n_sentences)
    if undisturbed is None:
        undisturbed = readings.read(model, encoded, rounded, tap=tap)
    before = variables(undisturbed, reference=reference)

    def projected(
        kind: str, gone: Float[np.ndarray, "width direction"], *, placebo: bool
    ) -> Intervention:
        edit = removal(found, gone, tap=tap, shape=shape)
        after = readings.read(model, encoded, rounded, tap=tap, edit=edit)
        return Intervention(
            target="R",
            kind=kind,
            amount=float(gone.shape[1]),
            unit="directions removed",
            placebo=placebo,
            languages=corpus.languages,
            groups=corpus.groups,
            before=before,
            after=variables(after, undisturbed, reference=reference),
        )

    made = []
    for number, share in enumerate(shares):
        first = directions_kept(found.variances, share)
        gone, lost = found.directions[:, first:], float(found.variances[first:].sum())
        name = f"projection, {share:g} of the variance kept"
        made.append(projected(name, gone, placebo=False))
        drawn = random_directions(found, lost, key=jax.random.fold_in(key, number))
        name = f"random directions, {share:g} of the variance kept"
        made.append(projected(name, drawn, placebo=True))
    return tuple(made)

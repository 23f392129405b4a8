"""Does a regression fitted on the layers of one model predict those of another?

Within one model the flag of a single layer fits that layer whatever it costs. Only
another model can say whether the flag, or any slope, means something.
"""

import dataclasses

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jaxdisp.claims import gateway_regression as layers
from jaxdisp.claims.experiment import Rows, Subject
from jaxdisp.claims.finding import Finding, judge, not_applicable
from jaxdisp.stats import regression

CLAIM = layers.TRANSFER


def transfer(subject: Subject, other: Subject) -> tuple[Finding, Rows]:
    """Fits the losses of one model's layers and predicts those of another.

    Definition: `decide_transfer` of `added_losses` and `features` of both.

    Args:
        subject: what the regression is fitted on.
        other: another model with the same text.

    Raises:
        ValueError: if the texts differ.

    Reference: our own definition.
    """
    if subject.few.digest != other.few.digest:
        raise ValueError(
            f"{other.few.source}: the other model must be measured on the same "
            f"sentences as the first, which are from {subject.few.source}"
        )
    fewest = min(subject.model.config.n_layers, other.model.config.n_layers)
    if fewest < layers.LAYERS:
        few = f"needs at least {layers.LAYERS} layers in both models, got {fewest}"
        return not_applicable(CLAIM, len(set(subject.few.groups)), few), []
    return decide_transfer(
        (layers.added_losses(subject), layers.added_losses(other)),
        np.array(subject.few.groups),
        (layers.features(subject.model), layers.features(other.model)),
        key=jax.random.fold_in(subject.key, 1),
    )


def decide_transfer(
    added: tuple[Float[np.ndarray, "sentence layer"], Float[np.ndarray, "sentence x"]],
    groups: Int[np.ndarray, " sentence"],
    described: tuple[Float[np.ndarray, "layer 4"], Float[np.ndarray, "x 4"]],
    *,
    key: PRNGKeyArray,
) -> tuple[Finding, Rows]:
    """Judges whether slopes of one model predict the layers of another.

    Definition: R^2 as in `regression.transfer_r2`, the level being the other model's;
    verdict as in `decide`, with losses of the other model permuted over its layers.

    Args:
        added: losses of layers of the fitted and of the other model, in nats.
        groups: text of each sentence, the same for both.
        described: features of the layers of both.
        key: of resamples and permutations.

    Returns:
        The finding, and a row for each of the two sets of features.

    Reference: our own definition.
    """
    n = len(set(groups.tolist()))
    if any(np.ptp(part[:, 0]) == 0 for part in described) or any(
        np.ptp(part.mean(axis=0)) == 0 for part in added
    ):
        same = "needs layers that differ in variance and in loss, in both models"
        return not_applicable(CLAIM, n, same), []
    texts, order = jax.random.split(key)
    response, link = layers.responses(
        layers.mean_losses(np.hstack(added), groups, texts)
    )
    cut = added[0].shape[1]
    rows: Rows = []
    for name in ("all three", "variance"):
        own, new = (layers.columns(name, part) for part in described)
        found = [
            regression.transfer_r2(own, part[:, :cut], new, part[:, cut:])
            for part in response
        ]
        null = regression.transfer_null(
            own, response[0][0, :cut], new, response[0][0, cut:], key=order
        )
        low, high = layers.text_interval([moved for _, moved in found])
        rows.append(
            {
                "fit": name,
                "response": link,
                "transfer_r2": float(found[0][1][0]),
                "transfer_r2_low": low,
                "transfer_r2_high": high,
                "transfer_r2_with_level": float(found[0][0][0]),
                "null_95_transfer_r2": float(np.quantile(null, 0.95)),
                "p_transfer_r2": layers.share_beyond(null, float(found[0][1][0])),
            }
        )
    first = rows[0]
    remark = (
        f"R2 {first['transfer_r2']:.2f} on the other model's layers, "
        f"{first['transfer_r2_with_level']:.2f} without refitting its level (permuted: "
        f"up to {first['null_95_transfer_r2']:.2f})"
    )
    finding = judge(
        dataclasses.replace(
            CLAIM, support=max(0.0, round(first["null_95_transfer_r2"] + 0.005, 2))
        ),
        first["transfer_r2"],
        (first["transfer_r2_low"], first["transfer_r2_high"]),
        n,
        remark,
    )
    return finding, rows

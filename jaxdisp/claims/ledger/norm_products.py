"""Whether errors grow by the norms of the layers that they pass, as C14 has it."""

import math
from typing import Any

import numpy as np

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding, judge
from jaxdisp.claims.theorems import gateways_on_model
from jaxdisp.models.model import Model, full_weight
from jaxdisp.stats.equivalence import margin_left

WITHIN = math.log(2.0)
"""A gain within a factor of 2 of the product counts as in proportion to it."""

LEAST_LAYERS = 5


def norms(evidence: Evidence) -> dict[str, Any]:
    """Measures the size of every layer's matrices.

    Definition: `log_norm` of a layer is the mean over its matrices of the logarithm of
    the largest singular value; the notes have one matrix per layer and do not say which
    norm of several they mean.

    Args:
        evidence: of one model.

    Raises:
        ValueError: if a matrix is 0.

    Reference: our own definition.
    """
    return evidence.kept(
        "norms of layers", lambda: {"log_norm": _log_norms(evidence.subject.model)}
    )


def _log_norms(model: Model) -> list[float]:
    rows = []
    for tensor in model.architecture.tensors(model.config):
        if not (tensor.stacked and tensor.role == "matrix"):
            continue
        layers = np.asarray(full_weight(model, tensor.path), np.float64)
        flat = layers.reshape(len(layers), -1, layers.shape[-1])
        if flat.shape[1] > flat.shape[2]:
            flat = np.swapaxes(flat, 1, 2)
        # of the smaller side: several times faster than singular values
        gram = flat @ np.swapaxes(flat, 1, 2)
        rows.append(np.linalg.eigvalsh(gram)[:, -1])
    if not rows or np.min(rows) <= 0:
        raise ValueError("needs matrices that are not 0")
    return (0.5 * np.log(rows)).mean(axis=0).tolist()


def judge_product(evidence: Evidence) -> Finding:
    """Judges whether the first layer's error grows by the norms of the later layers.

    Definition: the logarithm of what the error of layer 0 is multiplied by on its way,
    as from `gateways_on_model.gains`, against the sum of `log_norm` of later layers.

    Args:
        evidence: of one model of at least 5 layers.

    Raises:
        ValueError: if there are fewer, or quantizing layer 0 changes no state.

    Reference: the notes' proof of theorem 3, step 1.
    """
    n_layers = evidence.subject.model.config.n_layers
    if n_layers < LEAST_LAYERS:
        raise ValueError(f"needs at least {LEAST_LAYERS} layers, got {n_layers}")
    found = gateways_on_model.gains(evidence)
    if not found:
        raise ValueError("needs layers whose quantization changes states")
    product = float(sum(norms(evidence)["log_norm"][1:]))
    estimate, low, high = found["first"]
    effect, interval = margin_left(estimate, (low, high), target=product, margin=WITHIN)
    claim = Claim(
        id="C14",
        statement="The error of the first layer grows in proportion to the product of "
        "the norms of the later layers",
        source="formal proofs, theorem 3, step 1",
        unit="what is left of ln 2 from the product, in logarithms",
        method="states with layer 0 quantized against full precision, delete-a-text "
        "jackknife; geometric mean of the spectral norms of a layer's matrices",
        most=WITHIN,
    )
    remark = (
        f"the error of layer 0 arrives {math.exp(estimate):.2f} times as long "
        f"[{math.exp(low):.2f}, {math.exp(high):.2f}]; the product of {n_layers - 1} "
        f"norms is {math.exp(product):.2g}"
    )
    return judge(claim, effect, interval, found["texts"], remark)

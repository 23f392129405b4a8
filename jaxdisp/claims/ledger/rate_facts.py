"""What rounding leaves of a model's weights, in bits, for claims about rates.

Weights are taken matrix by matrix as sources without memory. They are what they are:
intervals of facts of weights are the range over matrices, not an error of sampling.
"""

import dataclasses
import math
from typing import Any

import jax
import numpy as np

from jaxdisp.claims import losses, shannon_limit
from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.experiment import Subject
from jaxdisp.claims.finding import Claim, Finding, concluded, judge
from jaxdisp.claims.ledger.protection import sides_of
from jaxdisp.claims.ledger.recorded import taken_over
from jaxdisp.measure.language_clipping import clipped_tensors
from jaxdisp.models.model import full_weight
from jaxdisp.models.quantized import round_tensor
from jaxdisp.quant import lloyd_max, relative_error
from jaxdisp.quant.attainable_ratio import least_ratio_at_any_quality
from jaxdisp.stats.equivalence import margin_left
from jaxdisp.stats.jackknife import jackknife_interval

WORDS = (8, 4)
"""Word lengths of which one is half of the other."""

OVER_MATRICES = "mean over matrices and their range, matrices being what they are"


KEPT = Claim(
    id="B13",
    statement="Rounding to b bits removes log2(2^32 / 2^b) bits, and so keeps b.",
    source="research notes, theory development, theorem 1",
    unit="what is left of half a bit from b",
    method=f"logarithm of signal over noise, {OVER_MATRICES}",
    most=0.5,
)


def rounding_errors(evidence: Evidence) -> dict[str, Any]:
    """Measures the relative error of every matrix at the run's bits, at 8 and at 4.

    Definition: `quant.relative_error` of the run's quantizer, with its bits, which are
    `bits`, and with 8 and 4 instead.

    Args:
        evidence: of one model.

    Returns:
        `bits`, and lists over matrices of each layer: `own`, `8` and `4`.

    Raises:
        ValueError: if no matrix is rounded, or one is 0.

    Reference: our own definition.
    """
    return evidence.kept("rounding errors", lambda: _errors(evidence.subject))


def _errors(subject: Subject) -> dict[str, Any]:
    own = subject.quantizer
    found: dict[str, list[float]] = {}
    for tensor in clipped_tensors(subject.model, own):
        weight = full_weight(subject.model, tensor.path)
        for name, bits in {"own": own.bits, **{str(b): b for b in WORDS}}.items():
            changed = dataclasses.replace(own, bits=bits)
            rounded = round_tensor(weight, tensor, changed)
            errors = jax.vmap(relative_error.relative_error)(weight, rounded)
            found.setdefault(name, []).extend(np.asarray(errors, float).tolist())
    if not found or min(min(each) for each in found.values()) <= 0:
        raise ValueError("needs matrices of the layers that rounding changes")
    return {"bits": own.bits, **found}


def limits(evidence: Evidence) -> dict[str, Any]:
    """Measures what codes of the weights need for the error that rounding makes.

    Definition: `shannon_limit.rows`, of the largest matrix of each layer.

    Args:
        evidence: of one model.

    Returns:
        `rows`.

    Raises:
        ValueError: if no matrix is rounded.

    Reference: as `shannon_limit.rows`.
    """

    def measured() -> dict[str, Any]:
        subject = evidence.subject
        return {"rows": shannon_limit.rows(subject.model, subject.quantizer)}

    found = evidence.kept("rate-distortion limits", measured)
    if not found["rows"]:
        raise ValueError("needs matrices of the layers that rounding changes")
    return found


def near(
    claim: Claim, values: np.ndarray, *, target: float, margin: float, remark: str
) -> Finding:
    """Judges whether facts of all matrices are within a margin of what is claimed.

    Definition: `stats.equivalence.margin_left` of their mean and range.

    Args:
        claim: with its unit.
        values: one per matrix.
        target: what they are claimed to be.
        margin: how far from it still counts.
        remark: what was seen, in words.

    Reference: our own definition.
    """
    values = np.asarray(values, np.float64)
    ends = float(values.min()), float(values.max())
    effect, within = margin_left(
        float(values.mean()), ends, target=target, margin=margin
    )
    said = f"{remark}: {values.mean():.3g} ({ends[0]:.3g} to {ends[1]:.3g})"
    return judge(claim, effect, within, values.size, said)


def kept_bits(evidence: Evidence, claim: Claim, margin: float) -> Finding:
    """Judges whether words of b bits keep about b bits of a weight.

    Definition: `lloyd_max.effective_bits` of each matrix's relative error.

    Args:
        evidence: of one model.
        claim: whose unit is what is left of the margin.
        margin: in bits.

    Raises:
        ValueError: if no matrix is rounded.

    Reference: our own definition.
    """
    found = rounding_errors(evidence)
    bits = np.array([lloyd_max.effective_bits(error) for error in found["own"]])
    remark = f"bits that words of {found['bits']} keep of a weight"
    return near(claim, bits, target=float(found["bits"]), margin=margin, remark=remark)


def shannon(evidence: Evidence) -> Finding:
    """Judges whether weights need the rate of a Gaussian at the error of rounding.

    Args:
        evidence: of one model.

    Raises:
        ValueError: if it cannot be measured.

    Reference: as `shannon_limit.rows`.
    """
    rows = limits(evidence)["rows"]
    spare = np.array([row["effective_bits"] - row["shannon_bits"] for row in rows])
    claim = Claim(
        id="B1",
        statement="A code of R bits leaves a weight the error sigma^2 2^(-2 R).",
        source="research notes, deep foundations, 2.1; formal proofs, theorem 1",
        unit="what is left of 0.1 bits from the Gaussian rate",
        method="rate-distortion function of the histogram of each layer's largest "
        f"matrix at the error of rounding; {OVER_MATRICES}",
        most=0.1,
    )
    remark = "bits that the formula asks for above what these weights need"
    return near(claim, spare, target=0.0, margin=0.1, remark=remark)


def halved(evidence: Evidence) -> Finding:
    """Judges whether half of 8 bits have about twice the error.

    Args:
        evidence: of one model.

    Raises:
        ValueError: if it cannot be measured.

    Reference: our own definition.
    """
    found = rounding_errors(evidence)
    more, less = (np.array(found[str(bits)]) for bits in WORDS)
    claim = Claim(
        id="B2",
        statement="Half the bits have about twice the error.",
        source="research notes, deep foundations, 2.1",
        unit="what is left of ln 2 from a factor of two",
        method=f"relative error at 4 over that at 8 bits, {OVER_MATRICES}",
        most=math.log(2.0),
    )
    remark = "logarithm of the error at 4 bits over that at 8"
    return near(
        claim,
        np.log(less / more),
        target=math.log(2.0),
        margin=math.log(2.0),
        remark=remark,
    )


def capacity(evidence: Evidence) -> Finding:
    """Judges whether words of B bits carry about B bits of a weight.

    Args:
        evidence: of one model.

    Raises:
        ValueError: if it cannot be measured.

    Reference: our own definition.
    """
    claim = Claim(
        id="B14",
        statement="Rounding is a channel with a capacity of about B bits.",
        source="research notes, deep foundations, 3.1",
        unit="what is left of a quarter of a bit from B",
        method=f"logarithm of signal over noise, {OVER_MATRICES}",
        most=0.25,
    )
    return kept_bits(evidence, claim, 0.25)


def falling_ratio(evidence: Evidence) -> Finding:
    """Judges the notes' form, in which the ratio between languages falls with bits.

    Args:
        evidence: of one model.

    Raises:
        ValueError: if it cannot be measured.

    Reference: our own definition, from findings T-010c and T-010e.
    """
    same = taken_over("B17", "T-010c")(evidence)
    share = taken_over("B17", "T-010e")(evidence)
    refuted = same.verdict == "holds" or share.verdict == "fails"
    known = "not applicable" not in (same.verdict, share.verdict)
    claim = Claim(
        id="B17",
        statement="Disparity is a 2^(-b bits) (1 - c protected share).",
        source="research notes, theory investigation, T-010",
        unit=same.unit,
        method=same.method,
    )
    reason = (
        f"that the ratio is the same at every word length {same.verdict} "
        f"({same.reason}); that the loss falls with the share {share.verdict} "
        f"({share.reason})"
    )
    verdict = "fails" if refuted else ("inconclusive" if known else same.verdict)
    found = concluded(claim, verdict, reason, same.n)
    return dataclasses.replace(found, estimate=same.estimate, interval=same.interval)


def spoilt(evidence: Evidence) -> Finding:
    """Judges whether fewer bits can make languages more equal.

    Args:
        evidence: of one model.

    Raises:
        ValueError: if it cannot be measured.

    Reference: our own definition.
    """
    claim = Claim(
        id="B18",
        statement="Fewer bits cannot make languages more equal than they are.",
        source="research notes, theory gap, 4; theory investigation, H4.1",
        unit="logarithm of the ratio, limit over now",
        method="layers rounded alone; chosen on half the texts; jackknife over others",
    )
    return spoilt_ratio(evidence, claim)


def removed(evidence: Evidence) -> Finding:
    """Judges whether words of b bits keep b bits of a weight.

    Args:
        evidence: of one model.

    Raises:
        ValueError: if no matrix is rounded.

    Reference: our own definition.
    """
    return kept_bits(evidence, KEPT, 0.5)


def spoilt_ratio(evidence: Evidence, claim: Claim) -> Finding:
    """Judges whether ruining one layer for all languages makes them more equal.

    Definition: the layer is that of `attainable_ratio.least_ratio_at_any_quality`, by
    what each layer costs the low and the high side when rounded alone, on every second
    text; on the others, the logarithm of the ratio of what it costs the two sides over
    the ratio of the sums over layers. Ever more noise in this layer alone takes the
    ratio from the one to the other.

    Args:
        evidence: of one model whose training text is known.
        claim: whose unit is a logarithm.

    Raises:
        ValueError: if nobody knows the sides, or a side loses nothing.

    Reference: our own definition; the mediant inequality.
    """
    found = evidence.kept("ratio at any quality", lambda: _spoilt(evidence.subject))
    left_out = np.array(found["left_out"])
    low, high = jackknife_interval(np.array(found["change"]), left_out)
    return judge(
        claim,
        found["change"],
        (float(low), float(high)),
        len(left_out),
        f"the ratio is {found['now']:.2f} with all layers rounded alike, and tends to "
        f"{found['least']:.2f} as layer {found['layer']} gets ever more noise",
    )


def _spoilt(subject: Subject) -> dict[str, Any]:
    sides = sides_of(subject)
    if np.isnan(sides).any():
        raise ValueError("needs to know how much text of each language was trained on")
    known = losses.layer_losses(subject)
    groups = np.array(subject.few.groups)
    alone = known.alone - known.full
    choosing = np.isin(groups, np.unique(groups)[::2])

    def of_sides(chosen: np.ndarray) -> np.ndarray:
        return sides @ alone[:, :, chosen].mean(axis=2).T

    chosen_on = np.maximum(of_sides(choosing), 0.0)
    layer = int(least_ratio_at_any_quality(chosen_on[0], chosen_on[1]).group)

    def ratios(chosen: np.ndarray) -> tuple[float, float]:
        costs = of_sides(chosen)
        of_layer, of_all = costs[:, layer], costs.sum(axis=1)
        if min(of_layer.min(), of_all.min()) <= 0:
            raise ValueError("needs layers that cost both sides something")
        return float(of_all[0] / of_all[1]), float(of_layer[0] / of_layer[1])

    now, least = ratios(~choosing)
    texts = np.unique(groups[~choosing])
    rows = [ratios(~choosing & (groups != text)) for text in texts]
    return {
        "layer": layer,
        "now": now,
        "least": least,
        "change": float(np.log(least / now)),
        "left_out": [float(np.log(low / high)) for high, low in rows],
    }

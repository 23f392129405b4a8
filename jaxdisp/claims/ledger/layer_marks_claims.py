"""Claims C9 to C11: rules that are said to mark the critical layers and languages."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding, judge
from jaxdisp.claims.ledger import protection, weight_facts
from jaxdisp.claims.ledger import published_runs as published
from jaxdisp.claims.ledger.entry import Entry, Recomputed
from jaxdisp.claims.ledger.recorded import REPOSITORY, recorded
from jaxdisp.claims.morphological_agreement import OTHER, RICH
from jaxdisp.search import lattice
from jaxdisp.stats.two_groups import bound_rank, difference

LEVELS = 7
"""Steps from 0 to the largest weight, of 4 bits as in the notes' experiments."""
SQRT3 = math.sqrt(3.0)
CRITICAL = 100.0
"""Layers with a typed disparity below this are the notes' critical ones."""


def _crest() -> Recomputed:
    constant = math.sqrt(12.0) * LEVELS
    snr = constant * np.sqrt(published.VARIANCE) / published.LARGEST
    log = np.log(published.TYPED_DISPARITY)
    marked = snr < SQRT3
    critical = published.TYPED_DISPARITY < CRITICAL
    right, base = int(np.sum(marked == critical)), int(np.sum(~critical))
    return Recomputed(
        values={
            "signal to noise times crest": constant,
            "least signal to noise": float(snr.min()),
            "largest signal to noise": float(snr.max()),
            "layers marked": float(marked.sum()),
            "layers marked rightly": float(right),
            "layers right if none is marked": float(base),
            "correlation with log disparity": float(np.corrcoef(snr, log)[0, 1]),
            "the same without layer 0": float(np.corrcoef(snr[1:], log[1:])[0, 1]),
        },
        verdict="holds" if right > base else "fails",
    )


def _marked(evidence: Evidence) -> Finding:
    crest = np.array(weight_facts.matrices(evidence)["crest"])
    snr = math.sqrt(12.0) * LEVELS / crest
    marked = int(np.sum(snr < SQRT3))
    alike = marked in (0, len(snr))
    return Finding(
        id="C9",
        statement="Matrices whose signal to noise is below sqrt 3 are the critical "
        "ones",
        source="theory gap",
        estimate=float(marked),
        unit="matrices below sqrt 3",
        interval=None,
        n=len(snr),
        method="sqrt 12 times 7 over the crest factor, every matrix of the layers; "
        "weights are known without error",
        verdict="fails" if alike else "inconclusive",
        reason=f"of {len(snr)} matrices {marked} are below 1.73, signal to noise from "
        f"{snr.min():.2f} to {snr.max():.2f}: "
        + ("the rule tells none from another" if alike else "the rule divides them"),
    )


def _rich() -> Recomputed:
    both = {**published.MORPHOLOGY["rich"], **published.MORPHOLOGY["other"]}
    rich, other = (list(published.MORPHOLOGY[name]) for name in ("rich", "other"))
    seen = _benefit(both, rich) / _benefit(both, other)
    all_sets = [
        _benefit(both, each) / _benefit(both, [x for x in both if x not in each])
        for each in itertools.combinations(both, len(rich))
    ]
    p_value = float(np.mean(np.array(all_sets) >= seen * (1 - 1e-12)))
    log = {name: math.log(before / after) for name, (before, after) in both.items()}
    gap = np.mean([log[x] for x in rich]) - np.mean([log[x] for x in other])
    seen_before = published.PROTECTED["none"] | {"zh": 33.60638751524303}
    measured = {
        name: (seen_before.get(name, before), after)
        for name, (before, after) in both.items()
    }
    return Recomputed(
        values={
            "benefit of rich languages": _benefit(both, rich),
            "benefit of the others": _benefit(both, other),
            "ratio of benefits": seen,
            "ratio of geometric means": math.exp(gap),
            "p-value over all divisions": p_value,
            "ratio with measured baselines": _benefit(measured, rich)
            / _benefit(measured, other),
        },
        verdict="holds" if p_value < 0.05 else "not applicable",
    )


def _benefit(both: dict[str, tuple[float, float]], names: Sequence[str]) -> float:
    before, after = zip(*(both[name] for name in names), strict=True)
    return float(np.mean(before) / np.mean(after))


def _rich_on_model(evidence: Evidence) -> Finding:
    found = protection.protected(evidence)
    named = [name for name in found["languages"] if name in (*RICH, *OTHER)]
    lost = np.array(found["by_language"], float)
    lost = lost[:, np.isin(found["languages"], named)]
    if not np.all(lost > 0):
        raise ValueError(
            "needs all languages of known morphology to lose, with and without "
            "protection"
        )
    benefit = dict(zip(named, np.log(lost[0] / lost[1]), strict=True))
    rich, other = (
        np.array([benefit[name] for name in group if name in benefit])
        for group in (RICH, OTHER)
    )
    if bound_rank(len(rich), len(other)) < 1:
        raise ValueError(
            f"needs more languages of known morphology, got {len(rich)} rich and "
            f"{len(other)} others"
        )
    shift = difference(rich, other)
    claim = Claim(
        id="C10",
        statement="Morphologically rich languages benefit more from protection",
        source="theory gap",
        unit="log of the loss without over that with protection, rich less others",
        method="all exchanges of languages between the groups",
        least=math.log(1.1),
    )
    remark = f"rich languages lose {_factor(rich)} less, others {_factor(other)}"
    interval = (shift.low, shift.high)
    return judge(claim, shift.estimate, interval, len(rich) + len(other), remark)


def _factor(logs: np.ndarray) -> str:
    return f"{math.exp(float(logs.mean())):.2f} times"


def _flagged(n_layers: int) -> list[int]:
    """The layers that the notes' code takes to be at three quarters of the depth."""
    share = np.arange(n_layers) / (n_layers - 1)
    return np.flatnonzero((share >= 0.7) & (share <= 0.8)).tolist()


def _depth() -> Recomputed:
    flagged = _flagged(12)
    return Recomputed(
        values={
            "9 of 12 layers": 9 / 12,
            "place of layer 9 in the code": 9 / 11,
            "layer that the code flags": float(flagged[0]),
            "number of layers flagged": float(len(flagged)),
        },
        verdict="holds" if flagged == [9] else "fails",
    )


def _depth_on_model(evidence: Evidence) -> Finding:
    n_layers = evidence.subject.model.config.n_layers
    layer = lattice.gateways(n_layers)[1]
    flagged = _flagged(n_layers)
    named = ", ".join(map(str, flagged)) or "none"
    return Finding(
        id="C11",
        statement="The layer at three quarters of the depth is the same by both counts",
        source="theory gap, section 3; theory investigation, gap 3",
        estimate=float(layer),
        unit="layer",
        interval=None,
        n=n_layers,
        method="floor(3 L / 4), against i / (L - 1) in [0.7, 0.8]; no measurement",
        verdict="holds" if flagged == [layer] else "fails",
        reason=f"of {n_layers} layers, counted from 0, it is {layer} by the first and "
        f"{named} by the second",
    )


_C9 = Entry(
    id="C9",
    statement="Layers whose signal to quantization noise is below sqrt 3 are the "
    "critical ones",
    source="theory gap (threshold of arXiv:2505.19115); "
    f"{REPOSITORY}{published.RUNS['noise']}",
    correct="With a step of max / 7 the signal to noise is 24.25 over the crest factor "
    "and depends on nothing else; in the typed layers it is 4.0 to 5.4, never near "
    "sqrt 3, so that the rule marks none. What correlation there is comes from layer "
    "0.",
    check=f"the numbers typed in {published.RUNS['noise']}, with and without layer 0",
    verdict="fails",
    ground="arithmetic",
    values=recorded(
        {
            "signal to noise times crest": (24.25, 5e-3),
            "least signal to noise": (4.02, 5e-3),
            "largest signal to noise": (5.38, 5e-3),
            "layers marked": (0, 0),
            "layers marked rightly": (8, 0),
            "layers right if none is marked": (8, 0),
            "correlation with log disparity": (-0.901, 5e-4),
            "the same without layer 0": (-0.546, 5e-4),
        }
    ),
    recompute=_crest,
    on_model=_marked,
)
_C10 = dataclasses.replace(
    _C9,
    id="C10",
    statement="Morphologically rich languages benefit 9.7 times as much from "
    "protection",
    source=f"theory gap; {REPOSITORY}{published.RUNS['morphology']}",
    correct="9.7 is a quotient of quotients of means of three languages each, one of "
    "them English, which is 1 by definition; geometric means give 6.2, and of all "
    "divisions of the six languages 3 of 20 give as much.",
    check="the typed disparities, all 20 divisions, and the same with those baselines "
    f"in place that {published.RUNS['languages']} has measured",
    verdict="not applicable",
    ground="not reproducible",
    values=recorded(
        {
            "benefit of rich languages": (43.08, 5e-3),
            "benefit of the others": (4.43, 5e-3),
            "ratio of benefits": (9.735, 5e-4),
            "ratio of geometric means": (6.2, 0.05),
            "p-value over all divisions": (0.15, 1e-9),
            "ratio with measured baselines": (10.02, 5e-3),
        }
    ),
    recompute=_rich,
    on_model=_rich_on_model,
)
_C11 = dataclasses.replace(
    _C9,
    id="C11",
    statement="Layer 9 of 12 is the one at 75 % of the depth",
    source="theory gap, section 3; theory investigation, gap 3; "
    f"{REPOSITORY}experiments/phase-5-minimal/exp094_s002_protection_formula.py",
    correct="9 of 12 is 0.75 of the number of layers, but the notes' code divides by "
    "11, "
    "where layer 9 is at 0.82, and its flag for 0.7 to 0.8 is set for layer 8.",
    check="both divisions, and which layers the range selects",
    verdict="fails",
    ground="contradiction",
    values=recorded(
        {
            "9 of 12 layers": (0.75, 0),
            "place of layer 9 in the code": (0.818, 5e-4),
            "layer that the code flags": (8, 0),
            "number of layers flagged": (1, 0),
        }
    ),
    recompute=_depth,
    on_model=_depth_on_model,
)
ENTRIES = (_C9, _C10, _C11)
"""Entries C9 to C11."""

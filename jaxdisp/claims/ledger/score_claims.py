"""Claims C19 and C20: a score of compressed models, and an inferred bottleneck."""

import dataclasses
import math

import numpy as np

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding, judge
from jaxdisp.claims.ledger import protection
from jaxdisp.claims.ledger import published_runs as published
from jaxdisp.claims.ledger.entry import Entry, Recomputed
from jaxdisp.claims.ledger.recorded import REPOSITORY, recorded, taken_over
from jaxdisp.measure import scores

QUOTED = 1.064
"""The score that other pages of the repository give for protected gateways."""

LAYERS, CLAIMED = 12, 9
TRADES = 2.0, 10.0
"""Weights of relevant against kept information in the bottleneck's objective."""


def _table() -> Recomputed:
    rows = np.array(list(published.SCORES.values()))
    found = dict(
        zip(published.SCORES, scores.fair_efficiency(*rows.T[:2]), strict=True)
    )
    gateways = np.array([published.SCORES["INT4, gateways"][0]])
    implied = scores.disparity_behind(np.array([QUOTED]), gateways)
    noise = scores.uniformly_broken(1.0)
    return Recomputed(
        values={
            **{name: float(value) for name, value in found.items()},
            "disparity behind a score of 1.064": float(implied[0]),
            "one bit of noise in every language": noise,
        },
        # full precision scores 1
        verdict="fails" if noise > 1 else "holds",
    )


def _scored(evidence: Evidence) -> Finding:
    found = protection.protected(evidence)
    bits = evidence.subject.quantizer.bits
    estimate, low, high = protection.of(found, "log_ratio", "none")
    lost, least, most = protection.of(found, "mean", "none")
    if least <= 0:
        raise ValueError("needs a loss that can be told from 0 with all layers rounded")
    gain = math.log(float(scores.efficiency(np.array([float(bits)]))[0]))
    claim = Claim(
        id="C19",
        statement="The fair-efficiency score puts the better of two models first: full "
        "precision before rounding every layer",
        source="deep foundations, table of heuristics",
        unit="log of the score in full precision over that with every layer rounded",
        method=protection.METHOD,
    )
    remark = (
        f"{bits} bits lose {lost:.2f} [{least:.2f}, {most:.2f}] nats per sentence and "
        f"score {math.exp((gain - estimate) / 2):.2f}, full precision 1"
    )
    interval = ((low - gain) / 2, (high - gain) / 2)
    return judge(claim, (estimate - gain) / 2, interval, found["n"], remark)


def _bottleneck() -> Recomputed:
    layer = np.arange(LAYERS)
    # X is Gaussian, every layer adds noise to it, and Y is X with noise of its own
    noise = 0.1 * (layer + 1.0)
    kept = 0.5 * np.log2(1 + 1 / noise)
    relevant = 0.5 * np.log2(2 / (1 + noise / (1 + noise)))
    chosen = [int(np.argmin(kept - weight * relevant)) for weight in TRADES]
    turned = np.full(LAYERS, kept[0] - TRADES[0] * relevant[0])
    return Recomputed(
        values={
            "layer with least information of the input": float(np.argmin(kept)),
            "layer of the least objective, weight 2": float(chosen[0]),
            "layer of the least objective, weight 10": float(chosen[1]),
            "layers that tie if none loses anything": float(
                np.sum(turned == turned.min())
            ),
        },
        verdict="holds" if set(chosen) == {CLAIMED} else "fails",
    )


_C19 = Entry(
    id="C19",
    statement="The fair-efficiency score, the root of efficiency over disparity, says "
    "which compressed model is best",
    source=f"deep foundations; {REPOSITORY}{published.RUNS['summary']}, section 3.5",
    correct="It orders models as efficiency over disparity does, whatever is lost: one "
    "bit of noise, alike in all languages, scores 4 and full precision 1. Two of its "
    "own values contradict one another, and INT8 beats the protection it was made for.",
    check="the table again, the disparity that 1.064 implies (2.12, where the table "
    "has "
    "2.50), and a model that has lost everything",
    verdict="fails",
    ground="counterexample",
    values=recorded(
        {
            "INT4": (0.813, 5e-4),
            "INT4, first": (0.913, 5e-4),
            "INT4, gateways": (0.980, 5e-4),
            "INT8": (0.994, 6e-4),
            "disparity behind a score of 1.064": (2.12, 5e-3),
            "one bit of noise in every language": (4.0, 1e-12),
        }
    ),
    recompute=_table,
    on_model=_scored,
)
_C20 = dataclasses.replace(
    _C19,
    id="C20",
    statement="The information bottleneck makes the layer at three quarters of the "
    "depth the one where languages lose",
    source="deep foundations, 1.2; formal proofs, theorem 3, assumption 3",
    correct="The principle ranks representations by what they keep and what of it "
    "matters; it names no place. In a chain, later layers never know more of the "
    "input, "
    "so that the last knows least; which one is best depends on what is traded for "
    "what, and if none loses anything all tie.",
    check="a Gaussian chain in which each layer adds noise, and one of rotations",
    ground="counterexample",
    values=recorded(
        {
            "layer with least information of the input": (11, 0),
            "layer of the least objective, weight 2": (11, 0),
            "layer of the least objective, weight 10": (0, 0),
            "layers that tie if none loses anything": (12, 0),
        }
    ),
    recompute=_bottleneck,
    on_model=taken_over("C20", "T-007"),
    experiments=("T-007",),
)
ENTRIES = (_C19, _C20)
"""Entries C19 and C20."""

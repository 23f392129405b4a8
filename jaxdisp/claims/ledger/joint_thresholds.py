"""Claims about how thresholds for several languages are found, and how hard that is."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding, judge
from jaxdisp.claims.ledger import felt_facts, weight_facts
from jaxdisp.claims.ledger import law_numbers as numbers
from jaxdisp.claims.ledger.entry import Entry, Recomputed
from jaxdisp.claims.ledger.gaussian_thresholds import CHEAP
from jaxdisp.claims.ledger.law_numbers import GAUSSIAN
from jaxdisp.claims.ledger.recorded import recorded
from jaxdisp.claims.ledger.shared_thresholds import OVER_LAYERS, regrets
from jaxdisp.quant import fair_noise

FELT = (0.0, 1.0, 2.0)
"""Powers of their size with which three languages feel weights."""

MOST_PASSES, SETTLED = 40, 1e-9
SOLVED = 1e-6
"""Relative distance of a solution from its proven bound that counts as none."""

A19 = Claim(
    id="A19",
    statement="The algorithm gives each language a threshold of its own, at a cost of "
    "O(languages x weights).",
    source="formal proofs, LA-ACIQ algorithm",
    unit="mean regret of one threshold for the mean language",
    method=OVER_LAYERS + "layers",
    support=CHEAP,
    least=CHEAP,
)
"""A threshold per language is of use if sharing one costs more than 1 %."""

A20 = Claim(
    id="A20",
    statement="Optimising a threshold jointly over languages is more complex than for "
    "each of them.",
    source="deep foundations, section 3.3",
    unit="share of the worst language's objective that could still be gained",
    method="one matrix of every layer, least maximum over languages; the interval "
    "holds 95 % of layers",
)


def _passes() -> list[float]:
    """Newton's iterates from 0 for a Gaussian law, each a pass over the weights."""
    c, at, found = numbers.noise_constant(), 0.0, []
    while len(found) < MOST_PASSES:
        tail = numbers.tail(at, GAUSSIAN)
        after = (numbers.clipped_mean(at, GAUSSIAN) + at * tail) / (c + tail)
        found.append(after)
        if after - at < SETTLED:
            break
        at = after
    return found


def _recompute_a19() -> Recomputed:
    found = _passes()
    values = {f"after pass {at}": found[at - 1] for at in (1, 2, 3, 4, 5, 6, 7, 8)}
    values |= {
        "passes until settled": float(len(found)),
        "thresholds that a stored weight can have": 1.0,
    }
    linear = len(found) < MOST_PASSES
    return Recomputed(values=values, verdict="inconclusive" if linear else "fails")


def _recompute_a20() -> Recomputed:
    x = numbers.gaussian_points(512)
    felt = np.stack([np.abs(x) ** power for power in FELT])
    c = numbers.noise_constant()
    with jax.enable_x64(True):
        weights, mass = jnp.asarray(x)[None], jnp.asarray(felt)[:, None]
        found = fair_noise.fair_thresholds(weights, mass, c, aim="regret")
        own = fair_noise.own_thresholds(weights, mass, jnp.asarray(c))[0][:, 0]
        value, bound, shared = (
            float(part) for part in (found.value, found.bound, found.thresholds[0])
        )
        least, most = float(jnp.min(own)), float(jnp.max(own))
    values = {
        "least of the languages' own": least,
        "largest of the languages' own": most,
        "shared": shared,
        "least maximum of J over own": value,
        "its bound by duality": bound,
    }
    easy = value - bound <= SOLVED * value and least <= shared <= most
    return Recomputed(values=values, verdict="fails" if easy else "inconclusive")


def _judge_a19(evidence: Evidence) -> Finding:
    found = regrets(evidence)
    regret = found["average"]

    def mean(kept: np.ndarray) -> float:
        return float(np.mean(regret[kept]))

    estimate, interval, n = weight_facts.over_layers(found["layer"].tolist(), mean)
    return judge(
        A19,
        estimate,
        interval,
        n,
        "what a threshold per language could gain at most, were weights stored once "
        f"for each; the median is {np.median(regret):.2g}",
    )


def _judge_a20(evidence: Evidence) -> Finding:
    found = felt_facts.sharing_gap(evidence)
    return weight_facts.spread(
        A20,
        found["gap"],
        (SOLVED, np.inf),
        f"{found['matrix']} of every layer, solved with a proof; gaps of less than "
        f"{SOLVED:g} are none",
    )


ENTRIES = (
    Entry(
        id=A19.id,
        statement=A19.statement,
        source=A19.source,
        correct="A weight that is stored once has one threshold, whatever each "
        "language would choose, so that what is deployed and every language's error "
        "there have to be reported; the cost is right if a threshold is found in a "
        "fixed number of passes, as Newton's method does.",
        check="Newton's iterates from 0 for the Gaussian at 4 bits",
        verdict="inconclusive",
        ground="condition",
        values=recorded(
            {
                "after pass 1": (0.797, 5e-4),
                "after pass 2": (1.361, 5e-4),
                "after pass 3": (1.808, 5e-4),
                "after pass 4": (2.164, 5e-4),
                "after pass 5": (2.416, 5e-4),
                "after pass 6": (2.536, 5e-4),
                "after pass 7": (2.5585, 5e-5),
                "after pass 8": (2.559136, 5e-7),
                "passes until settled": (10.0, 0.0),
                "thresholds that a stored weight can have": (1.0, 0.0),
            }
        ),
        recompute=_recompute_a19,
        on_model=_judge_a19,
    ),
    Entry(
        id=A20.id,
        statement=A20.statement,
        source=A20.source,
        correct="Mean, maximum, regret and relative regret over languages are all "
        "convex in the shared threshold, whose best value lies between the languages' "
        "own and is proven by duality.",
        check="three languages that feel weights by the powers 0, 1 and 2 of their "
        "size: least maximum and the bound of the mixed language",
        verdict="fails",
        ground="theorem",
        values=recorded(
            {
                "least of the languages' own": (2.531, 5e-4),
                "largest of the languages' own": (2.994, 5e-4),
                "shared": (2.826, 5e-4),
                "least maximum of J over own": (1.0903, 5e-5),
                "its bound by duality": (1.0903, 5e-5),
            }
        ),
        recompute=_recompute_a20,
        on_model=_judge_a20,
    ),
)
"""Entries A19 and A20."""

"""Does what is lost fall in proportion to the share of layers that are protected?

It does if losses of layers add up, whatever the layers are worth: a random half of the
layers then loses half on average. Layers are protected in random orders, each with its
reverse, so that the two halves of an order are both measured.
"""

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray
from scipy import stats

from jaxdisp.claims import losses
from jaxdisp.claims.experiment import Outcome, Rows, Subject
from jaxdisp.claims.finding import Claim, judge, not_applicable
from jaxdisp.measure import rate_curves
from jaxdisp.search import lattice
from jaxdisp.stats.equivalence import margin_left
from jaxdisp.stats.jackknife import jackknife_interval

SHARES = (0.25, 0.5, 0.75)
LAYERS = 4
ORDERS = 4
"""Random orders; as many reverses are measured, too."""

LINEAR = Claim(
    id="T-010e",
    statement="What is lost falls in proportion to the share of random layers that is "
    "protected.",
    source="research notes, T-010",
    unit="what is left of 0.1 from half the loss at half the layers",
    method="random orders and their reverses; jackknife over texts and over orders",
    most=0.1,
)
"""A tenth of the whole loss is what a line would be seen to miss by."""


def run(subject: Subject, *, key: PRNGKeyArray) -> Outcome:
    """Measures what is lost with random layers protected, and judges the line.

    Definition: the subject's quantizer, on its few sentences; see `decide`.

    Args:
        subject: model, text and quantizer.
        key: of the orders.

    Reference: our own definition.
    """
    n_layers = subject.model.config.n_layers
    if n_layers < LAYERS:
        lacking = f"needs at least {LAYERS} layers, got {n_layers}"
        return Outcome(findings=(not_applicable(LINEAR, n_layers, lacking),), tables={})
    forward = np.argsort(np.asarray(jax.random.bits(key, (ORDERS, n_layers))), axis=1)
    orders = np.concatenate([forward, forward[:, ::-1]])
    counts = [round(share * n_layers) for share in SHARES]
    sets = [order[:count].tolist() for order in orders for count in counts]
    ends = lattice.uniform(n_layers)
    sites = np.concatenate([ends, lattice.protecting(sets, n_layers)])
    unique, place = np.unique(sites, axis=0, return_inverse=True)
    nll = losses.evaluate(subject, unique)[place.ravel()].mean(axis=1)
    added = nll[2:].reshape(len(orders), len(counts), -1) - nll[0]
    return decide(
        (nll[1] - nll[0]),
        np.moveaxis(added, -1, 0),
        np.array(counts) / n_layers,
        np.array(subject.few.groups),
    )


def decide(
    everything: Float[np.ndarray, " sentence"],
    protected: Float[np.ndarray, "sentence order share"],
    shares: Float[np.ndarray, " share"],
    groups: Int[np.ndarray, " sentence"],
) -> Outcome:
    """Judges whether half the layers lose half.

    Definition: `D(p) / D(0)` at the share p nearest to a half against `1 - p`, with
    `D(p)` the mean over orders and their reverses. The interval adds the variances over
    texts and over orders, with Student's t of the fewer of them.

    Args:
        everything: lost with no layer protected, the mean over languages, in nats.
        protected: lost with the first layers of each order protected; the second half
            of the orders are the reverses of the first.
        shares: of the layers that are protected.
        groups: the text that each sentence belongs to.

    Reference: our own definition; reverses as in antithetic sampling, Hammersley and
        Morton 1956.
    """
    n_texts = len(np.unique(groups))
    whole, whole_left = rate_curves.text_means(everything, groups)
    if not rate_curves.above_zero(whole, whole_left):
        reason = "needs a loss that can be told from 0 with no layer protected"
        return Outcome(findings=(not_applicable(LINEAR, n_texts, reason),), tables={})
    n_pairs = protected.shape[1] // 2
    both = (protected[:, :n_pairs] + protected[:, n_pairs:]) / 2
    lost, lost_left = rate_curves.text_means(both, groups)
    left = lost.mean(axis=0) / whole
    by_text = _error(left, lost_left.mean(axis=1) / whole_left[:, None])
    pairs_left = (lost.sum(axis=0) - lost) / (n_pairs - 1) / whole
    by_order = _error(left, pairs_left)
    degrees = min(n_texts, n_pairs) - 1
    half = float(stats.t.isf(0.025, degrees)) * np.hypot(by_text, by_order)
    at = int(np.argmin(abs(shares - 0.5)))
    target = 1 - float(shares[at])
    estimate, width = float(left[at]), float(half[at])
    effect, within = margin_left(
        estimate,
        (estimate - width, estimate + width),
        target=target,
        margin=LINEAR.most,
    )
    rows: Rows = [{"share": 0.0, "left": 1.0, "low": 1.0, "high": 1.0}]
    rows += [
        {
            "share": float(share),
            "left": float(left[number]),
            "low": float(left[number] - half[number]),
            "high": float(left[number] + half[number]),
        }
        for number, share in enumerate(shares)
    ]
    rows.append({"share": 1.0, "left": 0.0, "low": 0.0, "high": 0.0})
    finding = judge(
        LINEAR,
        effect,
        within,
        n_texts,
        f"with {shares[at]:.0%} of the layers protected {estimate:.2f} "
        f"[{estimate - width:.2f}, {estimate + width:.2f}] of the loss is left; a line "
        f"has {target:.2f}",
    )
    return Outcome(findings=(finding,), tables={"shares": rows})


def _error(estimate: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """Standard error of the jackknife."""
    low, high = jackknife_interval(estimate, left_out)
    return (high - low) / 2 / float(stats.t.isf(0.025, len(left_out) - 1))

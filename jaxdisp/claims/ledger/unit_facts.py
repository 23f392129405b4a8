"""The ratio between languages on a model, in four units, by what is protected."""

import dataclasses
import math
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxdisp.claims import losses
from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.experiment import Subject
from jaxdisp.claims.finding import Claim, Finding, judge
from jaxdisp.claims.ledger.protection import sides_of
from jaxdisp.measure import cube, loss_ratios
from jaxdisp.search import lattice
from jaxdisp.stats.equivalence import margin_left
from jaxdisp.stats.jackknife import jackknife_interval

SCHEMES = ("none", "first", "both", "even")
"""What is protected: nothing, the first layer, first and last, every second layer."""

SAME = math.log(1.25)
"""Ratios within a quarter of one another count as the same."""

METHOD = (
    "languages with less against those with more training text, few parallel "
    "sentences; jackknife over texts"
)

ONE_NUMBER = Claim(
    id="U1",
    statement="The ratio of per cent of perplexity is the ratio of losses.",
    source="research notes; quant-disparity repository",
    unit="what is left of ln 1.25 from the ratio in nats per sentence",
    method=METHOD,
    most=SAME,
)

MORE_EQUAL = Claim(
    id="U2",
    statement="Protecting the first layer makes languages more equal.",
    source="research notes, theory gap",
    unit="size of the log-ratio in nats per sentence, without less with",
    method=METHOD,
)

REMOVED = Claim(
    id="U3",
    statement="Protecting the first and the last layer removes disparity.",
    source="research notes, theory gap",
    unit="what is left of ln 1.25 from a ratio of 1 in nats per sentence",
    method=METHOD,
    most=SAME,
)

TURNED = Claim(
    id="U4",
    statement="Protecting every second layer turns disparity round.",
    source="quant-disparity repository",
    unit="minus the log-ratio in nats per sentence",
    method=METHOD,
)

WORKING = Claim(
    id="U6",
    statement="Rounded to the run's bits, the model still predicts every language.",
    source="quant-disparity repository",
    unit="nats per token that the worst language is below a uniform guess",
    method="few parallel sentences; jackknife over texts",
)


def measured(evidence: Evidence) -> dict[str, Any]:
    """Measures losses of both sides by scheme and text, and how much text they have.

    Definition: sums over the few sentences of a text, averaged over the languages of a
    side; `worst` is the loss per token of the language that predicts worst with
    nothing protected, of all texts and without each.

    Args:
        evidence: of one model whose training text is known.

    Returns:
        `added` in nats by scheme, text and side; `tokens` and `bytes` by text and side;
        `sentences` by text; `worst`, `left_out` and `uniform`, a uniform guess's.

    Raises:
        ValueError: if nobody knows the sides.

    Reference: our own definition.
    """
    return evidence.kept("units of disparity", lambda: _measured(evidence.subject))


def _measured(subject: Subject) -> dict[str, Any]:
    sides = sides_of(subject)
    if np.isnan(sides).any():
        raise ValueError("needs to know how much text of each language was trained on")
    n_layers = subject.model.config.n_layers
    known = losses.layer_losses(subject)
    sets = [(0, n_layers - 1), tuple(range(0, n_layers, 2))]
    nll = losses.evaluate(subject, lattice.protecting(sets, n_layers))
    groups = np.array(subject.few.groups)
    member = groups[None] == np.unique(groups)[:, None]
    of_texts = member.astype(np.float64)
    rows = np.stack([known.everything, known.spared[0], *nll]) - known.full
    counts = cube.sizes(subject.model, subject.few)
    n_tokens, n_bytes = (np.asarray(count, np.float64) for count in counts)
    loss, tokens = known.everything @ of_texts.T, n_tokens @ of_texts.T
    worst = int(np.argmax(loss.sum(axis=1) / tokens.sum(axis=1)))
    loss, tokens = loss[worst], tokens[worst]
    left_out = (loss.sum() - loss) / (tokens.sum() - tokens)
    added = np.einsum("cls,ts,kl->ctk", rows, of_texts, sides)
    return {
        "added": added.tolist(),
        "tokens": (of_texts @ n_tokens.T @ sides.T).tolist(),
        "bytes": (of_texts @ n_bytes.T @ sides.T).tolist(),
        "sentences": member.sum(axis=1).tolist(),
        "worst": float(loss.sum() / tokens.sum()),
        "left_out": left_out.tolist(),
        "language": subject.few.languages[worst],
        "uniform": math.log(subject.model.config.vocabulary),
    }


def log_ratios(found: dict[str, Any]) -> dict[str, Float[np.ndarray, "row scheme"]]:
    """Takes logarithms of ratios by unit, of all texts first and then without each.

    Definition: `loss_ratios.ratios`.

    Args:
        found: as from `measured`.

    Raises:
        ValueError: if a side does not lose.

    Reference: our own definition.
    """
    added = np.array(found["added"])
    tokens, n_bytes = np.array(found["tokens"]), np.array(found["bytes"])
    sentences = np.array(found["sentences"], np.float64)
    rows: dict[str, list[np.ndarray]] = {unit: [] for unit in loss_ratios.UNITS}
    everything = np.ones(len(sentences))
    for kept in (everything, *(everything - np.eye(len(sentences)))):
        low, high = np.einsum("t,ctk->kc", kept, added) / (kept @ tokens)[:, None]
        low_size, high_size = (
            loss_ratios.Size(
                tokens=float(kept @ tokens[:, side]),
                bytes=float(kept @ n_bytes[:, side]),
                sentences=float(kept @ sentences),
            )
            for side in (0, 1)
        )
        ratios = loss_ratios.ratios(low, high, low_size=low_size, high_size=high_size)
        for unit in loss_ratios.UNITS:
            rows[unit].append(np.log(getattr(ratios, unit)))
    return {unit: np.array(each) for unit, each in rows.items()}


def _said(logs: dict[str, np.ndarray], scheme: str) -> str:
    at = SCHEMES.index(scheme)
    parts = ", ".join(
        f"{math.exp(logs[unit][0, at]):.2f} by {unit}" for unit in loss_ratios.UNITS
    )
    return f"ratio with {scheme} protected: {parts}"


def one_number(evidence: Evidence, unit: str = "sentence") -> Finding:
    """Judges whether the ratio of perplexities agrees with that in another unit.

    Args:
        evidence: of one model.
        unit: one of `loss_ratios.UNITS`.

    Raises:
        ValueError: if nobody knows the sides, or one does not lose.

    Reference: our own definition.
    """
    logs = log_ratios(measured(evidence))
    apart = (logs["perplexity"] - logs[unit])[:, 0]
    claim = dataclasses.replace(
        ONE_NUMBER,
        statement="The ratio of per cent of perplexity says how many times as much a "
        f"language loses per {unit}.",
        unit=f"what is left of ln 1.25 from the ratio in nats per {unit}",
    )
    return _near(claim, apart, _said(logs, "none"))


def more_equal(evidence: Evidence) -> Finding:
    """Judges whether protecting the first layer makes languages more equal.

    Args:
        evidence: of one model.

    Raises:
        ValueError: if nobody knows the sides, or one does not lose.

    Reference: our own definition.
    """
    logs = log_ratios(measured(evidence))
    size = abs(logs["sentence"])
    said = f"{_said(logs, 'none')}; {_said(logs, 'first')}"
    return _above(MORE_EQUAL, size[:, 0] - size[:, 1], said)


def removed(evidence: Evidence) -> Finding:
    """Judges whether protecting the first and the last layer removes disparity.

    Args:
        evidence: of one model.

    Raises:
        ValueError: if nobody knows the sides, or one does not lose.

    Reference: our own definition.
    """
    logs = log_ratios(measured(evidence))
    return _near(REMOVED, logs["sentence"][:, 2], _said(logs, "both"))


def turned(evidence: Evidence) -> Finding:
    """Judges whether protecting every second layer turns disparity round.

    Args:
        evidence: of one model.

    Raises:
        ValueError: if nobody knows the sides, or one does not lose.

    Reference: our own definition.
    """
    logs = log_ratios(measured(evidence))
    return _above(TURNED, -logs["sentence"][:, 3], _said(logs, "even"))


def working(evidence: Evidence) -> Finding:
    """Judges whether the rounded model predicts its worst language at all.

    Args:
        evidence: of one model.

    Raises:
        ValueError: if nobody knows the sides.

    Reference: our own definition.
    """
    found = measured(evidence)
    below = found["uniform"] - np.array([found["worst"], *found["left_out"]])
    said = (
        f"{found['language']} has {found['worst']:.2f} nats per token, a uniform guess "
        f"{found['uniform']:.2f}"
    )
    return _above(WORKING, below, said)


def _above(claim: Claim, values: np.ndarray, said: str) -> Finding:
    """Judges by a jackknife; the first value is of all texts."""
    low, high = jackknife_interval(np.array(values[0]), values[1:])
    n = len(values) - 1
    return judge(claim, float(values[0]), (float(low), float(high)), n, said)


def _near(claim: Claim, values: np.ndarray, said: str) -> Finding:
    """Judges whether a logarithm is near 0; the first value is of all texts."""
    low, high = jackknife_interval(np.array(values[0]), values[1:])
    effect, within = margin_left(
        float(values[0]), (float(low), float(high)), target=0.0, margin=SAME
    )
    return judge(claim, effect, within, len(values) - 1, said)

"""Whether the first and last layers of a model are those that must be protected."""

from typing import Any

import numpy as np
from jaxtyping import Float

from jaxdisp.claims import losses
from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding, judge, not_applicable
from jaxdisp.claims.theorems import layer_draws
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import mean_field
from jaxdisp.search import lattice
from jaxdisp.stats.jackknife import jackknife_interval

KEPT = 3
"""Layers that may be protected, as in the notes."""
LEAST_LAYERS = 5
SENTENCES = 8
"""Of each language, for errors on their way through the layers."""
DRAWS = 500
"""Of those resampled, for all sets of three layers."""

RANKS = Claim(
    id="T3a",
    statement="Every best set of three protected layers contains the first and the "
    "last.",
    source="formal proofs, theorem 3; theory development, proof sketch 2",
    unit="nats per sentence by which the lesser of both exceeds its third rival",
    method="losses of single layers, added up; band of all comparisons of layers over "
    "resampled texts",
)
RATIO = Claim(
    id="T3b",
    statement="Of all sets of three protected layers, the first, the one at three "
    "quarters and the last make the ratio of losses least.",
    source="formal proofs, corollary of theorem 3",
    unit="ratio of low to high side, best other set minus this one",
    method="losses of single layers, added up; band of all comparisons of sets over "
    "resampled texts",
)
PROPAGATION = Claim(
    id="T3c",
    statement="The layers after the first amplify its error.",
    source="formal proofs, theorem 3, step 1",
    unit="log of the error's length after the last layer over that after the first",
    method="states with layer 0 quantized against full precision; delete-a-text "
    "jackknife",
)


def leads(
    importances: Float[np.ndarray, "*draw layer"],
) -> Float[np.ndarray, "*draw both rival"]:
    """Compares the first and the last layer with each of the others.

    Definition: `g_j - g_i` for `j = 0` and `j = L - 1`, all `i != j`.

    Args:
        importances: `g`, in any unit.

    Reference: our own definition.
    """
    first, last = importances[..., :1], importances[..., -1:]
    return np.stack([first - importances[..., 1:], last - importances[..., :-1]], -2)


def margin(
    leads: Float[np.ndarray, "*draw both rival"], kept: int
) -> Float[np.ndarray, "*draw"]:
    """Finds by how much the first and the last layer are both among the best.

    Definition: the lesser, over both, of the k-th least lead: `g_j` minus the k-th
    largest of the others. By theorem T3a both are in every optimal set exactly if it is
    above 0. It grows with every lead.

    Args:
        leads: as from `leads`.
        kept: `k`, at most the number of rivals.

    Reference: our own derivation (exchange).
    """
    return np.asarray(np.sort(leads, axis=-1)[..., kept - 1].min(axis=-1))


def ranks(evidence: Evidence) -> dict[str, Any]:
    """Ranks the layers by what leaving them unprotected costs.

    Definition: by objective (`difference` of the low and the high side where that is
    known, `worst` language, `mean` of languages), `importance` of each layer, the
    `rank` of the first and of the last (1 is the largest), the `margin` with
    its interval, and the share of draws in which it is positive. `residual` is
    `|D(all) - sum_i D(i)| / D(all)` of the mean language.

    Args:
        evidence: of one model.

    Reference: our own definition.
    """
    return evidence.kept("gateway ranks", lambda: _ranks(evidence))


def _ranks(evidence: Evidence) -> dict[str, Any]:
    drawn = layer_draws.resampled(evidence)
    worst = int(np.argmax(drawn.everything[0]))
    objectives = {"worst": drawn.alone[..., worst], "mean": drawn.alone.mean(axis=-1)}
    weights = layer_draws.sides(evidence)
    if weights is not None:
        gap = weights[0] - weights[1]
        objectives = {"difference": drawn.alone @ gap} | objectives
    whole = float(drawn.everything[0].mean())
    parts = float(drawn.alone[0].mean(axis=-1).sum())
    n_texts = layer_draws.texts(evidence)
    return {
        "residual": abs(whole - parts) / whole if whole > 0 else None,
        "objectives": {
            name: _ranked(values, n_texts) for name, values in objectives.items()
        },
    }


def _ranked(values: Float[np.ndarray, "draw layer"], n_texts: int) -> dict[str, Any]:
    found = leads(values)
    ends = layer_draws.band(found.reshape(len(found), -1), n_texts)
    low, high = (float(margin(x.reshape(found.shape[1:]), KEPT)) for x in ends)
    each = margin(found, KEPT)
    place = (values[0] >= values[0][[0, -1], None]).sum(axis=1)
    return {
        "importance": values[0].tolist(),
        "rank": place.tolist(),
        "margin": float(each[0]),
        "low": low,
        "high": high,
        "share": float(np.mean(each[1:] > 0)),
    }


def judge_ranks(evidence: Evidence) -> Finding:
    """Judges whether both gateways are in every best set of three layers.

    Args:
        evidence: of one model.

    Reference: our own definition.
    """
    n_layers = evidence.subject.model.config.n_layers
    if n_layers < LEAST_LAYERS:
        return not_applicable(
            RANKS, n_layers, f"needs at least {LEAST_LAYERS} layers, got {n_layers}"
        )
    found = ranks(evidence)
    by_name = found["objectives"]
    name = next(iter(by_name))
    said = "; ".join(
        f"by {_objective(each)} they rank {row['rank'][0]} and {row['rank'][1]} of "
        f"{n_layers} (both among {KEPT} in {row['share']:.0%} of draws)"
        for each, row in by_name.items()
    )
    one = by_name[name]
    left = found["residual"]
    if left is not None:
        said += f"; single layers miss {left:.0%} of what all lose together"
    return judge(
        RANKS,
        one["margin"],
        (one["low"], one["high"]),
        layer_draws.texts(evidence),
        said,
    )


def _objective(name: str) -> str:
    return {
        "difference": "low minus high side",
        "worst": "the worst language",
        "mean": "the mean language",
    }[name]


def ratio(evidence: Evidence) -> dict[str, Any]:
    """Compares the notes' set of three layers with all others, by the ratio of losses.

    Definition: ratios are `A(S) / B(S)` of the low and the high side, from losses of
    single layers; `now` is that of all layers, `gateways` that with the notes' set
    protected, `other` the least of all other sets, `best` the layers of the least,
    `gap` the difference with the bounds of `layer_draws.band`.
    `below` lists the layers whose own ratio is below `now`, whose protection raises the
    ratio by the mediant rule, and `rising` those whose protection does raise the
    measured one. Empty without two sides, and where some set leaves the high side no
    loss in the data or a draw.

    Args:
        evidence: of one model.

    Reference: our own definition.
    """
    return evidence.kept("gateway ratio", lambda: _ratio(evidence))


def _ratio(evidence: Evidence) -> dict[str, Any]:
    weights = layer_draws.sides(evidence)
    if weights is None:
        return {}
    drawn = layer_draws.resampled(evidence)
    a, b = np.moveaxis(drawn.alone @ weights.T, -1, 0)
    n_layers = a.shape[1]
    if np.sort(b, axis=1)[:, : n_layers - KEPT].sum(axis=1).min() <= 0:
        return {}
    members = lattice.subsets(n_layers, KEPT)
    left = np.ones((len(members), n_layers))
    np.put_along_axis(left, members, 0.0, axis=1)
    own = np.flatnonzero((members == sorted(lattice.gateways(n_layers))).all(axis=1))[0]
    others = np.delete(np.arange(len(members)), own)
    every = (a[: DRAWS + 1] @ left.T) / (b[: DRAWS + 1] @ left.T)
    gaps = every[:, others] - every[:, [own]]
    ends = layer_draws.band(gaps, layer_draws.texts(evidence))
    now = a[0].sum() / b[0].sum()
    low, high = drawn.everything[0] @ weights.T
    spared = drawn.spared[0] @ weights.T
    return {
        "now": float(now),
        "gateways": float(every[0, own]),
        "other": float(every[0, others].min()),
        "best": members[np.argmin(every[0])].tolist(),
        "gap": float(gaps[0].min()),
        "bounds": [float(end.min()) for end in ends],
        "below": np.flatnonzero(a[0] < now * b[0]).tolist(),
        "rising": np.flatnonzero(spared[:, 0] * high > low * spared[:, 1]).tolist(),
    }


def judge_ratio(evidence: Evidence) -> Finding:
    """Judges whether the notes' three layers make the ratio of losses least.

    Args:
        evidence: of one model.

    Reference: our own definition.
    """
    n_layers = evidence.subject.model.config.n_layers
    if n_layers < LEAST_LAYERS:
        return not_applicable(
            RATIO, n_layers, f"needs at least {LEAST_LAYERS} layers, got {n_layers}"
        )
    found = ratio(evidence)
    if not found:
        return not_applicable(
            RATIO,
            layer_draws.texts(evidence),
            "needs two sides of languages, by training text, of which the high one "
            "loses something whatever three layers are protected, in every resample",
        )
    same = len(set(found["below"]) ^ set(found["rising"]))
    said = (
        f"the ratio is {found['now']:.3f}, with the notes' layers protected "
        f"{found['gateways']:.3f}, with others down to {found['other']:.3f} (best: "
        f"{', '.join(map(str, found['best']))}); of {n_layers} layers "
        f"{len(found['below'])} are below the ratio, whose protection raises it by the "
        f"mediant rule (so it does as measured, but for {same} layers)"
    )
    low, high = found["bounds"]
    return judge(RATIO, found["gap"], (low, high), layer_draws.texts(evidence), said)


def gains(evidence: Evidence) -> dict[str, Any]:
    """Measures how the errors that single layers make arrive at the end.

    Definition: with layer i alone quantized and `e[t]` the difference of the states
    after t layers from full precision, over all tokens and languages, `gain` is
    `ln |e[L]| / |e[i + 1]|` of the layers `layer`: the first, the middle one and the
    last but one. `first` is that of layer 0 with its interval, `relative` the same
    beside the growth of the states themselves, and `steps` are the parts of it from
    each tap to the next. By theorem T3c a layer that takes an error to `f` times its
    length has a Lipschitz constant of at least `|f - 1|`. Empty where quantizing one of
    them changes no state.

    Args:
        evidence: of one model; 8 sentences of each language are read.

    Reference: our own definition.
    """
    return evidence.kept("gains of errors", lambda: _gains(evidence))


def _gains(evidence: Evidence) -> dict[str, Any]:
    subject = evidence.subject
    n_layers = subject.model.config.n_layers
    few = corpora.spread(subject.few, SENTENCES)
    rounded = losses.rounded(subject)
    layers = [0, n_layers // 2, n_layers - 2]
    found = []
    for row in lattice.one_quantized(n_layers)[layers].tolist():
        parts = mean_field.language_sums(
            subject.model,
            few,
            [rounded],
            ([0] * n_layers, row),
            stride=subject.stride,
        )
        each = [(one.error, one.power[0]) for _, one in parts]
        found.append(np.sum(each, axis=0))
    errors, powers = np.moveaxis(mean_field.with_left_out(np.stack(found)), 1, 0)
    if not all(
        np.all(error[layer + 1 :] > 0)
        for layer, error in zip(layers, errors, strict=True)
    ):
        return {}
    path = 0.5 * np.log(errors[0, 1:])
    states = 0.5 * np.log(powers[0, -1, 0] / powers[0, 1, 0])
    log_gain = path[-1] - path[0]
    low, high = jackknife_interval(np.asarray(log_gain[0]), log_gain[1:])
    return {
        "layer": layers,
        "gain": [
            float(0.5 * np.log(error[-1, 0] / error[layer + 1, 0]))
            for layer, error in zip(layers, errors, strict=True)
        ],
        "first": [float(log_gain[0]), float(low), float(high)],
        "relative": float(log_gain[0] - states),
        "steps": np.diff(path[:, 0]).tolist(),
        "texts": errors.shape[-1] - 1,
    }


def judge_propagation(evidence: Evidence) -> Finding:
    """Judges whether the error of the first layer grows on its way.

    Args:
        evidence: of one model.

    Reference: our own definition.
    """
    n_layers = evidence.subject.model.config.n_layers
    if n_layers < LEAST_LAYERS:
        return not_applicable(
            PROPAGATION,
            n_layers,
            f"needs at least {LEAST_LAYERS} layers, got {n_layers}",
        )
    found = gains(evidence)
    if not found:
        return not_applicable(
            PROPAGATION, n_layers, "needs layers whose quantization changes states"
        )
    steps, gain = np.exp(found["steps"]), np.exp(found["gain"])
    estimate, low, high = found["first"]
    constants = np.abs(steps - 1)
    said = (
        f"the error of layer 0 arrives {gain[0]:.2f} times as long "
        f"({np.exp(found['relative']):.2f} times beside the states, which grow), that "
        f"of layer {found['layer'][1]} {gain[1]:.2f} and of layer {found['layer'][2]} "
        f"{gain[2]:.2f} times. Each layer takes it to {steps.min():.2f} to "
        f"{steps.max():.2f} times its length: Lipschitz constants are at least "
        f"{constants.min():.2f} to {constants.max():.2f}"
    )
    return judge(PROPAGATION, estimate, (low, high), found["texts"], said)

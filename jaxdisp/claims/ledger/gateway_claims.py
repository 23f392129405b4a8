"""Claims C12 to C16 and C18: which layers it is best to protect."""

import dataclasses
import itertools
import math

import numpy as np
from jaxtyping import Float

from jaxdisp.claims.evidence import Evidence
from jaxdisp.claims.finding import Claim, Finding, judge
from jaxdisp.claims.ledger import norm_products, protection
from jaxdisp.claims.ledger import published_runs as published
from jaxdisp.claims.ledger.entry import Entry, Recomputed
from jaxdisp.claims.ledger.recorded import REPOSITORY, recorded
from jaxdisp.claims.theorems import gateways, gateways_on_model, group_instances

LAYERS, KEPT = 12, 3
NOTES = (0, 9, 11)
ENDS = {0, 11}
OPT_BEST = (4, 6, 11)
"""The best set of three layers of OPT-125M in the repository's index, experiment "
"075."""

FORMULA = "theory/redundancy_formalization.py"
SETS = list(itertools.combinations(range(LAYERS), KEPT))


def _toy_ratios(
    language: Float[np.ndarray, " layer"], reference: Float[np.ndarray, " layer"]
) -> Float[np.ndarray, " set"]:
    """Ratios that sets of three leave, by typed importances that add up."""
    kept = np.array([[layer in chosen for layer in range(LAYERS)] for chosen in SETS])
    return (~kept @ language) / (~kept @ reference)


def _search() -> Recomputed:
    ratios = _toy_ratios(
        group_instances.NOTES_LANGUAGE, group_instances.NOTES_REFERENCE
    )
    order = np.argsort(np.round(ratios, 12), kind="stable")
    best = ratios[order[0]]
    ties = [SETS[at] for at in order if ratios[at] <= best * (1 + 1e-12)]
    forced = sum(chosen[0] == 0 for chosen in SETS)
    return Recomputed(
        values={
            "sets of three of twelve layers": float(len(SETS)),
            "sets that were searched on a model": float(forced),
            "least ratio of the typed importances": float(best),
            "sets that attain it": float(len(ties)),
            "middle layer of the first of them": float(ties[0][1]),
            "last layer of the next best set": float(SETS[order[len(ties)]][2]),
        },
        verdict="holds" if ties == [NOTES] else "fails",
    )


def _every_best_set() -> Recomputed:
    sizes = {norm: gateways.product_importances(norm) for norm in (1.1, 0.9)}
    best = {norm: gateways.best_layers(x, KEPT) for norm, x in sizes.items()}
    held = [len(ENDS & set(chosen)) for chosen in (*best.values(), OPT_BEST)]
    return Recomputed(
        values={
            "importance of layer 0 at norms of 1.1": float(sizes[1.1][0]),
            "importance of layer 1 at norms of 1.1": float(sizes[1.1][1]),
            "importance of layer 2 at norms of 1.1": float(sizes[1.1][2]),
            "last of the best three at norms of 1.1": float(best[1.1][-1]),
            "first of the best three at norms of 0.9": float(best[0.9][0]),
            "ends in the best three of OPT-125M": float(held[-1]),
        },
        verdict="holds" if min(held) == len(ENDS) else "fails",
    )


def _gains() -> Recomputed:
    half, later = 0.5, LAYERS - 1
    product = half**later
    shrunk, grown = (1 - half) ** later, (1 + half) ** later
    return Recomputed(
        values={
            "the notes' product, norms of 1/2": product,
            "gain of layer 0 if F(x) = -x/2": shrunk,
            "gain of layer 0 if F(x) = x/2": grown,
            "ratio of the gains at equal norms": grown / shrunk,
        },
        verdict="holds" if math.isclose(grown, shrunk) else "fails",
    )


def _allowed() -> Recomputed:
    bottleneck = range(LAYERS // 2, 3 * LAYERS // 4 + 1)
    allowed = [
        chosen for chosen in SETS if set(chosen) > ENDS and chosen[1] in bottleneck
    ]
    return Recomputed(
        values={
            "sets that the theorem allows": float(len(allowed)),
            "of these, with a layer of the bottleneck before 9": float(
                sum(chosen[1] < 9 for chosen in allowed)
            ),
        },
        verdict="holds" if allowed == [NOTES] else "fails",
    )


def _top_sets() -> Recomputed:
    typed = group_instances.NOTES_REFERENCE
    exchanged = typed.copy()
    exchanged[[0, 6, 11, 7]] = typed[[6, 0, 7, 11]]
    factor = np.where(exchanged > 0.5, 1.5, 1.0)
    counts = [
        _with_ends(_toy_ratios(group_instances.NOTES_LANGUAGE, typed)),
        _with_ends(_toy_ratios(exchanged * factor, exchanged)),
    ]
    return Recomputed(
        values={
            "importance typed in for layer 0": float(typed[0]),
            "importance typed in for layer 11": float(typed[11]),
            "largest importance of another layer": float(typed[1:11].max()),
            "best four sets that hold both": float(counts[0]),
            "the same with layers 6 and 7 in their place": float(counts[1]),
        },
        # what follows the typed numbers wherever they are put is no observation
        verdict="not applicable" if counts[1] < counts[0] else "holds",
    )


def _with_ends(ratios: Float[np.ndarray, " set"]) -> int:
    order = np.argsort(np.round(ratios, 12), kind="stable")[: protection.TOP]
    return sum(set(SETS[at]) >= ENDS for at in order)


def _top_on_model(evidence: Evidence) -> Finding:
    found = protection.layer_by_layer(evidence)
    count, low, high = (part[0] for part in found["top_with_ends"])
    claim = Claim(
        id="C16",
        statement="The best four sets of three layers hold the first and the last",
        source="formal proofs, corollary of theorem 3",
        unit="sets of the best four that hold both, less 3.5",
        method="losses of single layers, added up; quantiles over resampled texts",
    )
    remark = f"of the best four sets {count:.0f} [{low:.0f}, {high:.0f}] hold both"
    return judge(claim, count - 3.5, (low - 3.5, high - 3.5), found["n"], remark)


def _best_on_model(evidence: Evidence) -> Finding:
    found = protection.protected(evidence)
    behind, low, high = protection.of(found, "behind", "cheapest")
    wider = protection.of(found, "wider", "fairest")
    claim = Claim(
        id="C15",
        statement="No other three layers save more than those of the notes",
        source="formal proofs, corollary of theorem 3",
        unit="nats per sentence that a rival loses more, mean of languages",
        method="the rival is chosen by the losses of single layers on half of the "
        "texts "
        "and both are measured on the other half; bootstrap of texts, BCa",
    )
    sets = [", ".join(map(str, found["sets"][at])) for at in (4, 5, 6)]
    remark = (
        f"layers {sets[0]} against {sets[1]}; from low to high side the difference is "
        f"{wider[0]:.2f} [{wider[1]:.2f}, {wider[2]:.2f}] larger than with {sets[2]}"
    )
    if sets[0] == sets[1]:
        claim = dataclasses.replace(claim, support=-1e-9)
        remark = f"layers {sets[0]} are chosen from the losses of single layers, too"
    return judge(claim, -behind, (-high, -low), found["n_judging"], remark)


def _log_interaction() -> Recomputed:
    mean = {
        name: float(np.mean(list(both.values())))
        for name, both in published.PROTECTED.items()
    }
    product = mean["first"] * mean["last"] / mean["none"]
    interaction = math.log(mean["both"] / product)
    return Recomputed(
        values={
            "interaction of logarithms": interaction,
            "product of both effects": product,
            "with both protected": mean["both"],
        },
        # of one sentence and in one unit: it could refute, it cannot support
        verdict="fails" if interaction >= 0 else "inconclusive",
    )


def _together(evidence: Evidence) -> Finding:
    found = protection.layer_by_layer(evidence)
    estimate, low, high = found["together"]
    claim = Claim(
        id="C18",
        statement="The first and the last layer save more together than the sum of "
        "what "
        "each saves",
        source="theory gap, section 2; theory investigation, gap 2",
        unit="nats per sentence, mean of languages",
        method="interaction of protecting both; bootstrap of texts, BCa",
    )
    remark = f"together they save {estimate:.3f} [{low:.3f}, {high:.3f}] more"
    return judge(claim, estimate, (low, high), found["n"], remark)


_C12 = Entry(
    id="C12",
    statement="A search over all 220 sets of three layers finds {0, 9, 11}",
    source="theory development, theory 3",
    correct="There are 220 sets. On a model the repository searched 55, those with "
    "layer "
    "0, on one sentence; over all 220 it searched a formula with typed importances, in "
    "which four sets tie and the first that is found is {0, 6, 11}.",
    check=f"the formula of {FORMULA} over all sets",
    verdict="fails",
    ground="arithmetic",
    values=recorded(
        {
            "sets of three of twelve layers": (220, 0),
            "sets that were searched on a model": (55, 0),
            "least ratio of the typed importances": (1.2222, 5e-5),
            "sets that attain it": (4, 0),
            "middle layer of the first of them": (6, 0),
            "last layer of the next best set": (7, 0),
        }
    ),
    recompute=_search,
    on_model=lambda evidence: dataclasses.replace(
        gateways_on_model.judge_ratio(evidence), id="C12"
    ),
)
_C13 = dataclasses.replace(
    _C12,
    id="C13",
    statement="Every set of protected layers with the least disparity holds the first "
    "and the last",
    source="formal proofs, theorem 3; theory development, proof sketch 2",
    correct="A layer is in every best set of k exactly if fewer than k others are "
    "worth "
    "as much (theorem T3a), which is a matter of measurement: the formula of the "
    "notes' "
    "own proof has {0, 1, 2} for norms above 1 and {9, 10, 11} for norms below.",
    check="the product of norms, and the best set that the repository found for "
    "OPT-125M",
    ground="counterexample",
    values=recorded(
        {
            "importance of layer 0 at norms of 1.1": (2.85, 5e-3),
            "importance of layer 1 at norms of 1.1": (2.59, 5e-3),
            "importance of layer 2 at norms of 1.1": (2.36, 5e-3),
            "last of the best three at norms of 1.1": (2, 0),
            "first of the best three at norms of 0.9": (9, 0),
            "ends in the best three of OPT-125M": (1, 0),
        }
    ),
    recompute=_every_best_set,
    on_model=lambda evidence: dataclasses.replace(
        gateways_on_model.judge_ranks(evidence), id="C13"
    ),
)
_C14 = dataclasses.replace(
    _C12,
    id="C14",
    statement="The increase in perplexity is proportional to sum_i e_i prod_{j>i} "
    "|W_j|",
    source="formal proofs, theorem 3, step 1",
    correct="The product bounds the gain of a chain of layers from above. Layers that "
    "add to a residual stream have a gain between prod (1 - c_j)+ and prod (1 + c_j) "
    "(theorem T3c), which norms alone do not determine.",
    check="two residual networks of the same norms",
    ground="counterexample",
    values=recorded(
        {
            "the notes' product, norms of 1/2": (4.883e-4, 5e-8),
            "gain of layer 0 if F(x) = -x/2": (4.883e-4, 5e-8),
            "gain of layer 0 if F(x) = x/2": (86.50, 5e-3),
            "ratio of the gains at equal norms": (177147, 0.5),
        }
    ),
    recompute=_gains,
    on_model=norm_products.judge_product,
)
_C15 = dataclasses.replace(
    _C12,
    id="C15",
    statement="The theorem's optimum for twelve layers is {0, 9, 11}",
    source="formal proofs, corollary of theorem 3",
    correct="The theorem leaves the third layer open among those of the bottleneck, 6 "
    "to 9; it allows four sets, and nothing in it prefers 9.",
    check="the sets that satisfy the conclusion and the assumption on the bottleneck",
    ground="counterexample",
    values=recorded(
        {
            "sets that the theorem allows": (4, 0),
            "of these, with a layer of the bottleneck before 9": (3, 0),
        }
    ),
    recompute=_allowed,
    on_model=_best_on_model,
)
_C16 = dataclasses.replace(
    _C12,
    id="C16",
    statement="The best four sets of three layers all hold 0 and 11, as validation "
    "shows",
    source="formal proofs, corollary of theorem 3",
    correct="The sets were ranked by importances that had been typed in, the largest "
    "for "
    "layers 0 and 11; given to other layers, the same numbers single out those.",
    check=f"the formula of {FORMULA}, with the numbers of two pairs of layers "
    "exchanged",
    verdict="not applicable",
    ground="construction",
    values=recorded(
        {
            "importance typed in for layer 0": (1.0, 0),
            "importance typed in for layer 11": (0.95, 0),
            "largest importance of another layer": (0.8, 0),
            "best four sets that hold both": (4, 0),
            "the same with layers 6 and 7 in their place": (0, 0),
        }
    ),
    recompute=_top_sets,
    on_model=_top_on_model,
)
_C18 = dataclasses.replace(
    _C12,
    id="C18",
    statement="Protecting layers 0 and 11 is synergistic: together they save more than "
    "each does",
    source="theory gap, section 2; theory investigation, gap 2; "
    f"{REPOSITORY}{published.RUNS['protected']}",
    correct="In ratios of per cent of perplexity of one sentence, 0.72 is far below "
    "the "
    "8.2 that two independent factors would leave. Whether nats show it cannot be said "
    "from what was stored, as losses with layer 11 alone were not.",
    check="the interaction of logarithms of the stored disparities",
    verdict="inconclusive",
    ground="needs data",
    values=recorded(
        {
            "interaction of logarithms": (-2.43, 5e-3),
            "product of both effects": (8.2, 0.05),
            "with both protected": (0.722, 5e-4),
        }
    ),
    recompute=_log_interaction,
    on_model=_together,
)
ENTRIES = (_C12, _C13, _C14, _C15, _C16, _C18)
"""Entries C12 to C16 and C18."""

"""Rows on agreement: by language, phenomenon and layer, and what probes can tell."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Int, PRNGKeyArray
from scipy import stats

from jaxdisp.claims.agreement_units import Units, language_mean, positive
from jaxdisp.claims.experiment import Rows
from jaxdisp.measure import probes
from jaxdisp.measure.agreement import Scores
from jaxdisp.measure.minimal_pairs import Pair
from jaxdisp.result import result
from jaxdisp.stats.jackknife import jackknife_interval
from jaxdisp.stats.multiplicity import holm
from jaxdisp.stats.strata import member_means, strata_mean

LEAST_PROBED = 8
"""Units of a feature in a language: with fewer a probe has next to nothing to learn."""


def language_rows(
    pairs: Sequence[Pair],
    scores: Scores,
    units: Units,
    languages: tuple[str, ...],
    groups: dict[str, str],
    left_out: dict[str, int],
) -> Rows:
    """Describes each language: shares, sign test, differences, what is lost.

    Definition: the sign test is of units against 1/2, one-sided, corrected after Holm
    over the languages. `share_pairs` counts single pairs, which the frequency of the
    forms pulls towards 1/2; `share_same_tokens` those of them whose forms have as many
    tokens. Differences and losses are means over units in nats with 95 % intervals.

    Args:
        pairs: in the order of the scores.
        scores: in full precision.
        units: scores of mirrored units.
        languages: names by number.
        groups: names of the groups by language.
        left_out: pairs that were not asked, by language.

    Reference: our own definition; Holm 1979.
    """
    tests = [
        _sign_test(units.full[-1, units.language == n]) for n in range(len(languages))
    ]
    corrected = holm(np.array([test[1] for test in tests]))
    rows: Rows = []
    for number, name in enumerate(languages):
        mine = np.array([pair.language == name for pair in pairs])
        own = units.language == number
        right = positive(scores.difference[-1, mine])
        same = scores.n_tokens[mine, 0] == scores.n_tokens[mine, 1]
        full, rounded = units.full[-1, own], units.rounded[-1, own]
        rows.append(
            {
                "language": name,
                "group": groups.get(name, ""),
                "units": int(own.sum()),
                "pairs": int(mine.sum()),
                "left_out": left_out.get(name, 0),
                "share_units": float(positive(full).mean()),
                "share_low": tests[number][0][0],
                "share_high": tests[number][0][1],
                "p_value": tests[number][1],
                "p_holm": float(corrected[number]),
                "share_pairs": float(right.mean()),
                "pairs_same_tokens": int(same.sum()),
                "share_same_tokens": float(right[same].mean()) if same.any() else None,
                "share_units_quantized": float(positive(rounded).mean()),
                "share_units_shuffled": float(positive(units.null[own]).mean()),
            }
            | _interval_row("difference", full)
            | _interval_row("lost", full - rounded)
        )
    return rows


def _sign_test(scores: np.ndarray) -> tuple[tuple[float, float], float]:
    """Exact interval of the share above 0, and the one-sided p-value against 1/2."""
    decided = scores[scores != 0]
    if not len(decided):
        return (0.0, 1.0), 1.0
    above, n = int(np.sum(decided > 0)), len(decided)
    test = stats.binomtest(above, n, 0.5, alternative="greater")
    bounds = stats.binomtest(above, n, 0.5).proportion_ci(0.95)
    return (float(bounds.low), float(bounds.high)), float(test.pvalue)


def _interval_row(name: str, values: np.ndarray) -> dict[str, float]:
    one = np.zeros(len(values), int)
    estimate, low, high = map(float, language_mean(values, one))
    return {name: estimate, f"{name}_low": low, f"{name}_high": high}


def phenomenon_rows(
    pairs: Sequence[Pair], number: Int[np.ndarray, " pair"], units: Units
) -> Rows:
    """Describes each phenomenon of each language: units, share, mean difference.

    Args:
        pairs: minimal pairs.
        number: of each pair's unit.
        units: scores of mirrored units.

    Reference: our own definition.
    """
    _, first = np.unique(number, return_index=True)
    names = [(pairs[place].language, pairs[place].phenomenon) for place in first]
    rows: Rows = []
    for language, phenomenon in dict.fromkeys(names):
        own = np.array([name == (language, phenomenon) for name in names])
        rows.append(
            {
                "language": language,
                "phenomenon": phenomenon,
                "units": int(own.sum()),
                "share_units": float(positive(units.full[-1, own]).mean()),
                "difference": float(units.full[-1, own].mean()),
                "difference_quantized": float(units.rounded[-1, own].mean()),
            }
        )
    return rows


def layer_rows(units: Units) -> Rows:
    """Describes what early readouts prefer: all languages, each weighing the same.

    Definition: tap 0 is before the first layer, tap i after layer i - 1; 95 % intervals
    of each tap by itself.

    Args:
        units: scores of mirrored units.

    Reference: our own definition.
    """
    measured = {
        "difference": units.full,
        "difference_quantized": units.rounded,
        "share_units": positive(units.full),
    }
    found = {
        name: language_mean(values.T, units.language)
        for name, values in measured.items()
    }
    rows: Rows = []
    for tap in range(len(units.full)):
        row: dict[str, Any] = {"tap": tap}
        for name, (estimate, low, high) in found.items():
            row |= {
                name: float(estimate[tap]),
                f"{name}_low": float(low[tap]),
                f"{name}_high": float(high[tap]),
            }
        rows.append(row)
    return rows


@result
class Probed:
    """What probes told of the units of one feature in one language, by tap and unit.

    `feature` and `control` are shares of right answers, as in `probes.HeldOut`.
    """

    language: str
    attribute: str
    scores: probes.HeldOut


def probe_all(
    pairs: Sequence[Pair],
    number: Int[np.ndarray, " pair"],
    scores: Scores,
    key: PRNGKeyArray,
) -> list[Probed]:
    """Probes the states at the prefixes' ends for each feature of each language.

    Definition: `probes.held_out` with mirrored units held out together; a type is the
    last word of a prefix. Features with other than two values, or with fewer than 8
    units, are passed over.

    Args:
        pairs: minimal pairs.
        number: of each pair's unit.
        scores: with the states of each pair.
        key: of folds and control tasks.

    Reference: Hewitt and Liang 2019, arXiv:1909.03368.
    """
    names = [(pair.language, pair.attribute) for pair in pairs]
    members = {
        name: [place for place, other in enumerate(names) if other == name]
        for name in dict.fromkeys(names)
    }
    chosen = {
        name: places
        for name, places in members.items()
        if len({pairs[place].value for place in places}) == 2
        and len(np.unique(number[places])) >= LEAST_PROBED
    }
    size = max(map(len, chosen.values()), default=0)
    found = []
    for turn, ((language, attribute), places) in enumerate(chosen.items()):
        values = sorted({pairs[place].value for place in places})
        words = [pairs[place].prefix.split()[-1] for place in places]
        kinds = {word: place for place, word in enumerate(dict.fromkeys(words))}
        told = probes.held_out(
            scores.states[:, places],
            np.array([values.index(pairs[place].value) for place in places]),
            number[places],
            np.array([kinds[word] for word in words]),
            key=jax.random.fold_in(key, turn),
            size=size,
        )
        _, unit = np.unique(number[places], return_inverse=True)
        by_unit = probes.HeldOut(
            feature=member_means(told.feature, unit),
            control=member_means(told.control, unit),
        )
        found.append(Probed(language=language, attribute=attribute, scores=by_unit))
    return found


def probe_rows(found: Sequence[Probed]) -> Rows:
    """Describes probes after each layer, every feature of a language weighing the same.

    Definition: selectivity is accuracy less that of the control task, with a 95 %
    jackknife interval over mirrored units; it leaves out how much probes would change
    if they had been fitted to other units.

    Args:
        found: as from `probe_all`.

    Reference: Hewitt and Liang 2019, arXiv:1909.03368, section 2.3.
    """
    if not found:
        return []
    sizes = [each.scores.feature.shape[1] for each in found]
    strata = np.repeat(np.arange(len(found)), sizes)
    feature, control = (
        np.concatenate([getattr(each.scores, task) for each in found], axis=1).T
        for task in ("feature", "control")
    )
    accuracy, chance = (strata_mean(task, strata)[0] for task in (feature, control))
    estimate, left_out = strata_mean(feature - control, strata)
    low, high = jackknife_interval(estimate, left_out)
    return [
        {
            "tap": tap,
            "accuracy": float(accuracy[tap]),
            "control": float(chance[tap]),
            "selectivity": float(estimate[tap]),
            "selectivity_low": float(low[tap]),
            "selectivity_high": float(high[tap]),
            "units": len(strata),
        }
        for tap in range(len(estimate))
    ]


def probe_language_rows(found: Sequence[Probed]) -> Rows:
    """Describes probes of each feature of each language, after each layer.

    Args:
        found: as from `probe_all`.

    Reference: our own definition.
    """
    return [
        {
            "language": each.language,
            "attribute": each.attribute,
            "units": each.scores.feature.shape[1],
            "tap": tap,
            "accuracy": float(each.scores.feature[tap].mean()),
            "control": float(each.scores.control[tap].mean()),
        }
        for each in found
        for tap in range(len(each.scores.feature))
    ]

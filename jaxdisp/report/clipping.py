"""Clipping rules compared on a model: what each costs each language, and why."""

import dataclasses
import functools as ft
from collections.abc import Callable
from concurrent import futures
from typing import Any, Literal, cast, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxdisp.measure import activations, cube, language_clipping
from jaxdisp.measure import corpus as corpora
from jaxdisp.measure.activations import MeanSquares
from jaxdisp.measure.cube import Evaluation
from jaxdisp.measure.degradation import degradation
from jaxdisp.measure.disparity import Contrast, disparity_change, levels_down
from jaxdisp.measure.survey import Survey, survey
from jaxdisp.models import decoder
from jaxdisp.models.model import Model
from jaxdisp.models.quantized import Quantizer, quantize
from jaxdisp.quant import rules
from jaxdisp.quant.disparity_split import split_disparity
from jaxdisp.quant.fair_noise import Aim, Fair
from jaxdisp.report import runs
from jaxdisp.report.results import NOISE, interval_fields

Deploy = Literal["average", "minimax", "regret", "per-language"]
BASE, BEST_BLIND, POOLED, AWARE = "absmax", "exact", "average", "minimax"
"""Nothing clipped; the best that knows the weights alone; the best that knows the
activations but no language from another, which is the control of the last: the one that
serves the worst language, and whose codes are shared where each has its own scales."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
    """What clipping rules are compared on.

    `corpus` is what is measured, `calibration` what activations are averaged over.
    """

    model: Model
    corpus: corpora.Corpus
    calibration: corpora.Corpus
    quantizer: Quantizer
    deploy: Deploy
    chosen: Contrast | None
    seed: int
    stride: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Solved:
    """Activations of the languages, and thresholds for all of them by aim."""

    squares: MeanSquares
    fair: dict[str, dict[decoder.Path, Fair]]


def rules_compared(deploy: str) -> tuple[str, ...]:
    """Lists the rules: on weights alone, on activations, and the one deployed.

    Args:
        deploy: the language-aware rule that was asked for.

    Reference: our own definition.
    """
    known = (*get_args(rules.Rule), POOLED, AWARE)
    return known if deploy in known else (*known, deploy)


def check(deploy: str, quantizer: Quantizer) -> Deploy:
    """Checks that clipping can be compared as asked for, before any work is done.

    Raises:
        ValueError: if the rule is unknown, or the grid has no single threshold.

    Reference: our own definition.
    """
    if deploy not in get_args(Deploy):
        raise ValueError(
            f"deploy must be one of {', '.join(get_args(Deploy))}, got {deploy}"
        )
    if quantizer.grid == "affine":
        raise ValueError(
            "language-aware clipping needs a grid with one threshold: symmetric, "
            "twos_complement or midrise, got affine; --clip-limit 0 leaves it out"
        )
    return cast("Deploy", deploy)


def solve(inputs: Inputs, advance: Callable[[int], object]) -> Solved:
    """Averages activations and finds the thresholds of the language-aware rules.

    Args:
        inputs: of the comparison.
        advance: called with the number of sentences read since the last call.

    Reference: as `language_clipping.clip_for_aims`.
    """
    read = ft.partial(advance, inputs.calibration.n_sentences)
    squares = activations.mean_squares(
        inputs.model, inputs.calibration, stride=inputs.stride, advance=read
    )
    aims: list[Aim] = [POOLED, AWARE]
    if inputs.deploy == "regret":
        aims.append("regret")
    fair = language_clipping.clip_for_aims(
        inputs.model, inputs.quantizer, squares, aims=aims
    )
    return Solved(squares=squares, fair={str(aim): fair[aim] for aim in aims})


def rounded(inputs: Inputs, solved: Solved, rule: str) -> decoder.Parameters:
    """Rounds the model's parameters with the ranges of a rule.

    Args:
        inputs: of the comparison.
        solved: as from `solve`.
        rule: one of `rules_compared`; for `per-language` the codes that are shared.

    Reference: our own definition.
    """
    if rule in get_args(rules.Rule):
        by_rule = dataclasses.replace(inputs.quantizer, clipping=rule)
        return quantize(inputs.model, by_rule)
    aim = AWARE if rule == "per-language" else rule
    # weights that no language-aware rule covers, such as embeddings, are clipped by
    # the best that knows none
    others = dataclasses.replace(inputs.quantizer, clipping=BEST_BLIND)
    ranges = language_clipping.ranges_of(solved.fair[aim])
    return quantize(inputs.model, others, ranges)


def work(corpus: corpora.Corpus, deploy: str) -> int:
    """Counts the sentences that a comparison evaluates, for a progress bar.

    Args:
        corpus: what is measured.
        deploy: the language-aware rule that was asked for.

    Reference: our own definition.
    """
    configs = 1 + len(rules_compared(deploy))
    return configs * corpus.n_sentences * len(corpus.languages)


def compare(
    inputs: Inputs,
    solved: Solved,
    run: runs.Run | None,
    advance: Callable[[int], object],
) -> dict[str, Any]:
    """Measures what each rule costs each language, and which differences are real.

    Args:
        inputs: of the comparison.
        solved: as from `solve`.
        run: where losses are kept for resuming; None keeps nothing.
        advance: called with the number of sentences done since the last call.

    Reference: our own definition.
    """
    names = ("full precision", *rules_compared(inputs.deploy))
    per_config = inputs.corpus.n_sentences * len(inputs.corpus.languages)

    def losses(name: str) -> np.ndarray:
        found = runs.keep(
            run,
            f"clipping-{name.replace(' ', '-')}",
            lambda: _nll(inputs, solved, name),
        )
        advance(per_config)
        return found

    with futures.ThreadPoolExecutor(cube.THREADS) as pool:
        nll = jnp.asarray(np.stack(list(pool.map(losses, names))))
    n_tokens, n_bytes = cube.sizes(inputs.model, inputs.corpus)
    evaluation = Evaluation(nll=nll, n_tokens=n_tokens, n_bytes=n_bytes)
    aware = (AWARE,) if inputs.deploy == POOLED else (AWARE, inputs.deploy)
    against = [
        row
        for base in names[1:]
        for row in _differences(inputs, evaluation, names, base, aware)
    ]
    found = survey(
        inputs.model,
        inputs.corpus,
        evaluation,
        evaluation.nll[0],
        chosen=inputs.chosen,
        seed=inputs.seed,
    )
    return {
        "deploy": inputs.deploy,
        "n_sentences": inputs.corpus.n_sentences,
        "calibrated_on": _calibrated_on(inputs),
        "rules": list(names[1:]),
        "degradation": _degradation(inputs, found, names),
        "differences": against,
        "disparity": _disparity(inputs, found, names),
        "split": split_rows(inputs.corpus.languages, solved.fair[AWARE]),
        "verdict": verdict(against),
    }


def _calibrated_on(inputs: Inputs) -> str:
    if inputs.calibration.digest == inputs.corpus.digest:
        return "the sentences that are measured"
    return f"{inputs.calibration.n_sentences} sentences of {inputs.calibration.source}"


def _nll(inputs: Inputs, solved: Solved, name: str) -> np.ndarray:
    model, corpus = inputs.model, inputs.corpus
    layers = model.config.n_layers + 1
    evaluate = ft.partial(cube.evaluate, model, corpus, stride=inputs.stride)
    if name == "full precision":
        return np.asarray(evaluate([[0] * layers], [model.params]).nll[0])
    params = rounded(inputs, solved, name)
    if name == "per-language":
        versions = language_clipping.shared_code_versions(
            model, inputs.quantizer, params, solved.squares
        )
        each = cube.evaluate_each(model, corpus, versions, stride=inputs.stride)
        return np.asarray(each)
    return np.asarray(evaluate([[1] * layers], [params]).nll[0])


def _degradation(
    inputs: Inputs, found: Survey, names: tuple[str, ...]
) -> list[dict[str, Any]]:
    lost = found.degradation
    return [
        {
            "rule": rule,
            "language": language,
            **interval_fields("d_sent", lost.per_sentence, (config, place)),
            "collapsed": bool(lost.collapsed[config, place]),
        }
        for config, rule in enumerate(names)
        for place, language in enumerate(inputs.corpus.languages)
        if config
    ]


def _differences(
    inputs: Inputs,
    evaluation: Evaluation,
    names: tuple[str, ...],
    base: str,
    aware: tuple[str, ...],
) -> list[dict[str, Any]]:
    """What rules add to another's loss, paired by sentence.

    Everything is compared with nothing clipped, `average` with the best on weights
    alone, and the language-aware rules with every other.
    """
    lost = degradation(
        evaluation,
        evaluation.nll[names.index(base)],
        np.asarray(inputs.corpus.groups),
        key=jax.random.key(inputs.seed),
        vocabulary=inputs.model.config.vocabulary,
    )
    rows = []
    for config, rule in enumerate(names):
        wanted = rule in aware or base == BASE or (rule, base) == (POOLED, BEST_BLIND)
        if config == 0 or rule == base or not wanted:
            continue
        for place, language in enumerate(inputs.corpus.languages):
            fields = interval_fields("effect", lost.per_sentence, (config, place))
            rows.append(
                {"rule": rule, "against": base, "language": language}
                | fields
                | {"flag": _direction(fields)}
            )
    return rows


def _direction(fields: dict[str, float]) -> str:
    if fields["effect_high"] < 0:
        return "lower"
    return "higher" if fields["effect_low"] > 0 else NOISE


def _disparity(
    inputs: Inputs, found: Survey, names: tuple[str, ...]
) -> list[dict[str, Any]]:
    blind, unequal = names.index(BEST_BLIND), found.disparity
    change = disparity_change(
        found.evaluation,
        found.evaluation.nll[0],
        np.asarray(inputs.corpus.groups),
        target=names.index(AWARE),
        key=jax.random.key(inputs.seed),
    )
    flags = levels_down(unequal, base=blind)
    rows = []
    for config, rule in enumerate(names):
        if config == 0:
            continue
        row: dict[str, Any] = {"rule": rule}
        for name in ("mean", "worst", "max_min", "difference"):
            row |= interval_fields(name, getattr(unequal, name), (config,))
        for name, interval in change.items():
            row |= interval_fields(f"{name}_change_to_{AWARE}", interval, (config,))
        worst = inputs.corpus.languages[unequal.worst_language[config]]
        rows.append(
            row | {"worst_language": worst, "levelling_down": bool(flags[config])}
        )
    return rows


def split_rows(
    languages: tuple[str, ...], fair: dict[decoder.Path, Fair]
) -> list[dict[str, Any]]:
    """Splits the inequality of output errors into intrinsic part and regret.

    Log-ratios to the geometric mean of the languages, averaged over all matrices, under
    the diagonal surrogate and thresholds for all languages at once. The intrinsic part
    would remain if every language had thresholds of its own.

    Args:
        languages: in the order of the levels.
        fair: as from `language_clipping.clip`, for an aim whose denominator is energy.

    Reference: our own definition.
    """
    levels = np.concatenate([np.asarray(f.levels, float) for f in fair.values()])
    own = np.concatenate([np.asarray(f.own, float) for f in fair.values()])
    felt = np.all((levels > 0) & (own > 0), axis=1)  # not so in a matrix of zeros
    if not np.any(felt):
        nothing = dict.fromkeys(("total", "intrinsic", "regret"), 0.0)
        return [{"language": language} | nothing for language in languages]
    # a finite set of candidates may miss a language's own optimum by a hair
    levels, own = levels[felt], np.minimum(own, levels)[felt]
    logs = [np.exp(np.mean(np.log(part), axis=1)) for part in (levels, own)]
    parts = jax.vmap(split_disparity)(
        *(jnp.asarray(a, jnp.float32) for a in (levels, own, *logs))
    )
    mean = {
        name: np.mean(np.asarray(getattr(parts, name)), axis=0)
        for name in ("total", "intrinsic", "regret")
    }
    return [
        {"language": language}
        | {name: float(values[place]) for name, values in mean.items()}
        for place, language in enumerate(languages)
    ]


def verdict(differences: list[dict[str, Any]]) -> str:
    """Says which languages the rules that know activations change above noise.

    Args:
        differences: rows of paired differences.

    Reference: our own definition.
    """
    pairs = {(row["rule"], row["against"]): None for row in differences}
    sentences = []
    n_languages = len({row["language"] for row in differences})
    for rule, against in sorted(pairs, key=lambda pair: pair[0]):
        if rule in get_args(rules.Rule):
            continue
        chosen = [
            row
            for row in differences
            if (row["rule"], row["against"]) == (rule, against)
        ]
        lower = [row["language"] for row in chosen if row["flag"] == "lower"]
        higher = [row["language"] for row in chosen if row["flag"] == "higher"]
        sentences.append(
            f"{rule} against {against}: of {n_languages} languages "
            f"{_listed(lower)} lose less and {_listed(higher)} lose more, above noise."
        )
    chance = 0.05 * n_languages
    return " ".join([*sentences, f"By chance alone about {chance:.1f} would differ."])


def _listed(languages: list[str]) -> str:
    return f"{len(languages)} ({' '.join(languages)})" if languages else "0"

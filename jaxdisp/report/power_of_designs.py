"""Power of a design of languages and sentences: what `jaxdisp power` says of one."""

import dataclasses
import functools as ft
import math
from typing import Any

import jax

from jaxdisp.report.power_questions import Asked
from jaxdisp.stats import design_power, design_size, t_test_power
from jaxdisp.stats.design_power import Components, Design, Over, Share

ASSUMED = {
    "between_languages": 0.65,
    "between_texts": 0.35,
    "texts_by_languages": 0.45,
    "residual": 3.0,
}
"""Deviations in nats per sentence where none is given: about those of the embedded
model at 4 bits, by `design_components.estimated` of 128 sentences in 16 languages."""

PER_TEXT = 8
OVER: dict[str, Over] = {"languages": "rows", "texts": "clusters"}
USUAL_POWER = 0.8
MOST_NUMBERS = 4 * 10**9
"""Half a minute or so of drawing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """A question of designs, with everything that was assumed for it in words."""

    components: Components
    over: Over
    per_text: int
    alpha: float
    wanted: tuple[float, ...]
    draws: int
    seed: int
    assumed: tuple[str, ...]


def results(asked: Asked) -> dict[str, Any]:
    """Answers what is asked of a design of languages and sentences.

    Definition: with both and a disparity, its power; with both alone, the smallest
    disparity; with one of them and a disparity, how many of the other. Each is
    simulated, with its Monte Carlo error, and computed for normal parts.

    Args:
        asked: what is known.

    Returns:
        What `--json` shows.

    Raises:
        ValueError: if numbers are out of range, or leave nothing or too much to ask.

    Reference: our own definition.
    """
    study = _study(asked)
    found: dict[str, Any] = {
        "asked": "design",
        "alpha": asked.alpha,
        "tests": asked.tests,
        "alpha_per_test": asked.level,
        "over": asked.over or "languages",
        "sentences_per_text": study.per_text,
        "deviations": {name: _deviation(asked, name) for name in ASSUMED},
        "languages": asked.languages,
        "sentences": asked.sentences,
        "disparity": asked.disparity,
        "draws": asked.draws,
        "seed": asked.seed,
        "assumed": list(study.assumed),
    }
    if asked.languages is not None and asked.sentences is not None:
        design = _design(asked.languages, _texts(asked.sentences, study), study)
        studies = _simulated(design, study)
        if asked.disparity is not None:
            return found | _power(asked.disparity, design, study, studies)
        return found | {"smallest_disparity": _smallest(design, study, studies)}
    if asked.disparity is None:
        raise ValueError(
            "a design needs two of --languages, --sentences and --disparity; the third "
            "is found"
        )
    if asked.languages is None and asked.sentences is None:
        raise ValueError("give --languages or --sentences beside --disparity")
    return found | _size(asked, study)


def _study(asked: Asked) -> Study:
    _check(asked)
    wanted = asked.powers
    assumed = [
        f"SD {name.replace('_', ' ')} {value:g} nats (--{name.replace('_', '-')})"
        for name, value in ASSUMED.items()
        if asked.deviations.get(name) is None
    ]
    if asked.per_text is None:
        assumed.append(f"{PER_TEXT} sentences per text (--sentences-per-text)")
    if asked.over is None:
        assumed.append("the disparity shall hold for other languages (--over)")
    sized = asked.languages is None or asked.sentences is None
    if asked.power is None and sized:
        wanted = (USUAL_POWER,)
        assumed.append(f"power {USUAL_POWER:g} (--power)")
    return Study(
        components=Components(
            rows=_deviation(asked, "between_languages"),
            clusters=_deviation(asked, "between_texts"),
            interaction=_deviation(asked, "texts_by_languages"),
            residual=_deviation(asked, "residual"),
        ),
        over=OVER[asked.over or "languages"],
        per_text=asked.per_text or PER_TEXT,
        alpha=asked.level,
        wanted=wanted,
        draws=asked.draws,
        seed=asked.seed,
        assumed=tuple(assumed),
    )


def _check(asked: Asked) -> None:
    if asked.over not in (None, *OVER):
        raise ValueError(f"--over is {asked.over!r}; allowed are languages, texts")
    if asked.disparity is not None and not math.isfinite(asked.disparity):
        raise ValueError(f"--disparity must be finite, got {asked.disparity:g}")
    complete = None not in (asked.languages, asked.sentences, asked.disparity)
    if complete and asked.power is not None:
        raise ValueError(
            "--languages, --sentences and --disparity give the power: leave out --power"
        )
    if asked.per_text is not None and asked.per_text < 1:
        raise ValueError(f"--sentences-per-text must be at least 1: {asked.per_text}")
    for name, value in asked.deviations.items():
        if value is not None and not (value >= 0 and math.isfinite(value)):
            raise ValueError(
                f"--{name.replace('_', '-')} must be finite and at least 0 nats, got "
                f"{value:g}"
            )


def _deviation(asked: Asked, name: str) -> float:
    given = asked.deviations.get(name)
    return ASSUMED[name] if given is None else given


def _texts(sentences: int, study: Study) -> int:
    texts, left = divmod(sentences, study.per_text)
    if left or texts < 1:
        raise ValueError(
            f"--sentences must be a multiple of {study.per_text} per text, got "
            f"{sentences}"
        )
    return texts


def _design(languages: int, texts: int, study: Study) -> Design:
    fewest = 3 if study.over == "rows" else 2
    if languages < fewest:
        raise ValueError(
            f"two groups of languages need at least {fewest} in all, got {languages}"
        )
    if texts < 2 and study.over == "clusters":
        raise ValueError(f"a disparity over texts needs at least 2 texts, got {texts}")
    return Design(
        rows=design_size.halves(languages), clusters=texts, per_cluster=study.per_text
    )


def _simulated(design: Design, study: Study) -> design_power.Simulated:
    numbers = 2 * sum(design.rows) * design.clusters * study.draws
    if numbers > MOST_NUMBERS:
        raise ValueError(
            f"{study.draws} studies of {sum(design.rows)} languages and "
            f"{design.clusters} texts are too many to simulate: take fewer --draws, or "
            "a larger --disparity"
        )
    return design_power.simulated(
        design,
        study.components,
        key=jax.random.key(study.seed),
        over=study.over,
        draws=study.draws,
    )


def _power(
    disparity: float, design: Design, study: Study, studies: design_power.Simulated
) -> dict[str, Any]:
    share = design_power.shown(studies, disparity, design, study.over, study.alpha)
    exact = design_power.normal_power(
        disparity, design, study.components, over=study.over, alpha=study.alpha
    )
    return {"power": exact, "simulated_power": dataclasses.asdict(share)}


def _smallest(
    design: Design, study: Study, studies: design_power.Simulated
) -> dict[str, Any]:
    error = design_power.standard_error(design, study.components, study.over)
    df = design_power.degrees(design, study.over)
    found = {}
    for power in study.wanted:
        exact = error * t_test_power.noncentrality(df, power, alpha=study.alpha)
        simulated = design_power.smallest_effect(
            studies, power, design, study.over, study.alpha
        )
        names = ("simulated", "low", "high")
        found[f"{power:g}"] = {"exact": exact} | dict(
            zip(names, simulated, strict=True)
        )
    return found


def _size(asked: Asked, study: Study) -> dict[str, Any]:
    """How many languages, or sentences, by simulation and for normal parts."""
    disparity = asked.disparity or 0.0
    if asked.languages is None:
        texts = _texts(asked.sentences or 0, study)
        of_number = ft.partial(_design, texts=texts, study=study)
        first, each, name = (3 if study.over == "rows" else 2), 1, "languages"
    else:
        number = asked.languages
        of_number = ft.partial(_design, number, study=study)
        first, each, name = (
            (1 if study.over == "rows" else 2),
            study.per_text,
            "sentences",
        )
        _check_attainable(asked, study)

    def shares(n: int) -> Share:
        design = of_number(n)
        studies = _simulated(design, study)
        return design_power.shown(studies, disparity, design, study.over, study.alpha)

    found = {}
    for power in study.wanted:
        exact = design_size.least_normal(
            of_number,
            disparity,
            study.components,
            power,
            first=first,
            over=study.over,
            alpha=study.alpha,
        )
        n, share = design_size.least_by_simulation(
            shares, power, guess=exact, first=first
        )
        found[f"{power:g}"] = {
            "exact": each * exact,
            "simulated": each * n,
            "simulated_power": dataclasses.asdict(share),
        }
    return {f"{name}_for_power": found}


def _check_attainable(asked: Asked, study: Study) -> None:
    """Refuses what no number of sentences can show: languages differ too much."""
    if study.over == "clusters" or not study.components.rows:
        return
    endless = dataclasses.replace(study.components, interaction=0.0, residual=0.0)
    design = _design(asked.languages or 0, 1, study)
    most = design_power.normal_power(
        asked.disparity or 0.0, design, endless, alpha=study.alpha
    )
    if most <= max(study.wanted):
        raise ValueError(
            f"no number of sentences has power {max(study.wanted):g}: with "
            f"{asked.languages} languages that differ by {study.components.rows:g} "
            f"nats it stays below {most:.3f}; take more languages, or --over texts"
        )


def lines(found: dict[str, Any]) -> list[str]:
    """Words what was computed.

    Args:
        found: what `results` returns.

    Reference: our own definition.
    """
    each = found["alpha_per_test"]
    said = [f"assumed: {what}" for what in found["assumed"]]
    said.append(f"two-sided t test at alpha {each:.3g}, over {found['over']}")
    if "power" in found:
        share = found["simulated_power"]
        said.append(
            f"power {found['power']:.3f} of a disparity of {found['disparity']:g} nats;"
            f" simulated {share['estimate']:.3f} +/- {share['error']:.3f} (Monte Carlo "
            "standard error)"
        )
    for power, row in found.get("smallest_disparity", {}).items():
        said.append(
            f"power {power}: smallest disparity {row['exact']:.3f} nats per sentence; "
            f"simulated {row['simulated']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        )
    for name in ("languages", "sentences"):
        for power, row in found.get(f"{name}_for_power", {}).items():
            share = row["simulated_power"]
            said.append(
                f"power {power}: {row['exact']} {name}; simulated {row['simulated']}, "
                f"with power {share['estimate']:.3f} +/- {share['error']:.3f} (Monte "
                "Carlo standard error)"
            )
    return said

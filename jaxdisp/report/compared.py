"""Two finished runs compared: what each language loses in both, paired by sentence."""

import dataclasses
import functools as ft
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxdisp.measure.disparity import Contrast, contrast, measures, weights_of
from jaxdisp.report import runs
from jaxdisp.report.recorded import Recorded
from jaxdisp.report.results import interval_fields
from jaxdisp.stats import bca, bootstrap, multiplicity

LEVEL = 0.05
"""Chance of any wrong verdict among those of all languages."""
MORE, LESS, OPEN = "loses more", "loses less", "inconclusive"
MEASURES = ("mean", "worst", "max_min", "difference")
TOLD = ("model", "architecture", "quantizer_in_words", "dtype", "hashes", "seed")
"""What a comparison repeats of each run."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Common:
    """What two runs have in common, in the order of the first.

    `full` and `lost` are nats per sentence of the first and of the second run: losses
    in full precision, and what quantization adds.
    """

    languages: tuple[str, ...]
    lines: tuple[int, ...]
    groups: Int[np.ndarray, " sentence"]
    full: Float[np.ndarray, "run language sentence"]
    lost: Float[np.ndarray, "run language sentence"]


def compare(
    first: Recorded, second: Recorded, *, reference: str | None = None
) -> dict[str, Any]:
    """Compares what each language loses in two runs, on the same resamples of texts.

    Definition: of every language the loss of both and `second - first`, and of both
    `disparity.measures` and their differences, with the paired bootstrap over texts of
    `stats.bootstrap`. A language's verdict follows from Holm's correction over
    languages of the p-value that its interval stands for; else it is inconclusive.

    Args:
        first: a run with losses of sentences.
        second: another, on the same text.
        reference: the language that the others are compared with; None is as in the
            runs, if these agree.

    Raises:
        ValueError: if one has no losses of sentences, the texts differ, too little is
            in common, or the reference is not measured in both.

    Returns:
        The content of `results.json`.

    Reference: our own definition; Holm 1979.
    """
    for run in (first, second):
        if "sentence_losses" not in run.found:
            raise ValueError(
                f"{run.directory}: has no losses of sentences (jaxdisp "
                f"{run.found['command']}); compare runs of jaxdisp measure or run"
            )
    common = _common(first, second)
    chosen, reason = _contrast(first, second, common.languages, reference)
    seed = first.found["seed"]
    found = _intervals(common, weights_of(chosen, common.languages), seed)
    rows = _language_rows(common.languages, found)
    entries = _measure_rows(common.languages, found, reason)
    return runs.rounded(
        {
            "schema_version": runs.SCHEMA_VERSION,
            "command": "compare",
            "compared": [_told(run) for run in (first, second)],
            "corpus": first.found["corpus"],
            "languages": list(common.languages),
            "only_in_first": _only(first, common.languages),
            "only_in_second": _only(second, common.languages),
            "n_sentences": len(common.lines),
            "n_groups": len(set(common.groups.tolist())),
            "seed": seed,
            "hashes": {"corpus": first.found["hashes"]["corpus"]},
            "same_model": _same_model(first, second),
            "contrast": None if chosen is None else dataclasses.asdict(chosen),
            "degradation_compared": rows,
            "disparity_compared": entries,
        }
    )


def _told(run: Recorded) -> dict[str, Any]:
    losses = run.found["sentence_losses"]
    return {
        "run": str(run.directory),
        **{name: run.found[name] for name in TOLD},
        "n_sentences": len(losses["lines"]),
    }


def _only(run: Recorded, languages: Sequence[str]) -> list[str]:
    measured = run.found["sentence_losses"]["languages"]
    return [name for name in measured if name not in languages]


def _same_model(first: Recorded, second: Recorded) -> bool:
    names = ("weights", "tokenizer")
    one, other = (
        [run.found["hashes"][name] for name in names] for run in (first, second)
    )
    return one == other and first.found["dtype"] == second.found["dtype"]


def _common(first: Recorded, second: Recorded) -> Common:
    """Finds sentences and languages of both, which must be the same text."""
    one, other = (run.found["sentence_losses"] for run in (first, second))
    languages = [name for name in one["languages"] if name in other["languages"]]
    lines = [line for line in one["lines"] if line in other["lines"]]
    if not languages or not lines:
        raise ValueError(
            f"{second.directory}: has no language and sentence in common with "
            f"{first.directory}; compare runs on the same text"
        )
    places = [
        (
            [losses["languages"].index(name) for name in languages],
            [losses["lines"].index(line) for line in lines],
        )
        for losses in (one, other)
    ]
    cut = [
        {
            name: np.asarray(losses[name])[np.ix_(*place)]
            for name in ("full", "quantized", "n_bytes")
        }
        | {"groups": np.asarray(losses["groups"])[place[1]]}
        for losses, place in zip((one, other), places, strict=True)
    ]
    _check_same_text(first, second, languages, lines, cut)
    if len(set(cut[0]["groups"].tolist())) < 2:
        raise ValueError(
            f"{second.directory}: has one text in common with {first.directory}, but "
            "intervals need at least 2"
        )
    return Common(
        languages=tuple(languages),
        lines=tuple(lines),
        groups=cut[0]["groups"],
        full=np.stack([np.asarray(each["full"], np.float64) for each in cut]),
        lost=np.stack(
            [np.asarray(each["quantized"] - each["full"], np.float64) for each in cut]
        ),
    )


def _check_same_text(
    first: Recorded,
    second: Recorded,
    languages: Sequence[str],
    lines: Sequence[int],
    cut: Sequence[dict[str, np.ndarray]],
) -> None:
    """Raises unless it is the same text, as far as can be known.

    Runs on the same sentences in the same languages have the same digest of the text.
    Where one has more, sentences of the same place must be as long in bytes and stand
    in the same texts.
    """
    one, other = (run.found["sentence_losses"] for run in (first, second))
    what = f"{second.directory}: is not on the same text as {first.directory}"
    digests = [run.found["hashes"]["corpus"] for run in (first, second)]
    if digests[0] == digests[1]:
        return
    if all(one[name] == other[name] for name in ("languages", "lines", "groups")):
        raise ValueError(
            f"{what} (SHA-256 {digests[0][:12]} and {digests[1][:12]}); measure both "
            "on one corpus"
        )
    if not np.array_equal(cut[0]["groups"], cut[1]["groups"]):
        raise ValueError(f"{what}: sentences stand in other texts (groups.tsv)")
    unlike = np.argwhere(cut[0]["n_bytes"] != cut[1]["n_bytes"])
    if len(unlike):
        language, line = languages[unlike[0, 0]], lines[unlike[0, 1]]
        sizes = [int(each["n_bytes"][tuple(unlike[0])]) for each in cut]
        raise ValueError(
            f"{what}: line {line} of {language} has {sizes[0]} bytes there and "
            f"{sizes[1]} here; measure both on one corpus"
        )


def _contrast(
    first: Recorded,
    second: Recorded,
    languages: Sequence[str],
    reference: str | None,
) -> tuple[Contrast | None, str]:
    """The sides that are compared, and why there are none."""
    if reference is not None:
        return contrast(languages, {}, reference), ""
    sides = [_own_contrast(run, languages) for run in (first, second)]
    if sides[0] is not None and sides[0] == sides[1]:
        return sides[0], ""
    reason = "training text per language is unknown"
    if sides != [None, None]:
        reason = "the runs divide languages otherwise"
    return None, f"{reason}: name a --reference language"


def _own_contrast(run: Recorded, languages: Sequence[str]) -> Contrast | None:
    """The contrast of a run, among the languages in common."""
    recorded = run.found["disparity"]["contrast"]
    if recorded is None:
        return None
    named = run.config.get("reference")
    if named is not None:
        known = named in languages and len(languages) > 1
        return contrast(languages, {}, named) if known else None
    sizes = {row["language"]: row["training_bytes"] for row in run.found["degradation"]}
    return contrast(languages, {k: v for k, v in sizes.items() if v is not None})


def _intervals(
    common: Common, weights: Float[np.ndarray, "side language"], seed: int
) -> dict[str, bca.Interval]:
    """Every interval, on the same resamples: of both runs, then of the difference."""
    columns = np.concatenate(
        [
            common.lost,
            np.diff(common.lost, axis=0),
            common.full,
            np.diff(common.full, axis=0),
        ]
    )
    resamples = bootstrap.resample(
        np.moveaxis(columns, -1, 0), common.groups, key=jax.random.key(seed)
    )
    sides = jnp.asarray(weights, resamples.sums.dtype)
    return bootstrap.interval(resamples, ft.partial(_statistics, sides))


def _statistics(sides: Array, sums: Array, n_sentences: Array) -> dict[str, Array]:
    means = sums / n_sentences
    both = measures(means[:2], sides)
    kept = {name: both[name] for name in MEASURES}
    changes = {f"{name}_change": jnp.diff(kept[name]) for name in MEASURES}
    return kept | changes | {"lost": means[:3], "full": means[3:]}


def _language_rows(
    languages: Sequence[str], found: dict[str, bca.Interval]
) -> list[dict[str, Any]]:
    rows = []
    for place, language in enumerate(languages):
        row: dict[str, Any] = {"language": language}
        for kind, name in (("lost", "d_sent"), ("full", "full")):
            for number, which in enumerate(("first", "second", "change")):
                at = (number, place)
                row |= interval_fields(f"{name}_{which}", found[kind], at)
        rows.append(row)
    p_values = np.array([_p_value(row) for row in rows])
    for row, p, corrected in zip(
        rows, p_values, multiplicity.holm(p_values), strict=True
    ):
        row |= {"p": float(p), "p_holm": float(corrected)}
        row["verdict"] = _verdict(row, float(corrected))
    return sorted(rows, key=lambda row: -row["d_sent_change"])


def _p_value(row: dict[str, Any]) -> float:
    bounds = [row[f"d_sent_change{end}"] for end in ("", "_low", "_high")]
    if not np.all(np.isfinite(bounds)):
        return 1.0
    return multiplicity.interval_p_value(*bounds, null=0.0)


def _verdict(row: dict[str, Any], p: float) -> str:
    if p >= LEVEL:
        return OPEN
    return MORE if row["d_sent_change"] > 0 else LESS


def _measure_rows(
    languages: Sequence[str], found: dict[str, bca.Interval], reason: str
) -> list[dict[str, Any]]:
    rows = []
    for name in MEASURES:
        row: dict[str, Any] = {"measure": name, "unit": "nats per sentence"}
        for place, which in enumerate(("first", "second")):
            row |= interval_fields(which, found[name], (place,))
        row |= interval_fields("change", found[f"{name}_change"], (0,))
        row["reason"] = reason if name == "difference" else ""
        rows.append(row)
    worst = np.argmax(np.asarray(found["lost"].estimate)[:2], axis=1)
    for place, which in enumerate(("first", "second")):
        rows[1][f"{which}_language"] = languages[worst[place]]
    return rows

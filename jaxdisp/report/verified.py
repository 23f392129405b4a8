"""Verification: which numbers of a finished run are not what they are said to be."""

import csv
import dataclasses
import functools as ft
import hashlib
import io
import itertools
from collections.abc import Callable

from jaxdisp.report import recorded_files, settings, verified_losses, verified_sets
from jaxdisp.report.parts import part
from jaxdisp.report.recorded import Recorded
from jaxdisp.report.verified_checks import Check, check

SAMPLE = 20
"""Losses that are evaluated anew unless more or fewer are asked for."""
NOT_RECOMPUTED = ("hypotheses", "causes", "claims")
"""Parts whose numbers come of experiments; their tables and figures are compared."""
DRAWN_BY = ("jaxdisp", "matplotlib")
"""Packages of which another version may draw figures and pages otherwise."""

Advance = Callable[[str], object]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verification:
    """Everything compared, what was left out and why, and what stopped it.

    `stopped` is empty, or why no loss could be evaluated anew.
    """

    checks: list[Check]
    remarks: list[str]
    stopped: str = ""

    @property
    def differing(self) -> list[Check]:
        """Numbers that are not what they are said to be."""
        return [each for each in self.checks if each.differs]


def verify(
    run: Recorded,
    *,
    sample: int | None = SAMPLE,
    seed: int = 0,
    versions: dict[str, str] | None = None,
    advance: Advance = str,
) -> Verification:
    """Recomputes numbers of a run: files, hashes, losses, and what follows from them.

    Definition: every table, figure and page is made anew from `results.json`; model,
    tokenizer and text are opened where `config.json` says and hashed; degradation and
    disparity follow from the stored losses; a random sample of losses, of languages,
    of effects of layers, of sets and of clipping rules is evaluated anew by plain
    passes, which share no code with the engine that measured them.

    Args:
        run: as from `recorded.open_run`.
        sample: losses evaluated anew; None evaluates everything.
        seed: of the sample.
        versions: packages that are installed, by name; None does not ask.
        advance: told what is done next.

    Raises:
        ValueError: if results are damaged.
        OSError: if a file cannot be read.

    Reference: our own definition; tolerances in `verified_checks`.
    """
    advance("tables, figures and pages")
    checks, remarks = _files(run, versions or {})
    checks += _recorded_hashes(run)
    found = run.found
    if "compared" in found or "data" in found or "law" in found:
        remarks.append("It measured no model, so nothing was evaluated anew.")
        return Verification(checks=checks, remarks=remarks)
    advance("model and text")
    wanted = _wanted(run)
    try:
        inputs = settings.open_inputs(wanted)
    except (ValueError, OSError) as error:
        return Verification(checks=checks, remarks=remarks, stopped=str(error))
    opened = _opened_hashes(run, inputs)
    checks += opened
    if any(each.differs for each in opened):
        remarks.append(
            "Model or text are others than were measured, so nothing was evaluated "
            "anew."
        )
        return Verification(checks=checks, remarks=remarks)
    checks += _recomputed(run, wanted, inputs, sample, seed, advance)
    left = [name for name in NOT_RECOMPUTED if part(found, name) is not None]
    if left:
        remarks.append(
            f"Not evaluated anew, as it takes the experiments: {', '.join(left)}; "
            "their tables and figures were compared with results.json."
        )
    return Verification(checks=checks, remarks=remarks)


def _wanted(run: Recorded) -> settings.Settings:
    """The settings of a run, without the parts that are not recomputed."""
    try:
        wanted = settings.recalled(run.config)
    except ValueError as error:
        raise ValueError(f"{run.directory}: its {error}") from error
    return dataclasses.replace(wanted, hypotheses=None, causes=None, claims=None)


def _recomputed(
    run: Recorded,
    wanted: settings.Settings,
    inputs: settings.Inputs,
    sample: int | None,
    seed: int,
    advance: Advance,
) -> list[Check]:
    """Evaluates anew: of what takes more than one loss, one in ten of the sample."""
    found, checks = run.found, []
    few = None if sample is None else max(1, sample // 10)
    some = ft.partial(dict, seed=seed)
    if "sentence_losses" in found:
        advance("losses")
        losses = found["sentence_losses"]
        checks += verified_losses.from_stored(inputs, wanted, found)
        checks += verified_losses.sampled(inputs, wanted, losses, **some(count=sample))
        checks += verified_losses.fresh_degradation(
            inputs, wanted, found, **some(count=few)
        )
    if "layer_sentences" in found:
        advance("layers")
        checks += verified_losses.layers(inputs, wanted, found, **some(count=few))
    searched = part(found, "search")
    if searched is not None:
        advance("sets of layers")
        checks += verified_sets.sets(inputs, wanted, searched, **some(count=few))
    if "clipping" in found:
        advance("clipping rules")
        compared = found["clipping"]
        checks += verified_sets.rules(inputs, wanted, compared, **some(count=few))
    return checks


def _files(run: Recorded, versions: dict[str, str]) -> tuple[list[Check], list[str]]:
    """Compares every file with what `results.json` gives."""
    packages = run.environment.get("packages", {})
    others = [
        f"{name} {versions[name]} instead of {packages[name]}"
        for name in DRAWN_BY
        if name in versions and name in packages and versions[name] != packages[name]
    ]
    checks = []
    for name, content in sorted(recorded_files.redrawn(run).items()):
        if others and not name.startswith("tables/"):
            continue
        path = run.directory / name
        on_disk = path.read_bytes() if path.is_file() else None
        checks.append(_file(name, on_disk, content))
    remarks = []
    if others:
        remarks.append(
            f"Figures and pages were not compared, as this is {' and '.join(others)}."
        )
    return checks, remarks


def _file(name: str, on_disk: bytes | None, content: bytes) -> Check:
    what = "tables" if name.startswith("tables/") else "figures and pages"
    if on_disk is None:
        return check(what, name, "missing", "there")
    if on_disk == content:
        return check(what, name, _digest(content), _digest(content))
    if name.endswith(".csv"):
        place, one, other = _first_difference(on_disk, content)
        return check(what, f"{name}{place}", one, other)
    return check(what, name, _digest(on_disk), _digest(content))


def _first_difference(on_disk: bytes, content: bytes) -> tuple[str, str, str]:
    """Where two tables differ first, and what they hold there."""
    one, other = (
        list(csv.reader(io.StringIO(each.decode("utf-8", "replace"))))
        for each in (on_disk, content)
    )
    for number, pair in enumerate(itertools.zip_longest(one, other, fillvalue=[])):
        cells = itertools.zip_longest(*pair, fillvalue="nothing")
        for place, (had, made) in enumerate(cells):
            if had != made:
                header = other[0][place] if place < len(other[0]) else "one more"
                return f", row {number}, {header}", had, made
    return "", _digest(on_disk), _digest(content)


def _digest(content: bytes) -> str:
    return f"SHA-256 {hashlib.sha256(content).hexdigest()[:12]}"


def _recorded_hashes(run: Recorded) -> list[Check]:
    """Compares the hashes that settings, results and environment name."""
    hashes = run.found["hashes"]
    sources = {"config.json": run.config, "environment.json": run.environment}
    return [
        check("hashes", f"{name} of {source}", digest, hashes.get(name))
        for source, content in sources.items()
        for name, digest in (content.get("hashes") or {}).items()
    ]


def _opened_hashes(run: Recorded, inputs: settings.Inputs) -> list[Check]:
    opened = settings.hashes(inputs)
    return [
        check("hashes", f"{name}, opened anew", digest, opened.get(name))
        for name, digest in run.found["hashes"].items()
    ]

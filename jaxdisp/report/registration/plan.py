"""Plans of studies: what is asked, and how it will be answered."""

import dataclasses
import pathlib
from typing import Any, get_args

import yaml

from jaxdisp.claims import registry
from jaxdisp.claims.finding import Verdict
from jaxdisp.report import results

FIELDS = ("title", "hypotheses", "primary_outcome", "corpus", "seeds", "analysis")
OUTCOMES = tuple(f"disparity.{name}" for name in results.UNITS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Registered:
    """What a plan asks for.

    `hypotheses` are ids of findings or experiments with the verdict that is expected,
    None where nothing is; `primary_outcome` is a measure such as `disparity.difference`
    or the id of a finding. A run has one of the `seeds`; `analysis` are options of
    `jaxdisp run` by name, those that are not named having their defaults.
    """

    title: str
    hypotheses: tuple[tuple[str, str | None], ...]
    primary_outcome: str
    corpus: str | None
    seeds: tuple[int, ...]
    analysis: dict[str, Any]


def read_plan(path: pathlib.Path) -> Registered:
    """Reads the plan of a study from YAML.

    Args:
        path: of a file with `title`, `hypotheses` (a list of `id` and, if one is
            expected, `expected`), `primary_outcome`, `seeds`, `analysis` and, unless it
            is the embedded one, `corpus`.

    Raises:
        ValueError: if the file is not such a plan.
        OSError: if it cannot be read.

    Reference: our own definition.
    """
    try:
        plan = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: is not YAML: {error}") from error
    if not isinstance(plan, dict):
        raise ValueError(f"{path}: must have the fields {', '.join(FIELDS)}")
    unknown = [str(name) for name in plan if name not in FIELDS]
    missing = [name for name in FIELDS if name not in plan and name != "corpus"]
    if unknown or missing:
        raise ValueError(
            f"{path}: "
            + "; ".join(
                [f"no field {name} is known" for name in unknown]
                + [f"{name} is missing" for name in missing]
            )
            + f"; the fields are {', '.join(FIELDS)}"
        )
    hypotheses = _hypotheses(path, plan["hypotheses"])
    outcome, known = plan["primary_outcome"], [name for name, _ in hypotheses]
    if outcome not in OUTCOMES and outcome not in known:
        raise ValueError(
            f"{path}: primary_outcome must be one of {', '.join(OUTCOMES)} or of the "
            f"hypotheses, got {outcome}"
        )
    if not isinstance(plan["analysis"], dict | None):
        raise ValueError(f"{path}: analysis must be options of run by name")
    return Registered(
        title=str(plan["title"]),
        hypotheses=hypotheses,
        primary_outcome=outcome,
        corpus=plan.get("corpus"),
        seeds=_seeds(path, plan["seeds"]),
        analysis=plan["analysis"] or {},
    )


def _hypotheses(path: pathlib.Path, rows: Any) -> tuple[tuple[str, str | None], ...]:
    if not isinstance(rows, list) or not rows:
        raise ValueError(f"{path}: hypotheses must be a list of at least one id")
    found: list[tuple[str, str | None]] = []
    for row in rows:
        named = row if isinstance(row, dict) else {"id": row}
        name, expected = named.get("id"), named.get("expected")
        if not isinstance(name, str) or set(named) - {"id", "expected"}:
            raise ValueError(f"{path}: a hypothesis has id and expected, got {row}")
        if expected not in (None, *get_args(Verdict)):
            allowed = ", ".join(get_args(Verdict))
            raise ValueError(
                f"{path}: {name} is expected to be one of {allowed}, got {expected}"
            )
        registry.owner(name)
        found.append((name, expected))
    names = [name for name, _ in found]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path}: {', '.join(repeated)} is named more than once")
    return tuple(found)


def _seeds(path: pathlib.Path, seeds: Any) -> tuple[int, ...]:
    listed = seeds if isinstance(seeds, list) else [seeds]
    if not listed or not all(type(seed) is int and seed >= 0 for seed in listed):
        raise ValueError(f"{path}: seeds must be whole numbers from 0, got {seeds}")
    return tuple(listed)

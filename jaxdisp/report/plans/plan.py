"""Plans as `plan.json`: which version every layer is in, of which model, and why."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any, get_args

from jaxdisp.models import modules
from jaxdisp.models.checkpoint import read_json
from jaxdisp.models.model import Model, source_name
from jaxdisp.models.quantized import Included, Quantizer, check_quantizer
from jaxdisp.quant import grids, rules
from jaxdisp.quant.granularity import Granularity

SCHEMA_VERSION = 1
KIND = "jaxdisp plan"
FILE = "plan.json"
CHOICES = {"grid": grids.Grid, "granularity": Granularity, "clipping": rules.Rule}
NUMBER = (int, float)
OF_LANGUAGE = {
    "language": (str,),
    "n_tokens": (int,),
    **dict.fromkeys(("loss_per_token", "full_per_token", "loss_per_sentence"), NUMBER),
    "d_sent": NUMBER,
    **dict.fromkeys(("d_sent_low", "d_sent_high"), (*NUMBER, type(None))),
}
"""What a prediction says of each language: losses in nats, with bounds of what is
added to a sentence."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """The model that a plan is for.

    `source` is a directory or a hub id, None the embedded model; `hashes` are SHA-256
    of `weights` and `tokenizer`.
    """

    source: str | None
    revision: str | None
    architecture: str
    n_layers: int
    hashes: Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """An assignment, with everything needed to deploy it.

    `assignment` says of each layer which version it is in: 0 is full precision, `q`
    what `quantizers[q - 1]` makes of it; `outside` says the same of the parameters
    outside the layers, and `exceptions` of single modules, by their names as
    `models.modules` has them. In all of them only what the quantizer includes is
    rounded. `chosen` says how the assignment was chosen, `predicted` what each language
    loses by it; None where nobody chose or measured.
    """

    model: Target
    quantizers: tuple[Quantizer, ...]
    assignment: tuple[int, ...]
    outside: int = 0
    exceptions: Mapping[str, int] = dataclasses.field(default_factory=dict)
    chosen: dict[str, Any] | None = None
    predicted: dict[str, Any] | None = None


def target(model: Model, revision: str | None = None) -> Target:
    """Describes a model, so that a plan for it is known to be.

    Args:
        model: an open model.
        revision: branch, tag or commit that it was opened at.

    Reference: our own definition.
    """
    embedded = model.source == source_name(None)
    return Target(
        source=None if embedded else model.source,
        revision=revision,
        architecture=model.architecture.name,
        n_layers=model.config.n_layers,
        hashes={name: model.hashes[name] for name in ("weights", "tokenizer")},
    )


def protected(plan: Plan) -> tuple[int, ...]:
    """Lists the layers that a plan keeps in full precision.

    Args:
        plan: the plan.

    Reference: our own definition.
    """
    return tuple(n for n, version in enumerate(plan.assignment) if version == 0)


def content(plan: Plan) -> dict[str, Any]:
    """Returns the content of `plan.json`.

    Args:
        plan: the plan.

    Reference: our own definition.
    """
    found = {"schema_version": SCHEMA_VERSION, "kind": KIND}
    fields = dataclasses.asdict(plan)
    for entry in fields["quantizers"]:
        entry["include"] = list(entry["include"])
    lists = {name: list(fields[name]) for name in ("quantizers", "assignment")}
    return found | fields | lists


def encoded(found: dict[str, Any]) -> bytes:
    """Writes the content of a plan as the bytes of `plan.json`.

    Args:
        found: as from `content`.

    Raises:
        ValueError: if a number is NaN or infinite.

    Reference: our own definition.
    """
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def read(path: pathlib.Path) -> Plan:
    """Reads a plan.

    Args:
        path: of a `plan.json`.

    Raises:
        ValueError: if it is missing, damaged, of another version or no plan.

    Reference: our own definition.
    """
    if path.is_dir():
        raise ValueError(f"{path}: is a directory; give the {FILE} in it")
    if not path.exists():
        raise ValueError(
            f"{path}: no such file; jaxdisp run and jaxdisp plan make write plans"
        )
    found = read_json(path)
    try:
        return parse(found)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def parse(found: dict[str, Any]) -> Plan:
    """Makes a plan of the content of `plan.json`.

    Args:
        found: the content.

    Raises:
        ValueError: if it is of another version or no plan.

    Reference: our own definition.
    """
    if found.get("kind") != KIND:
        raise ValueError(
            f"is not a plan: kind must be {KIND!r}, got {found.get('kind')!r}"
        )
    if found.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            f"a plan of version {found.get('schema_version')}; this jaxdisp reads "
            f"version {SCHEMA_VERSION}; make it anew with jaxdisp plan make"
        )
    read_as = {
        "model": _target,
        "quantizers": _quantizers,
        "assignment": _versions,
        "outside": lambda value: _kind("outside", value, int),
        "exceptions": _exceptions,
        "chosen": lambda value: _optional("chosen", value),
        "predicted": _predicted,
    }
    known = {*read_as, "kind", "schema_version"}
    _same_names("plan", found, known)
    plan = Plan(**{name: reads(found[name]) for name, reads in read_as.items()})
    _check_versions(plan)
    return plan


def check(plan: Plan, model: Model) -> None:
    """Checks that a plan is for a model.

    Args:
        plan: the plan.
        model: an open model.

    Raises:
        ValueError: if the model has another architecture, number of layers, weights or
            vocabulary, or lacks a module that is named.

    Reference: our own definition.
    """
    made = target(model)
    for what, wanted, got in (
        ("architecture", plan.model.architecture, made.architecture),
        ("number of layers", plan.model.n_layers, made.n_layers),
        ("weights (SHA-256)", plan.model.hashes["weights"], made.hashes["weights"]),
        ("tokenizer (SHA-256)", *_of_tokenizer(plan, made)),
    ):
        if wanted != got:
            raise ValueError(
                f"the plan is for another model ({source_name(plan.model.source)}): "
                f"its {what} is {wanted}, that of {model.source} is {got}; make a plan "
                "for this one, or give the other as --model"
            )
    for quantizer in plan.quantizers:
        check_quantizer(model, quantizer)
    there = modules.modules(model.architecture, model.config)
    for name in plan.exceptions:
        if name not in there:
            raise ValueError(
                f"exceptions: the model has no module {name}; its modules are such as "
                f"{', '.join(list(there)[:3])}"
            )


def _of_tokenizer(plan: Plan, made: Target) -> tuple[str, str]:
    return plan.model.hashes["tokenizer"], made.hashes["tokenizer"]


def _check_versions(plan: Plan) -> None:
    if len(plan.assignment) != plan.model.n_layers:
        raise ValueError(
            f"assignment has {len(plan.assignment)} entries for "
            f"{plan.model.n_layers} layers"
        )
    most = len(plan.quantizers)
    for name, version in (
        *((f"assignment of layer {n}", v) for n, v in enumerate(plan.assignment)),
        ("outside", plan.outside),
        *((f"exception {name}", v) for name, v in plan.exceptions.items()),
    ):
        if not 0 <= version <= most:
            raise ValueError(
                f"{name}: version {version} must be 0 (full precision) to {most}, the "
                "number of quantizers"
            )


def _kind(name: str, value: Any, *kinds: type) -> Any:
    """The value itself, if it is of a kind; a bool is no number."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        expected = " or ".join("null" if k is type(None) else k.__name__ for k in kinds)
        raise ValueError(f"{name} must be {expected}, got {value!r:.60}")
    return value


def _same_names(what: str, found: dict[str, Any], known: set[str]) -> None:
    missing, unknown = sorted(known - set(found)), sorted(set(found) - known)
    if missing:
        raise ValueError(f"{what} lacks {', '.join(missing)}")
    if unknown:
        raise ValueError(f"{what} has unknown fields: {', '.join(unknown)}")


def _optional(name: str, value: Any) -> dict[str, Any] | None:
    return _kind(name, value, dict, type(None))


def _target(value: Any) -> Target:
    found = _kind("model", value, dict)
    _same_names("model", found, {each.name for each in dataclasses.fields(Target)})
    for name in ("source", "revision"):
        _kind(f"model.{name}", found[name], str, type(None))
    _kind("model.architecture", found["architecture"], str)
    _kind("model.n_layers", found["n_layers"], int)
    hashes = _kind("model.hashes", found["hashes"], dict)
    _same_names("model.hashes", hashes, {"weights", "tokenizer"})
    for name, digest in hashes.items():
        _kind(f"model.hashes.{name}", digest, str)
    return Target(**found)


def _quantizers(value: Any) -> tuple[Quantizer, ...]:
    return tuple(_quantizer(each) for each in _kind("quantizers", value, list))


def _quantizer(value: Any) -> Quantizer:
    found = _kind("quantizer", value, dict)
    _same_names(
        "quantizer", found, {each.name for each in dataclasses.fields(Quantizer)}
    )
    grids.word_length(_kind("bits", found["bits"], int))
    _kind("group_size", found["group_size"], int)
    for name, literal in CHOICES.items():
        _one_of(name, found[name], literal)
    include = _kind("include", found["include"], list)
    for each in include:
        _one_of("include", each, Included)
    return Quantizer(**(found | {"include": tuple(include)}))


def _one_of(name: str, value: Any, literal: Any) -> None:
    allowed = get_args(literal)
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def _versions(value: Any) -> tuple[int, ...]:
    found = _kind("assignment", value, list)
    return tuple(_kind("an entry of assignment", each, int) for each in found)


def _exceptions(value: Any) -> dict[str, int]:
    found = _kind("exceptions", value, dict)
    return {name: _kind(f"exception {name}", v, int) for name, v in found.items()}


def _predicted(value: Any) -> dict[str, Any] | None:
    found = _optional("predicted", value)
    if found is None:
        return None
    _there("predicted", found, ("dtype", "corpus", "languages"))
    _kind("predicted.dtype", found["dtype"], str)
    corpus = _kind("predicted.corpus", found["corpus"], dict)
    names = ("source", "digest", "n_sentences", "languages")
    _there("predicted.corpus", corpus, names)
    for row in _kind("predicted.languages", found["languages"], list):
        _kind("an entry of predicted.languages", row, dict)
        _there("an entry of predicted.languages", row, tuple(OF_LANGUAGE))
        for name, kinds in OF_LANGUAGE.items():
            _kind(f"predicted: {name}", row[name], *kinds)
    return found


def _there(what: str, found: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if name not in found:
            raise ValueError(f"{what} lacks {name}")

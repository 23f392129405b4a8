"""Imports: plans made of the recipes that toolkits read."""

import dataclasses
import json
import pathlib
import re

from jaxdisp.report.plans import plan as plans
from jaxdisp.report.plans import skeleton, spelled, toolkit
from jaxdisp.report.plans.exports import TOOLKITS, find

AUTO = "auto"
SIGNS = {
    "qwix": r"QuantizationRule\s*\(|\"module_path\"",
    "llm-compressor": r"(?m)^\s*\"?\w+_stage\"?\s*:",
    "auto-round": r"\"?(layer_config|extra_config)\"?\s*:|\"auto-round",
    "transformers": r"\"quant_method\"|\"_?load_in_[48]bit\"",
    "gptqmodel": r"\"(dynamic|group_size)\"\s*:",
    "llama.cpp": r"(?i)\A\s*[^\s=\"{]+=(q\d|b?f16|f32|iq)",
}
"""What a recipe of each toolkit has; the first that is found counts."""
MOST = 2**26
"""Bytes of a file that may be a recipe."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Imported:
    """A plan made of a recipe, whose it was, and what is not audited of it."""

    plan: plans.Plan
    toolkit: str
    remarks: tuple[str, ...]


def import_recipe(
    path: pathlib.Path, model: skeleton.Skeleton, name: str = AUTO
) -> Imported:
    """Makes a plan of a recipe.

    Args:
        path: of the recipe.
        model: that it is for.
        name: of the toolkit; `auto` finds out by the content.

    Raises:
        ValueError: if the file cannot be read, is no recipe, names what the model does
            not have, or rounds nothing.

    Reference: our own definition.
    """
    if name != AUTO:
        find(name)
    text = _text(path)
    chosen = recognised(text, str(path)) if name == AUTO else name
    found = TOOLKITS[chosen].read(text, toolkit.names(model), str(path))
    try:
        plan, more = spelled.gathered(found.rounding, model, skeleton.target(model))
    except ValueError as error:
        message = str(error)
        named = message if message.startswith("the recipe") is False else None
        raise ValueError(named or f"{path}: {message}") from error
    return Imported(
        plan=plan,
        toolkit=chosen,
        remarks=tuple(dict.fromkeys([*found.remarks, *more])),
    )


def recognised(text: str, where: str) -> str:
    """Finds out which toolkit a recipe is for.

    Args:
        text: the recipe.
        where: it is from, for the message.

    Raises:
        ValueError: if it looks like none of theirs.

    Reference: our own definition.
    """
    for name, sign in SIGNS.items():
        if re.search(sign, text):
            return name
    raise ValueError(
        f"{where}: looks like the recipe of no toolkit; say which with --from: "
        f"{', '.join(TOOLKITS)}"
    )


def _text(path: pathlib.Path) -> str:
    if path.is_dir():
        raise ValueError(f"{path}: is a directory; give the recipe in it")
    try:
        if path.stat().st_size > MOST:
            raise ValueError(f"{path}: has more than {MOST} bytes; is it a recipe?")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ValueError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not text in UTF-8; is it a recipe?") from error
    if not text.strip():
        raise ValueError(f"{path}: is empty")
    if text.lstrip().startswith("{") and _kind(text) == plans.KIND:
        raise ValueError(f"{path}: is a plan already")
    return text


def _kind(text: str) -> object:
    try:
        return json.loads(text).get("kind")
    except ValueError:
        return None

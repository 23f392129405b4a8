"""Recipes that are JSON or YAML: read with what is wrong said in words."""

import json
from typing import Any

import yaml


def json_text(content: dict[str, Any]) -> str:
    """Writes JSON with a line end.

    Args:
        content: the content.

    Reference: RFC 8259.
    """
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def mapping(text: str, where: str) -> dict[str, Any]:
    """Reads a JSON object, or a YAML mapping.

    Args:
        text: the text.
        where: it is from, for the message.

    Raises:
        ValueError: if it is neither.

    Reference: RFC 8259; YAML 1.1.
    """
    try:
        found = json.loads(text)
    except ValueError:
        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError as error:
            line = " ".join(str(error).split())
            raise ValueError(f"{where}: neither JSON nor YAML ({line})") from error
    if not isinstance(found, dict):
        raise ValueError(f"{where}: must hold an object with names and values")
    return {str(name): value for name, value in found.items()}

"""A page for every public module, made of its docstrings.

Docstrings are read, not run: the site needs neither JAX nor the package's dependencies
for them.
"""

import pathlib
import re
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = pathlib.Path(__file__).parent.parent.parent
ROOMS = ("measure", "models", "quant", "search", "causal", "claims", "stats", "report")
LEFT_OUT = ("jaxdisp.claims.ledger",)
"""Entries of the ledger are data: they are on the page of claims."""
SECTIONS = re.compile(r"<p>(Definition|Reference): ")


def modules(room: str) -> list[str]:
    """Dotted names of a room's public modules, itself first."""
    found = []
    for path in sorted((ROOT / "jaxdisp" / room).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        private = any(part.startswith("_") for part in name.split("."))
        if not private and not name.startswith(LEFT_OUT):
            found.append(name)
    return sorted(found, key=lambda name: (name.count("."), name))


def _address(name: str) -> str:
    return f"api/{name.removeprefix('jaxdisp.').replace('.', '/')}.md"


def on_config(config: Any) -> Any:
    """Puts the pages into the navigation, by room."""
    (section,) = (entry for entry in config.nav if "API" in entry)
    for room in ROOMS:
        listed = [
            {name.removeprefix(f"jaxdisp.{room}."): _address(name)}
            for name in modules(room)
        ]
        first = {room: listed[0].popitem()[1]}
        section["API"].append({room: [first, *listed[1:]]})
    return config


def on_files(files: Files, *, config: Any) -> Files:
    """Adds the pages: a heading and what mkdocstrings is to put below it."""
    for room in ROOMS:
        for name in modules(room):
            text = f"# {name}\n\n::: {name}\n"
            if name == f"jaxdisp.{room}":
                text += "\n" + "\n".join(
                    f"- [`{other}`]({_address(other).removeprefix('api/')})"
                    for other in modules(room)[1:]
                )
            files.append(File.generated(config, _address(name), content=text))
    return files


def on_page_content(text: str, **_: Any) -> str:
    """Sets the names of our own sections of docstrings in bold."""
    return SECTIONS.sub(r"<p><strong>\1:</strong> ", text)

"""Tables of a command's options, from the command itself.

A line `<!-- options of run -->` of a page is followed by the table when the site is
built; on GitHub nothing is seen of it, and `jaxdisp run --help` says the same.
"""

import html
import pathlib
import re
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent.parent))

MARK = re.compile(r"^<!-- options of ([\w ]+?) -->$", re.MULTILINE)


def _command(names: list[str]) -> Any:
    import typer.main

    from jaxdisp import cli

    found: Any = typer.main.get_command(cli.app)
    for name in names:
        found = found.commands[name]
    return found


def _cell(text: str) -> str:
    return html.escape(text, quote=False).replace("|", "\\|").replace("*", "\\*")


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        names = f"`{(parameter.metavar or parameter.name.upper()).strip('[]')}`"
    else:
        every = (*parameter.opts, *parameter.secondary_opts)
        names = ", ".join(f"`{name}`" for name in every)
    default = parameter.default
    if parameter.required:
        shown = "required"
    elif isinstance(default, bool):
        shown = parameter.opts[0] if default and parameter.secondary_opts else ""
    else:
        shown = "" if default in (None, "", ()) or callable(default) else str(default)
    return f"| {names} | {_cell(shown)} | {_cell(parameter.help or '')} |"


def table(command: str) -> str:
    """All options of a command, as a table of Markdown.

    Args:
        command: its name, such as `run`.

    Raises:
        KeyError: if there is no such command.
    """
    rows = [
        _row(parameter)
        for parameter in _command(command.split()).params
        if parameter.name != "help" and not getattr(parameter, "hidden", False)
    ]
    return "\n".join(["| option | default | |", "|---|---|---|", *rows])


def on_page_markdown(text: str, **_: Any) -> str:
    """Puts tables where pages ask for them."""
    return MARK.sub(lambda match: table(match[1]), text)

"""Options from a file, from a preset, and back into a file."""

import difflib
import pathlib
from typing import Annotated, Any

import typer

from jaxdisp import console
from jaxdisp.options import Context

ABOUT_THE_CALL = ("config", "print_config", "context", "fast")
"""What says where options come from, and is none of them."""
NOT_PRINTED = (*ABOUT_THE_CALL, "as_json", "overwrite", "quiet", "registered", "help")
FAST = {
    "limit": 32,
    "layer_limit": 8,
    "set_limit": 2,
    "clip_limit": 0,
    "few_limit": 8,
    "hypotheses": "T-002,T-003,T-005",
    "causes": False,
    "claims": False,
}
"""What `--fast` stands for: less text and fewer questions, so wider intervals."""


def preset(context: Context, wanted: bool) -> bool:
    """Takes the options of `--fast` where nothing else gives them."""
    if wanted:
        context.default_map = FAST | dict(context.default_map or {})
    return wanted


def read(context: Context, path: pathlib.Path | None) -> pathlib.Path | None:
    """Takes options from a file where the command line does not give others."""
    if path is None:
        return None
    try:
        found = _options_in(path, context)
    except (ValueError, OSError) as error:
        console.refuse(str(error))
    context.default_map = dict(context.default_map or {}) | found
    return path


def options_of(context: Context, options: dict[str, Any]) -> dict[str, Any]:
    """Returns the options of a command; with --print-config, prints them and ends."""
    kept = {name: options[name] for name in options if name not in ABOUT_THE_CALL}
    if options["print_config"]:
        typer.echo(_written(context, kept), nl=False)
        raise typer.Exit
    return kept


def _written(context: Context, options: dict[str, Any]) -> str:
    import yaml

    names = {parameter.name: _name(parameter) for parameter in context.command.params}
    content = {
        names[name]: str(value) if isinstance(value, pathlib.Path) else value
        for name, value in options.items()
        if name not in NOT_PRINTED
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return f"# jaxdisp {context.info_name} --config THIS_FILE\n{text}"


def _options_in(path: pathlib.Path, context: Context) -> dict[str, Any]:
    command: Any = context.command
    known = {_name(parameter): parameter for parameter in command.params}
    allowed = [name for name in known if known[name].name not in _CALLS]
    content = _content(path, f"jaxdisp {command.name} --print-config writes one")
    found = {}
    for given, value in content.items():
        name = str(given).replace("_", "-")
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(
                f"{path}: no option {given} of jaxdisp {command.name}{hint} "
                f"(allowed: {', '.join(allowed)})"
            )
        try:
            written = as_given(known[name], value)
            if written is not None:
                known[name].process_value(context, written)
        except ValueError as error:
            raise ValueError(f"{path}: {given} {error}") from error
        except console.USAGE_ERROR as error:
            raise ValueError(f"{path}: {error.format_message()}") from error
        if written is not None:
            found[known[name].name] = written
    return found


def _content(path: pathlib.Path, hint: str) -> dict[Any, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{path}: no such file; {hint}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: is not YAML ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: must hold options, such as 'bits: 4'; {hint}")
    return content


_CALLS = (*ABOUT_THE_CALL, "help", "quiet")


def _name(parameter: Any) -> str:
    """The long name of an option without its hyphens; of an argument, its own."""
    return parameter.opts[0].removeprefix("--")


ConfigOption = Annotated[
    pathlib.Path | None,
    typer.Option(
        "--config",
        is_eager=True,
        callback=read,
        help="Options from a YAML file; those given beside it come first.",
    ),
]
PrintConfigOption = Annotated[
    bool,
    typer.Option(
        "--print-config", help="Print all options as such a file, and do nothing."
    ),
]
FastOption = Annotated[
    bool,
    typer.Option(
        "--fast",
        is_eager=True,
        callback=preset,
        help="A first look: less text and fewer questions, so wider intervals "
        "(--print-config shows which).",
    ),
]


def as_given(parameter: Any, value: Any) -> str | bool | list[str] | None:
    """Turns a value of a file into what the command line would give.

    Args:
        parameter: the option or argument.
        value: read from YAML.

    Returns:
        None where nothing is given; a flag's value as it is; else text, of an argument
        that may be repeated a list of it.

    Raises:
        ValueError: if it cannot be of this parameter.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        raise ValueError(f"must be a value or a list of values, got {value}")
    is_flag = bool(getattr(parameter, "is_flag", False))
    if isinstance(value, bool) != is_flag:
        allowed = "true or false" if is_flag else "a value"
        raise ValueError(f"must be {allowed}, got {value}")
    if isinstance(value, bool):
        return value
    listed = value if isinstance(value, list) else [value]
    if any(isinstance(each, bool | dict | list) for each in listed):
        raise ValueError(f"must hold plain values, got {value}; is a 'no' unquoted?")
    listed = [str(each) for each in listed]
    repeated = parameter.nargs == -1 or getattr(parameter, "multiple", False)
    return listed if repeated else ",".join(listed)

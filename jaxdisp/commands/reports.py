"""Commands about finished runs: drawn again, compared, verified."""

import json
import pathlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxdisp import console
from jaxdisp.options import JsonOption, QuietOption

if TYPE_CHECKING:
    from jaxdisp.report.recorded import Recorded

RunArgument = Annotated[
    pathlib.Path, typer.Argument(metavar="RUN", help="Directory of a finished run.")
]


def report(
    run: RunArgument, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """Draw every table, figure and page of a run again, from its stored results.

    Needs neither model nor corpus. A run that is as it was made gives the same files.
    """
    from jaxdisp.report import recorded

    opened = _opened(run)
    try:
        content = recorded.redrawn(opened)
        recorded.replace_all(run, content)
    except ValueError as error:
        console.refuse(str(error))
    except OSError as error:
        console.refuse(f"{run}: {error}; nothing was written")
    if as_json:
        typer.echo(json.dumps({"run": str(run), "files": sorted(content)}, indent=1))
        return
    typer.echo(str(run / ("report.html" if "report.html" in content else "tables")))
    if not quiet:
        typer.echo(f"written: {_counted(content)}", err=True)


def _opened(run: pathlib.Path) -> "Recorded":
    from jaxdisp.report import recorded

    try:
        return recorded.open_run(run)
    except ValueError as error:
        console.refuse(str(error))


def _counted(content: dict[str, Any]) -> str:
    tables = sum(name.startswith("tables/") for name in content)
    figures = sum(name.endswith(".svg") for name in content)
    pages = [name for name in content if "/" not in name]
    return ", ".join([f"{tables} tables", f"{figures} figures", *pages])


def compare() -> None:
    """Put two runs side by side."""


def verify() -> None:
    """Recompute a sample of a run's numbers."""

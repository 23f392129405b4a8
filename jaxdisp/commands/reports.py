"""Commands about finished runs: drawn again, compared, verified."""

import json
import pathlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxdisp import console
from jaxdisp.options import (
    JsonOption,
    OutputOption,
    OverwriteOption,
    QuietOption,
    ReferenceOption,
)

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
    opened = _opened(run)
    from jaxdisp.report import recorded_files

    try:
        content = recorded_files.redrawn(opened)
        recorded_files.replace_all(run, content)
    except ValueError as error:
        console.refuse(str(error))
    except OSError as error:
        console.refuse(f"{run}: {error}; nothing was written")
    if as_json:
        typer.echo(json.dumps({"run": str(run), "files": sorted(content)}, indent=1))
        return
    looked_at = [name for name in ("report.html", "report.md") if name in content]
    typer.echo(str(run / [*looked_at, "tables"][0]))
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
    counts = [
        f"{count} {what}{'' if count == 1 else 's'}"
        for count, what in ((tables, "table"), (figures, "figure"))
    ]
    return ", ".join([*counts, *pages])


def compare(
    first: Annotated[
        pathlib.Path, typer.Argument(metavar="RUN", help="Directory of a run.")
    ],
    second: Annotated[
        pathlib.Path,
        typer.Argument(metavar="RUN", help="Of another, on the same text."),
    ],
    reference: ReferenceOption = None,
    output: OutputOption = None,
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Put two models or schemes side by side, with paired intervals.

    Needs neither model nor corpus: both runs hold the losses of every sentence.
    """
    runs_compared = [_opened(first), _opened(second)]
    console.keep_compiled()
    from jaxdisp.report import compared, compared_lines

    try:
        found = compared.compare(*runs_compared, reference=reference)
        if output is not None:
            asked = {"command": "compare", "runs": [str(first), str(second)]}
            asked |= {"reference": reference, "seed": found["seed"]}
            _keep(output, asked, found, overwrite=overwrite)
    except (ValueError, OSError) as error:
        console.refuse(str(error))
    if as_json:
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        typer.echo("\n".join(compared_lines.lines(found)))
    if not quiet:
        console.say_where(output, "report.md")


def _keep(
    output: pathlib.Path,
    asked: dict[str, Any],
    found: dict[str, Any],
    *,
    overwrite: bool,
) -> None:
    """Writes a comparison as a run of its own."""
    from jaxdisp.report import files, runs

    kept = runs.begin(output, asked, overwrite=overwrite)
    about = runs.environment(kept, found["hashes"])
    runs.finish(kept, found, files.written(found, about), about)


def verify(
    run: RunArgument,
    sample: Annotated[
        int, typer.Option("--sample", help="Losses that are evaluated anew.")
    ] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Of the sample.")] = 0,
    everything: Annotated[
        bool, typer.Option("--all", help="Evaluate all losses, layers, sets and rules.")
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Recompute a sample of a run's numbers, and say which differ.

    Tables, figures and pages are made anew from results.json; model and text are
    opened where the run says and compared by their hashes; losses and what follows from
    them are evaluated by plain passes of the model. Exits with 0 if nothing differs,
    with 1 if something does, with 2 if the run, its model or its text cannot be read.
    """
    opened = _opened(run)
    if sample < 1:
        console.refuse(f"--sample must be at least 1, got {sample}")
    if not 0 <= seed < 2**32:
        console.refuse(f"--seed must be between 0 and 2^32 - 1, got {seed}")
    console.keep_compiled()
    from jaxdisp.report import verified, verified_lines

    try:
        found = verified.verify(
            opened,
            sample=None if everything else sample,
            seed=seed,
            versions=_versions(verified.DRAWN_BY),
            advance=str if quiet else _say,
        )
    except (ValueError, FloatingPointError, OSError) as error:
        console.refuse(str(error))
    if as_json:
        content = verified_lines.content(str(run), found)
        typer.echo(json.dumps(content, indent=1, ensure_ascii=False))
    else:
        typer.echo("\n".join(verified_lines.lines(found)))
    if found.differing:
        raise typer.Exit(1)
    if found.stopped:
        console.refuse(f"{run}: no loss was evaluated anew: {found.stopped}")


def _say(what: str) -> None:
    typer.echo(f"comparing {what}", err=True)


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    import importlib.metadata

    import jaxdisp

    installed = {name: importlib.metadata.version(name) for name in names[1:]}
    return {names[0]: jaxdisp.__version__} | installed

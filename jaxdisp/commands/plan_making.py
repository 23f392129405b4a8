"""Plans of finished runs: made, and shown."""

import json
import pathlib
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxdisp import console
from jaxdisp.options import JsonOption, QuietOption

if TYPE_CHECKING:
    from jaxdisp.report.plans import measured


def make(
    run: Annotated[
        pathlib.Path, typer.Argument(help="Directory of a finished run or search.")
    ],
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            help="Layers to keep in full precision, such as 0,9,11, or none; default: "
            "the set that the run recommends.",
        ),
    ] = None,
    output: Annotated[
        pathlib.Path | None,
        typer.Option("--output", help="File to write; default: stdout."),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Make a plan of a run: the set it recommends, or the layers given.

    Layers that are given are measured on the text of the run, so that the plan says
    what every language will lose.
    """
    console.keep_compiled()
    from jaxdisp.models import checkpoint
    from jaxdisp.report.plans import lines, made
    from jaxdisp.report.plans import plan as plans

    try:
        if layers is None:
            found = made.recommended(run)
        else:
            found = measured_plan(made.open_named(run, layers), quiet=quiet)
        if output is None:
            typer.echo(plans.encoded(found).decode(), nl=False)
            return
        checkpoint.replace(output, plans.encoded(found))
    except (ValueError, OSError, FloatingPointError) as error:
        console.refuse(str(error))
    typer.echo("\n".join(lines.lines(found)))
    if not quiet:
        typer.echo(f"written: {output}", err=True)


def measured_plan(opened: "measured.Opened", *, quiet: bool) -> dict[str, Any]:
    """Measures what a plan costs, with a bar on terminals."""
    import tqdm

    from jaxdisp.report.plans import measured

    with tqdm.tqdm(
        total=measured.work(opened),
        unit="sentence",
        file=sys.stderr,
        leave=False,
        disable=True if quiet else None,
    ) as bar:
        return measured.content(opened, bar.update)


def show(
    plan: Annotated[pathlib.Path, typer.Argument(help="A plan.json.")],
    as_json: JsonOption = False,
) -> None:
    """Show what a plan rounds, how it was chosen, and what every language loses."""
    from jaxdisp.report.plans import lines
    from jaxdisp.report.plans import plan as plans

    try:
        content = plans.content(plans.read(plan))
    except (ValueError, OSError) as error:
        console.refuse(str(error))
    if as_json:
        typer.echo(json.dumps(content, indent=1, ensure_ascii=False))
    else:
        typer.echo("\n".join(lines.shown(content)))

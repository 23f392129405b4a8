"""Plans: made of what was searched, shown, and exchanged with other toolkits."""

import pathlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxdisp import console
from jaxdisp.commands import examples, plan_making
from jaxdisp.options import (
    CorpusOption,
    LanguagesOption,
    LimitOption,
    QuietOption,
    ReferenceOption,
    RevisionOption,
    SeedOption,
)

if TYPE_CHECKING:
    from jaxdisp.report.plans import plan as plans_of

app = typer.Typer(
    no_args_is_help=False,
    help="Plans: which layers are rounded, and how, for other toolkits to carry out.",
)

app.command("make", epilog=examples.of("plan make"))(plan_making.make)
app.command("show", epilog=examples.of("plan show"))(plan_making.show)

ToOption = Annotated[
    str,
    typer.Option(
        "--to",
        help="qwix, llm-compressor, gptqmodel, auto-round, llama.cpp or transformers.",
    ),
]
FromOption = Annotated[
    str,
    typer.Option(
        "--from",
        help="qwix, llm-compressor, gptqmodel, auto-round, llama.cpp or transformers; "
        "auto finds out by the content.",
    ),
]
FileOption = Annotated[
    pathlib.Path | None,
    typer.Option("--output", help="File to write; default: stdout."),
]
AnyModelOption = Annotated[
    str | None,
    typer.Option("--model", help="Directory or hub id; default: that of the plan."),
]


@app.command("export", epilog=examples.of("plan export"))
def export(
    plan: Annotated[pathlib.Path, typer.Argument(help="A plan.json.")],
    to: ToOption,
    model: AnyModelOption = None,
    output: FileOption = None,
) -> None:
    """Write a plan as the recipe of another toolkit, with the model's module names.

    Reads only `config.json` of the model, and compares the hash of its weights. What
    the toolkit cannot say of the plan goes to stderr and into the recipe.
    """
    from jaxdisp.report.plans import exports, skeleton
    from jaxdisp.report.plans import plan as plans

    try:
        exports.find(to)
        found = plans.read(plan)
        source = found.model.source if model is None else model
        revision = found.model.revision if model is None else None
        opened = skeleton.open_skeleton(source, revision)
        made = exports.export(found, opened, to)
        _put(made.text, output)
    except (ValueError, OSError) as error:
        console.refuse(str(error))
    _tell(made.remarks, output)


@app.command("import", epilog=examples.of("plan import"))
def import_(
    recipe: Annotated[pathlib.Path, typer.Argument(help="Recipe of a toolkit.")],
    toolkit: FromOption = "auto",
    model: Annotated[
        str | None,
        typer.Option("--model", help="Directory or hub id; default: the embedded."),
    ] = None,
    revision: RevisionOption = None,
    audit: Annotated[
        bool,
        typer.Option(
            "--audit", help="Also measure what the recipe costs each language."
        ),
    ] = False,
    corpus: CorpusOption = None,
    languages: LanguagesOption = None,
    limit: LimitOption = None,
    reference: ReferenceOption = None,
    seed: SeedOption = 0,
    output: FileOption = None,
    quiet: QuietOption = False,
) -> None:
    """Read the recipe of another toolkit as a plan, and audit what it costs.

    What the recipe says that no plan can, such as calibration, goes to stderr.
    """
    text = {"corpus": corpus, "languages": languages, "limit": limit}
    text |= {"reference": reference, "seed": seed}
    asked = console.given(text, console.USUAL)
    if asked and not audit:
        console.refuse(f"{asked}: needs --audit, which measures")
    from jaxdisp.report.plans import imports, lines, skeleton
    from jaxdisp.report.plans import plan as plans

    try:
        opened = skeleton.open_skeleton(model, revision)
        found = imports.import_recipe(recipe, opened, toolkit)
        content = (
            _audited(found.plan, text, quiet=quiet)
            if audit
            else plans.content(found.plan)
        )
        _put(plans.encoded(content).decode(), output)
    except (ValueError, OSError, FloatingPointError) as error:
        console.refuse(str(error))
    if output is not None and audit:
        typer.echo("\n".join(lines.shown(content)))
    if not quiet:
        _tell((f"read as a recipe of {found.toolkit}", *found.remarks), output)


def _audited(
    plan: "plans_of.Plan", text: dict[str, Any], *, quiet: bool
) -> dict[str, Any]:
    from jaxdisp.report.plans import audited

    console.keep_compiled()
    text["languages"] = console.names(text["languages"])
    opened = audited.open_audit(plan, audited.Audit(**text))
    return plan_making.measured_plan(opened, quiet=quiet)


def _put(text: str, output: pathlib.Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
        return
    from jaxdisp.models import checkpoint

    checkpoint.replace(output, text.encode())


def _tell(remarks: tuple[str, ...], output: pathlib.Path | None) -> None:
    console.remark(remarks, quiet=False)
    if output is not None:
        typer.echo(f"written: {output}", err=True)

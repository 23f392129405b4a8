"""The command about claims: the ledger, without data or judged by a model."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxdisp import console
from jaxdisp.commands import configuration
from jaxdisp.commands.configuration import ConfigOption, PrintConfigOption
from jaxdisp.options import (
    BitsOption,
    ClippingOption,
    Context,
    CorpusOption,
    DtypeOption,
    FewLimitOption,
    GranularityOption,
    GridOption,
    GroupSizeOption,
    IncludeOption,
    JsonOption,
    LanguagesOption,
    LimitOption,
    OutputOption,
    OverwriteOption,
    ProgressOption,
    QuietOption,
    ReferenceOption,
    RevisionOption,
    SeedOption,
    StrideOption,
)

if TYPE_CHECKING:
    from jaxdisp.claims.ledger.entry import Entry

EMBEDDED = "embedded"
OFF = {"overwrite": False}
SCHEMA_VERSION = 1


def claims(
    context: Context,
    ids: Annotated[
        list[str] | None,
        typer.Option(
            "--id", help="A claim, such as A1, or a section's letter; repeatable."
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Compute every number anew and compare it with the recorded one.",
        ),
    ] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a page of Markdown.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Judge claims by this model: directory, hub id, or 'embedded'.",
        ),
    ] = None,
    revision: RevisionOption = None,
    dtype: DtypeOption = "float32",
    corpus: CorpusOption = None,
    languages: LanguagesOption = None,
    bits: BitsOption = 4,
    grid: GridOption = "symmetric",
    granularity: GranularityOption = "tensor",
    group_size: GroupSizeOption = 64,
    include: IncludeOption = "",
    clipping: ClippingOption = "absmax",
    limit: LimitOption = None,
    few_limit: FewLimitOption = 32,
    stride: StrideOption = None,
    reference: ReferenceOption = None,
    seed: SeedOption = 0,
    output: OutputOption = None,
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
    progress: ProgressOption = True,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    print_config: PrintConfigOption = False,
) -> None:
    """List every claim of the research notes: what holds, what fails, and why.

    Without a model, by what is proved or calculated. With --model each claim is also
    judged by what is measured on it, which carries out the experiments that it takes.
    """
    options = configuration.options_of(context, dict(locals()))
    about = {name: options.pop(name) for name in ("ids", "check", "markdown")}
    try:
        if options["model"] is None:
            _without_data(about, options)
        else:
            _by_model(about, options)
    except ValueError as error:  # such as a claim that there is not
        console.refuse(str(error))


def _without_data(about: dict[str, Any], options: dict[str, Any]) -> None:
    own = {name: options[name] for name in ("as_json", "progress", "quiet")}
    if asked := console.given(options, console.USUAL | {"few_limit": 32} | own | OFF):
        console.refuse(f"{asked}: needs --model; 'embedded' is the one that is here")
    from jaxdisp.claims.ledger import registry
    from jaxdisp.report.claims import lines, rows

    entries = registry.find(about["ids"] or ())
    if about["check"]:
        _check(entries, progress=options["progress"] and not options["quiet"])
        return
    listed = [rows.row(entry) for entry in entries]
    if options["as_json"]:
        found = {"schema_version": SCHEMA_VERSION, "claims": listed}
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
    elif about["markdown"]:
        typer.echo(lines.markdown(listed), nl=False)
    else:
        typer.echo("\n".join(lines.lines(listed)))


def _check(entries: "tuple[Entry, ...]", *, progress: bool) -> None:
    """Exits with 1 where a number is not as recorded, as a test would fail."""
    import tqdm

    from jaxdisp.report.claims import rows

    with tqdm.tqdm(
        total=len(entries),
        unit="claim",
        file=sys.stderr,
        leave=False,
        disable=not progress,
    ) as bar:
        said = rows.recompute(entries, bar.update)
    for sentence in said:
        typer.echo(sentence)
    numbers = sum(len(entry.values) for entry in entries)
    typer.echo(
        f"{len(entries)} claims, {numbers} numbers computed anew: "
        f"{len(said) or 'no'} difference{'' if len(said) == 1 else 's'}"
    )
    if said:
        raise typer.Exit(1)


def _by_model(about: dict[str, Any], options: dict[str, Any]) -> None:
    if about["check"]:
        console.refuse("--check computes without a model; leave out --model")
    from jaxdisp.report.causes import analysis
    from jaxdisp.report.causes import job as causes
    from jaxdisp.report.claims import job

    ids = tuple(about["ids"] or ())
    if options["model"] == EMBEDDED:
        options["model"] = None
    wanted = causes.Wanted(choices=analysis.Choices(), optional=True)
    examined = job.needed_experiments(ids)
    options |= {
        "claims": ids,
        "hypotheses": examined or None,
        "causes": wanted if job.needs_causes(ids) else None,
    }
    how = {"progress": options.pop("progress"), "markdown": about["markdown"]}
    console.execute("claims", options, how)

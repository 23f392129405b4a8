"""Commands about causes: the causal model, and interventions."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxdisp import console
from jaxdisp.commands import configuration
from jaxdisp.commands.configuration import ConfigOption, PrintConfigOption
from jaxdisp.options import (
    ArrowsOption,
    BitsOption,
    ChainsOption,
    ClippingOption,
    Context,
    CorpusOption,
    DataOption,
    DrawsOption,
    DtypeOption,
    ErrorsOption,
    GranularityOption,
    GridOption,
    GroupSizeOption,
    IncludeOption,
    InterventionsOption,
    JsonOption,
    LanguagesOption,
    LimitOption,
    LinkOption,
    MeasuresOption,
    ModelOption,
    OutputOption,
    OverwriteOption,
    ProgressOption,
    QuietOption,
    ReferenceOption,
    RevisionOption,
    SeedOption,
    SetLimitOption,
    SlopesOption,
    StrideOption,
    TapOption,
)

if TYPE_CHECKING:
    from jaxdisp.report.causes import analysis


def causal(
    context: Context,
    data: DataOption = None,
    link: LinkOption = "log",
    arrows: ArrowsOption = None,
    errors: ErrorsOption = "gaussian",
    slopes: SlopesOption = False,
    draws: DrawsOption = 1000,
    chains: ChainsOption = 4,
    model: ModelOption = None,
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
    measures: MeasuresOption = False,
    interventions: InterventionsOption = "T,A,R",
    few_limit: SetLimitOption = 16,
    tap: TapOption = None,
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
    """Infer what tokenization, alignment and redundancy do to degradation.

    T is how few tokens a language takes, A how alike its states are to those of other
    languages, R over how many channels a prediction is spread, D what quantization
    costs. A structural model is fitted to what is measured, or to --data; then T, A and
    R are set on the model itself, and what happens is set beside what was predicted.
    """
    _causal(configuration.options_of(context, dict(locals())))


def intervene(
    context: Context,
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[T] [A] [R]", help="What to set; default: all."),
    ] = None,
    model: ModelOption = None,
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
    few_limit: SetLimitOption = 16,
    tap: TapOption = None,
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
    """Set T, A or R on the model itself, and measure what becomes of degradation.

    T: the same text cut into other tokens. A: hidden states moved towards or away from
    the reference language. R: channels duplicated without changing the function, or
    directions removed. Each has a placebo.
    """
    options = configuration.options_of(context, dict(locals()))
    _intervene(options | {"limit": None})


def _causal(options: dict[str, Any]) -> None:
    """Carries out `causal`: of a table, or of a model.

    Args:
        options: as they were given, by name.

    Reference: our own definition.
    """
    from jaxdisp.report.causes import analysis, job

    fields = ("link", "arrows", "errors", "slopes", "draws", "chains")
    choices = analysis.Choices(**{name: options.pop(name) for name in fields})
    data = options.pop("data")
    if data is not None:
        _causal_table(data, choices, options)
        return
    targets = options.pop("interventions")
    wanted = job.Wanted(
        choices=choices,
        targets=() if targets == "none" else console.names(targets) or (),
        tap=options.pop("tap"),
        few=options.pop("few_limit"),
        measures=options.pop("measures"),
    )
    how = {"progress": options.pop("progress")}
    console.execute("causal", options | {"causes": wanted}, how)


def _intervene(options: dict[str, Any]) -> None:
    """Carries out `intervene`.

    Args:
        options: as they were given, by name.

    Reference: our own definition.
    """
    from jaxdisp.report.causes import job

    targets = tuple(dict.fromkeys(options.pop("targets") or job.TARGETS))
    few, tap = options.pop("few_limit"), options.pop("tap")
    wanted = job.Wanted(targets=targets, tap=tap, few=few)
    how = {"progress": options.pop("progress")}
    console.execute("intervene", options | {"causes": wanted}, how)


def _causal_table(
    data: str, choices: "analysis.Choices", options: dict[str, Any]
) -> None:
    """The causal model of the user's own units."""
    own = ("seed", "output", "as_json", "overwrite", "progress", "quiet")
    usual = console.USUAL | {
        "few_limit": 16,
        "interventions": "T,A,R",
        "measures": False,
    }
    if asked := console.given(options, usual | {name: options[name] for name in own}):
        console.refuse(f"--data knows no model: leave out {asked}")
    from jaxdisp.report import runs
    from jaxdisp.report.causes import lines, table

    console.keep_compiled()
    output = options["output"]
    try:
        kept, units = None, table.open_units(data, choices, options["seed"])
        if output is not None:
            wanted = table.configuration(data, units, choices, options["seed"])
            kept = runs.begin(output, wanted, overwrite=options["overwrite"])
        found = table.results(data, units, choices, options["seed"], kept)
    except (ValueError, OSError) as error:
        console.refuse(str(error))
    shown = json.dumps(found, indent=1, ensure_ascii=False)
    typer.echo(shown if options["as_json"] else "\n".join(lines.lines(found)))
    if options["quiet"]:
        return
    console.say_where(output, "results.json")

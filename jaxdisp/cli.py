"""The command line: commands and their options.

Heavy imports happen inside the commands, so that `jaxdisp --help` answers at once.
"""

import os
import pathlib
import sys
from typing import Annotated

import typer

import jaxdisp
from jaxdisp import console
from jaxdisp.commands import causes as causal_commands
from jaxdisp.commands import claims as claim_commands
from jaxdisp.commands import configuration, examples, registrations, searches
from jaxdisp.commands import plans as plan_commands
from jaxdisp.commands import power as power_command
from jaxdisp.commands import quantize as quantize_command
from jaxdisp.commands import reports as report_commands
from jaxdisp.commands.configuration import (
    ConfigOption,
    FastOption,
    PrintConfigOption,
)
from jaxdisp.options import (
    BitsOption,
    CausesOption,
    ClaimsOption,
    ClippingOption,
    Context,
    CorpusOption,
    DtypeOption,
    FewLimitOption,
    GranularityOption,
    GridOption,
    GroupSizeOption,
    HypothesesOption,
    IncludeOption,
    JsonOption,
    LanguagesOption,
    LimitOption,
    ModelOption,
    OutputOption,
    OverwriteOption,
    QuietOption,
    ReferenceOption,
    RevisionOption,
    SeedOption,
    StrideOption,
)

INTERRUPTED = 130

# Before NumPy is loaded: its products here are small, and threads of OpenBLAS that wait
# for one another by spinning take the cores from XLA (on a busy machine, nearly all).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="What quantization costs each language of a multilingual language model.",
)


def _version(wanted: bool) -> bool:
    if wanted:
        typer.echo(jaxdisp.__version__)
        raise typer.Exit
    return wanted


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    del version


@app.command(epilog=examples.of("models"))
def models(
    source: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL]", help="Directory or hub id to look into."),
    ] = None,
    revision: RevisionOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the models that are supported, or say what one of them is."""
    console.models(source, revision, as_json=as_json)


@app.command(epilog=examples.of("measure"))
def measure(
    context: Context,
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
    stride: StrideOption = None,
    reference: ReferenceOption = None,
    seed: SeedOption = 0,
    output: OutputOption = None,
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    print_config: PrintConfigOption = False,
) -> None:
    """Show what quantization costs each language, with intervals."""
    options = configuration.options_of(context, dict(locals()))
    console.execute("measure", options)


@app.command(epilog=examples.of("run"))
def run(
    context: Context,
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
    stride: StrideOption = None,
    layer_limit: Annotated[
        int,
        typer.Option("--layer-limit", help="Sentences per language for single layers."),
    ] = 24,
    set_limit: Annotated[
        int,
        typer.Option("--set-limit", help="Sentences per language for layer sets."),
    ] = 6,
    clip_limit: Annotated[
        int,
        typer.Option(
            "--clip-limit",
            help="Sentences per language for clipping rules; 0 leaves them out.",
        ),
    ] = 16,
    protect: Annotated[
        int, typer.Option("--protect", help="Layers in a protection set.")
    ] = 3,
    hypotheses: HypothesesOption = "all",
    few_limit: FewLimitOption = 32,
    causes: CausesOption = True,
    claims: ClaimsOption = True,
    reference: ReferenceOption = None,
    seed: SeedOption = 0,
    registered: Annotated[
        bool,
        typer.Option(
            "--registered",
            help="Do what is registered in --output; options given beside it are "
            "deviations, and are reported.",
        ),
    ] = False,
    output: Annotated[
        pathlib.Path, typer.Option("--output", help="Run directory.")
    ] = pathlib.Path("jaxdisp-run"),
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    fast: FastOption = False,
    config: ConfigOption = None,
    print_config: PrintConfigOption = False,
) -> None:
    """Measure, sweep layers and sets, compare clipping, experiment, explain; report.

    Killed at any moment, the same command goes on where it stopped.
    """
    options = configuration.options_of(context, dict(locals()))
    if options.pop("registered"):
        options = registrations.resolved(context, options)
    console.execute("run", registrations.run_options(options))


@app.command(epilog=examples.of("hypotheses"))
def hypotheses(
    context: Context,
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[T-004 ...]", help="Experiments; default: all of them."
        ),
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
    limit: LimitOption = None,
    few_limit: FewLimitOption = 32,
    stride: StrideOption = None,
    seed: SeedOption = 0,
    output: OutputOption = None,
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    print_config: PrintConfigOption = False,
) -> None:
    """Test why quantization costs what it costs: experiments with verdicts.

    T-001 to T-010, the directions and the regression of the research notes, each
    measured, with an interval and a control; "inconclusive" is an answer. Killed at any
    moment, the same command goes on where it stopped.
    """
    options = configuration.options_of(context, dict(locals()))
    options["hypotheses"] = tuple(options.pop("ids") or ())
    console.execute("hypotheses", options | {"reference": None})


app.command(epilog=examples.of("search"))(searches.search)
app.command(epilog=examples.of("merge"))(searches.merge)
app.command(epilog=examples.of("causal"))(causal_commands.causal)
app.command(epilog=examples.of("intervene"))(causal_commands.intervene)
app.command(epilog=examples.of("power"))(power_command.power)
app.command(epilog=examples.of("claims"))(claim_commands.claims)
app.command(epilog=examples.of("register"))(registrations.register)
app.command(epilog=examples.of("report"))(report_commands.report)
app.command(epilog=examples.of("compare"))(report_commands.compare)
app.command(epilog=examples.of("verify"))(report_commands.verify)
app.command(epilog=examples.of("quantize"))(quantize_command.quantize)
app.add_typer(plan_commands.app, name="plan")


@app.command(epilog=examples.of("clip"))
def clip(
    context: Context,
    law: Annotated[
        str | None,
        typer.Option(
            "--law",
            help="Thresholds of a law instead of a model's: gaussian, laplace, "
            "generalised-gaussian or student-t.",
        ),
    ] = None,
    kurtosis: Annotated[
        float | None,
        typer.Option("--kurtosis", help="Excess kurtosis of the law, for its shape."),
    ] = None,
    model: ModelOption = None,
    revision: RevisionOption = None,
    dtype: DtypeOption = "float32",
    corpus: CorpusOption = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            "--calibration",
            help="Corpus for activations; default: the sentences that are measured.",
        ),
    ] = None,
    languages: LanguagesOption = None,
    bits: BitsOption = 4,
    grid: GridOption = "symmetric",
    granularity: GranularityOption = "tensor",
    group_size: GroupSizeOption = 64,
    include: IncludeOption = "",
    deploy: Annotated[
        str | None,
        typer.Option(
            "--deploy",
            help="Also measure what every language loses by rule, this one among them: "
            "average, minimax, regret or per-language.",
        ),
    ] = None,
    limit: LimitOption = None,
    stride: StrideOption = None,
    reference: ReferenceOption = None,
    seed: SeedOption = 0,
    output: OutputOption = None,
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    print_config: PrintConfigOption = False,
) -> None:
    """Show thresholds by every rule, of a law or of a model and its languages."""
    console.clip(configuration.options_of(context, dict(locals())))


@app.command(epilog=examples.of("train"))
def train(
    recipe: Annotated[pathlib.Path, typer.Argument(help="Training recipe (TOML).")],
    data: Annotated[
        pathlib.Path,
        typer.Option(help="Directory holding <source>/<language>.txt."),
    ],
    output: Annotated[pathlib.Path, typer.Option(help="Directory for the model.")],
) -> None:
    """Train a small multilingual GPT-2 from a recipe; call again to resume."""
    import tqdm

    from jaxdisp.models import mixture, training_run

    try:
        progress = training_run.train(mixture.read_recipe(recipe), data, output)
        with tqdm.tqdm(unit="step", file=sys.stderr) as bar:
            for step in progress:
                bar.total = step.steps
                bar.set_postfix(loss=f"{step.loss:.3f}", refresh=False)
                bar.update(step.step - bar.n)
    except (ValueError, OSError) as error:
        console.refuse(str(error))
    typer.echo(str(output))


def main() -> None:
    """Runs the command line, turning errors of usage into one line."""
    try:
        code = app(args=sys.argv[1:] or ["--help"], standalone_mode=False)
    except console.USAGE_ERROR as error:
        console.refuse(f"{error.format_message()} (see jaxdisp --help)")
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    if code == INTERRUPTED:  # which is also what typer makes of a KeyboardInterrupt
        typer.echo(
            "jaxdisp: interrupted; a run with --output is resumed by the same command",
            err=True,
        )
    raise SystemExit(code)


if __name__ == "__main__":
    main()

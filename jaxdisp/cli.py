"""The command line, and the only place that prints.

Results go to stdout, progress and remarks to stderr. Heavy imports happen inside the
commands, so that `jaxdisp --help` answers at once.
"""

import json
import pathlib
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

import jaxdisp

if TYPE_CHECKING:
    from jaxdisp.report import runs, settings

INTERRUPTED = 130

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="What quantization costs each language of a multilingual language model.",
)

ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="Directory or hub id; default: the embedded model."),
]
RevisionOption = Annotated[
    str | None, typer.Option("--revision", help="Branch, tag or commit of a hub id.")
]
CorpusOption = Annotated[
    str | None,
    typer.Option(
        "--corpus", help="Directory of aligned <language>.txt; default: the embedded."
    ),
]
LanguagesOption = Annotated[
    str | None,
    typer.Option("--languages", help="Comma-separated, such as en,he; default: all."),
]
BitsOption = Annotated[int, typer.Option("--bits", help="Word length, 2 to 8.")]
GridOption = Annotated[
    str,
    typer.Option("--grid", help="symmetric, twos_complement, midrise or affine."),
]
GranularityOption = Annotated[
    str,
    typer.Option(
        "--granularity", help="Who shares a threshold: tensor, channel or group."
    ),
]
GroupSizeOption = Annotated[
    int, typer.Option("--group-size", help="Input channels per group.")
]
IncludeOption = Annotated[
    str,
    typer.Option(
        "--include",
        help="Beyond the matrices of the blocks: embeddings,head; or all, which is "
        "every weight but the biases, normalization gains included.",
    ),
]
ClippingOption = Annotated[
    str,
    typer.Option(
        "--clipping",
        help="Range of each group: absmax, percentile, aciq_gaussian, aciq_laplace or "
        "exact.",
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", help="Sentences per language, spread over the texts."),
]
ReferenceOption = Annotated[
    str | None,
    typer.Option(
        "--reference",
        help="Language to compare the others with; default: little against much "
        "training text, where that is known.",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Of the resampling.")]
OutputOption = Annotated[
    pathlib.Path | None,
    typer.Option("--output", help="Run directory; without it nothing is written."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print results.json instead of the table.")
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace a run that is there.")
]


def refuse(message: str) -> NoReturn:
    """Ends the command because of its input: one line on stderr, exit code 2."""
    line = " ".join(str(message).split())
    typer.echo(f"jaxdisp: {line}", err=True)
    raise SystemExit(2)


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


@app.command()
def measure(
    model: ModelOption = None,
    revision: RevisionOption = None,
    corpus: CorpusOption = None,
    languages: LanguagesOption = None,
    bits: BitsOption = 4,
    grid: GridOption = "symmetric",
    granularity: GranularityOption = "tensor",
    group_size: GroupSizeOption = 64,
    include: IncludeOption = "",
    clipping: ClippingOption = "absmax",
    limit: LimitOption = None,
    reference: ReferenceOption = None,
    seed: SeedOption = 0,
    output: OutputOption = None,
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Show what quantization costs each language, with intervals."""
    _execute("measure", dict(locals()))


@app.command()
def run(
    model: ModelOption = None,
    revision: RevisionOption = None,
    corpus: CorpusOption = None,
    languages: LanguagesOption = None,
    bits: BitsOption = 4,
    grid: GridOption = "symmetric",
    granularity: GranularityOption = "tensor",
    group_size: GroupSizeOption = 64,
    include: IncludeOption = "",
    clipping: ClippingOption = "absmax",
    limit: LimitOption = None,
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
    reference: ReferenceOption = None,
    seed: SeedOption = 0,
    output: Annotated[
        pathlib.Path, typer.Option("--output", help="Run directory.")
    ] = pathlib.Path("jaxdisp-run"),
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Measure, sweep layers and protection sets, compare clipping; write a report.

    Killed at any moment, the same command goes on where it stopped.
    """
    _execute("run", dict(locals()))


@app.command()
def clip(
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
    reference: ReferenceOption = None,
    seed: SeedOption = 0,
    output: OutputOption = None,
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Show thresholds by every rule, of a law or of a model and its languages."""
    options = dict(locals())
    law, kurtosis = options.pop("law"), options.pop("kurtosis")
    if law is None and kurtosis is None:
        _execute("clip", options)
        return
    usual = {"grid": "symmetric", "granularity": "tensor", "group_size": 64}
    usual |= {"bits": bits, "include": "", "seed": 0, "as_json": as_json}
    usual |= {"output": output, "overwrite": overwrite}
    given = [
        f"--{name.replace('_', '-')}"
        for name, value in options.items()
        if value != usual.get(name)
    ]
    if law is None or given:
        refuse(
            "--kurtosis needs --law"
            if law is None
            else f"--law knows no model: leave out {', '.join(given)}"
        )
    _law(law, bits, kurtosis, options)


@app.command()
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
        refuse(str(error))
    typer.echo(str(output))


def _law(law: str, bits: int, kurtosis: float | None, options: dict[str, Any]) -> None:
    from jaxdisp.report import clip_plots, law_thresholds, runs, tables

    output = options["output"]
    try:
        found = law_thresholds.law_thresholds(law, bits, kurtosis)
        if output is not None:
            asked = {"command": "clip", "law": law, "bits": bits, "kurtosis": kurtosis}
            kept = runs.begin(output, asked, overwrite=options["overwrite"])
            runs.finish(kept, found, clip_plots.law_files(found), {})
    except (ValueError, OSError) as error:
        refuse(str(error))
    if options["as_json"]:
        typer.echo(json.dumps(found, indent=1))
        return
    typer.echo(law_thresholds.title(found))
    cells = law_thresholds.threshold_cells(found)
    typer.echo(tables.aligned(law_thresholds.header(found), cells, words=(0, 4)))
    typer.echo(law_thresholds.remark(found))


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _settings(command: str, options: dict[str, Any]) -> "settings.Settings":
    from jaxdisp.models import Quantizer
    from jaxdisp.report.settings import Settings

    fields = ("bits", "grid", "granularity", "group_size", "clipping")
    quantizer = {name: options.pop(name) for name in fields if name in options}
    quantizer["include"] = ("matrices", *(_names(options.pop("include")) or ()))
    options["languages"] = _names(options["languages"])
    return Settings(command=command, quantizer=Quantizer(**quantizer), **options)


def _execute(command: str, options: dict[str, Any]) -> None:
    """Carries out `measure` or `run` with the options as they were given."""
    from jaxdisp.report import runs, settings, terminal

    output, as_json = options.pop("output"), options.pop("as_json")
    overwrite = options.pop("overwrite")
    kept = None
    try:
        wanted = _settings(command, options)
        inputs = settings.open_inputs(wanted)
        if output is not None:
            configuration = settings.configuration(wanted, inputs)
            kept = runs.begin(output, configuration, overwrite=overwrite)
    except (ValueError, OSError) as error:
        refuse(str(error))
    found = _with_progress(wanted, inputs, kept)
    if as_json:
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        typer.echo("\n".join(terminal.lines(wanted, inputs, found)))
    if output is None:
        typer.echo("nothing written; --output DIR keeps the run", err=True)
    else:
        name = "report.html" if command == "run" else "results.json"
        typer.echo(f"written: {output / name}", err=True)


def _with_progress(
    wanted: "settings.Settings", inputs: "settings.Inputs", run: "runs.Run | None"
) -> dict[str, Any]:
    import tqdm

    from jaxdisp.report import jobs

    total = jobs.work(wanted, inputs)
    with tqdm.tqdm(total=total, unit="sentence", file=sys.stderr, leave=False) as bar:
        try:
            return jobs.execute(wanted, inputs, run, bar.update)
        except FloatingPointError as error:
            bar.close()
            refuse(str(error))
        except OSError as error:  # such as a full disk
            bar.close()
            refuse(f"{error}; the same command resumes")


def main() -> None:
    """Runs the command line, turning errors of usage into one line."""
    # click's UsageError, which typer keeps in places that change
    usage_error: Any = typer.BadParameter.__bases__[0]
    try:
        code = app(args=sys.argv[1:] or ["--help"], standalone_mode=False)
    except usage_error as error:
        refuse(f"{error.format_message()} (see jaxdisp --help)")
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

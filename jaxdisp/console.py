"""Carrying out commands: results to stdout, progress and remarks to stderr.

Together with `cli` the only place that prints. Heavy imports happen inside the
functions, so that `jaxdisp --help` answers at once.
"""

import json
import os
import pathlib
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jaxdisp.report import runs, searching, settings
    from jaxdisp.report.causes import job


def refuse(message: str) -> NoReturn:
    """Ends the command because of its input: one line on stderr, exit code 2.

    Args:
        message: what was given, what is allowed, what to do.

    Reference: our own definition.
    """
    line = " ".join(str(message).split())
    typer.echo(f"jaxdisp: {line}", err=True)
    raise SystemExit(2)


# click's UsageError, which typer keeps in places that change
USAGE_ERROR: Any = typer.BadParameter.__bases__[0]
USUAL = {
    "grid": "symmetric",
    "granularity": "tensor",
    "group_size": 64,
    "include": "",
    "clipping": "absmax",
    "seed": 0,
    "dtype": "float32",
    "bits": 4,
}
"""Options of a model that have a default other than None."""


def given(options: dict[str, Any], usual: dict[str, Any]) -> str:
    """Names the options that were given a value, for a refusal of these.

    Args:
        options: by name.
        usual: what is the case where nothing is given; None where it is not named.

    Reference: our own definition.
    """
    return ", ".join(
        f"--{name.replace('_', '-')}"
        for name, value in options.items()
        if value != usual.get(name)
    )


def law(name: str, bits: int, kurtosis: float | None, options: dict[str, Any]) -> None:
    """Shows the thresholds of a law, and writes them if there is an output.

    Args:
        name: of the law.
        bits: word length.
        kurtosis: excess kurtosis, for the law's shape.
        options: `output`, `overwrite` and `as_json`.

    Reference: our own definition.
    """
    from jaxdisp.report import files, law_thresholds, runs, tables

    output = options["output"]
    try:
        about = {"schema_version": runs.SCHEMA_VERSION, "command": "clip"}
        found = about | law_thresholds.law_thresholds(name, bits, kurtosis)
        if output is not None:
            asked = {"command": "clip", "law": name, "bits": bits, "kurtosis": kurtosis}
            kept = runs.begin(output, asked, overwrite=options["overwrite"])
            about = runs.environment(kept, {})
            runs.finish(kept, found, files.written(found, about), about)
    except (ValueError, OSError) as error:
        refuse(str(error))
    if options["as_json"]:
        typer.echo(json.dumps(found, indent=1))
        return
    typer.echo(law_thresholds.title(found))
    cells = law_thresholds.threshold_cells(found)
    typer.echo(tables.aligned(law_thresholds.header(found), cells, words=(0, 4)))
    typer.echo(law_thresholds.remark(found))


def clip(options: dict[str, Any]) -> None:
    """Carries out `clip`: of a law, or of a model.

    Args:
        options: as they were given, by name.

    Reference: our own definition.
    """
    law_name, kurtosis = options.pop("law"), options.pop("kurtosis")
    quiet = options.pop("quiet")
    if law_name is None and kurtosis is None:
        execute("clip", options | {"quiet": quiet})
        return
    own = ("bits", "as_json", "output", "overwrite")
    asked = given(options, USUAL | {name: options[name] for name in own})
    if law_name is None or asked:
        refuse(
            "--kurtosis needs --law"
            if law_name is None
            else f"--law knows no model: leave out {asked}"
        )
    law(law_name, options["bits"], kurtosis, options)


def wanted_causes() -> "job.Wanted":
    """Says what a run does about causes: everything, by default settings.

    Reference: our own definition.
    """
    from jaxdisp.report.causes import analysis, job

    return job.Wanted(choices=analysis.Choices(), optional=True)


def models(source: str | None, revision: str | None, *, as_json: bool) -> None:
    """Shows which models are supported, or what one of them is.

    Args:
        source: directory or hub id; None lists what is supported.
        revision: branch, tag or commit of a hub id.
        as_json: whether to print JSON.

    Reference: our own definition.
    """
    import tqdm

    from jaxdisp.models import inspection
    from jaxdisp.report import model_facts

    if source is None:
        if revision is not None:
            refuse(f"--revision {revision} needs a hub id beside it")
        listed, lines = model_facts.supported(), model_facts.supported_lines()
    else:
        try:
            with tqdm.tqdm(
                unit="layer", file=sys.stderr, leave=False, disable=None
            ) as bar:
                facts = inspection.inspect(source, revision, advance=bar.update)
        except (ValueError, OSError) as error:
            refuse(str(error))
        listed, lines = model_facts.content(facts), model_facts.lines(facts)
    typer.echo(json.dumps(listed, indent=1) if as_json else "\n".join(lines))


def names(text: str | None) -> tuple[str, ...] | None:
    """Reads names between commas; None where nothing was given.

    Args:
        text: such as `en, he`.

    Reference: our own definition.
    """
    if text is None:
        return None
    return tuple(name.strip() for name in text.split(",") if name.strip())


def chosen_hypotheses(text: str) -> tuple[str, ...] | None:
    """Reads which experiments a run shall hold.

    Args:
        text: `all`, `none`, or ids between commas.

    Returns:
        Their ids; empty for all, None for none.

    Reference: our own definition.
    """
    if text == "none":
        return None
    return () if text == "all" else names(text)


def settings_of(command: str, options: dict[str, Any]) -> "settings.Settings":
    """Reads the settings of a run from its options.

    Args:
        command: its name.
        options: by name, of the results.

    Raises:
        ValueError: if one is not allowed.

    Reference: our own definition.
    """
    from jaxdisp.models import Quantizer
    from jaxdisp.report.settings import Settings

    fields = ("bits", "grid", "granularity", "group_size", "clipping")
    quantizer = {name: options.pop(name) for name in fields if name in options}
    quantizer["include"] = ("matrices", *(names(options.pop("include")) or ()))
    options["languages"] = names(options["languages"])
    return Settings(command=command, quantizer=Quantizer(**quantizer), **options)


def keep_compiled() -> None:
    """Keeps compiled programs in the user's cache, so that they are compiled once.

    `JAX_COMPILATION_CACHE_DIR` names another place; set to nothing, none is kept.

    Reference: JAX's persistent compilation cache.
    """
    import jax

    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    place = pathlib.Path(home) / "jaxdisp" / "compiled"
    jax.config.update("jax_compilation_cache_dir", str(place))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def execute(
    command: str, options: dict[str, Any], how: dict[str, Any] | None = None
) -> None:
    """Carries out a command with the options as they were given.

    Args:
        command: its name.
        options: by name, of the results.
        how: by name, of how a search is carried out.

    Reference: our own definition.
    """
    from jaxdisp.report import runs, searching, settings

    keep_compiled()
    how = dict(how or {})
    progress = how.pop("progress", True)
    dry_run, markdown = how.pop("dry_run", False), how.pop("markdown", False)
    output, as_json = options.pop("output"), options.pop("as_json")
    quiet = options.pop("quiet", False)
    taken = {name: options.pop(name, False) for name in ("overwrite", "resume")}
    kept = None
    try:
        searching.begin(searching.Means(**how))
        wanted = settings_of(command, options)
        inputs = settings.open_inputs(wanted, searching.Means(**how))
        remark(inputs.corpus.remarks, quiet=quiet)
        if dry_run and inputs.searched is not None:
            _forecast(inputs.searched, as_json=as_json)
            return
        if output is not None:
            configuration = settings.configuration(wanted, inputs)
            kept = runs.begin_together(output, configuration, **taken)
    except (ValueError, OSError) as error:
        refuse(str(error))
    found = _with_progress(wanted, inputs, kept, progress=progress and not quiet)
    shown = {"as_json": as_json, "markdown": markdown, "quiet": quiet}
    show(wanted, inputs, found, output, **shown)


def remark(sentences: "Iterable[str]", *, quiet: bool) -> None:
    """Says on stderr what is worth knowing and no error.

    Args:
        sentences: each on a line of its own.
        quiet: whether to say nothing.

    Reference: our own definition.
    """
    for sentence in [] if quiet else sentences:
        typer.echo(f"remark: {sentence}", err=True)


def show(
    wanted: "settings.Settings",
    inputs: "settings.Inputs",
    found: dict[str, Any],
    output: pathlib.Path | None,
    *,
    as_json: bool,
    markdown: bool = False,
    quiet: bool = False,
) -> None:
    """Prints results, once where several processes have them.

    Args:
        wanted: settings of the run.
        inputs: opened.
        found: the content of `results.json`.
        output: run directory; None wrote nothing.
        as_json: whether to print JSON.
        markdown: whether to print Markdown, which claims have.
        quiet: whether to leave out where it is.

    Reference: our own definition.
    """
    from jaxdisp.report import searching, terminal
    from jaxdisp.report.claims import lines

    if not searching.first():
        return
    if as_json:
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
    elif markdown:
        typer.echo(lines.markdown(found["claims"]), nl=False)
    else:
        typer.echo("\n".join(terminal.lines(wanted, inputs, found)))
    if quiet:
        return
    if output is not None and "shard" in found:
        typer.echo(f"kept: {output / searching.STORE}", err=True)
        return
    paged = wanted.command not in ("measure", "clip")
    say_where(output, "report.html" if paged else "results.json")


def say_where(output: pathlib.Path | None, name: str) -> None:
    """Says on stderr where a run is, or how it would be kept.

    Args:
        output: run directory; None wrote nothing.
        name: of the file to look at.

    Reference: our own definition.
    """
    if output is None:
        typer.echo("nothing written; --output DIR keeps the run", err=True)
    else:
        typer.echo(f"written: {output / name}", err=True)


def _forecast(inputs: "searching.Inputs", *, as_json: bool) -> None:
    from jaxdisp.report import searching, terminal

    found = searching.forecast(inputs, searching.planned(inputs))
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        typer.echo("\n".join(terminal.forecast_lines(found)))


def _with_progress(
    wanted: "settings.Settings",
    inputs: "settings.Inputs",
    run: "runs.Run | None",
    *,
    progress: bool,
) -> dict[str, Any]:
    import tqdm

    from jaxdisp.report import jobs, searching

    total = jobs.work(wanted, inputs)
    with tqdm.tqdm(
        total=total,
        unit="sentence",
        file=sys.stderr,
        leave=False,
        disable=not (progress and searching.first()),
    ) as bar:
        try:
            return jobs.execute(wanted, inputs, run, bar.update)
        except (ValueError, FloatingPointError) as error:
            bar.close()
            refuse(str(error))
        except OSError as error:  # such as a full disk
            bar.close()
            refuse(f"{error}; the same command resumes")

"""Registration of a study before its run, and the run that is made by it."""

import pathlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxdisp import console
from jaxdisp.commands import configuration
from jaxdisp.options import Context, JsonOption

if TYPE_CHECKING:
    from jaxdisp.report.registration.plan import Registered

NOT_RESULTS = (
    "output",
    "as_json",
    "overwrite",
    "registered",
    "quiet",
    *configuration.ABOUT_THE_CALL,
    "help",
)
"""Options of a run that say nothing of its results."""


def register(
    context: Context,
    plan: Annotated[
        pathlib.Path,
        typer.Argument(help="The study: YAML with hypotheses and how they are tested."),
    ],
    output: Annotated[
        pathlib.Path,
        typer.Option("--output", help="Run directory that the registration is for."),
    ] = pathlib.Path("jaxdisp-run"),
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Only check that the registration there is unchanged."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Freeze hypotheses, primary outcome, corpus, seeds and analysis before a run.

    The registration, with its time and digest, is written into the run directory;
    `jaxdisp run --registered` then does what is registered and reports deviations.
    """
    import json

    from jaxdisp.report.registration import record
    from jaxdisp.report.registration.plan import read_plan

    try:
        if check:
            found = record.read(output)
            if found["plan"] != json.loads(json.dumps(record.content(read_plan(plan)))):
                console.refuse(
                    f"{plan}: is not the plan that is registered in {output}"
                )
        else:
            asked = read_plan(plan)
            group: Any = context.parent  # the command line, which knows `run`
            options = _options_of(plan, asked, group.command.commands["run"])
            hashes = _hashes(run_options(options))
            found = record.freeze(asked, options, hashes)
            record.write(output, found)
    except (ValueError, OSError) as error:
        console.refuse(str(error))
    if as_json:
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    said = "unchanged since" if check else "registered"
    typer.echo(f"{said} {found['registered']}, SHA-256 {found['sha256']}")
    if not check:
        typer.echo(f"now: jaxdisp run --registered --output {output}")


def run_options(options: dict[str, Any]) -> dict[str, Any]:
    """Turns options of `run` as they are given into those of its settings."""
    from jaxdisp.report.search_lattice import Search

    options = dict(options)
    options["search"] = Search(keep=options.pop("protect"), bits=(options["bits"],))
    options["hypotheses"] = console.chosen_hypotheses(options["hypotheses"])
    options["claims"] = () if options["claims"] else None
    options["causes"] = console.wanted_causes() if options["causes"] else None
    return options


def resolved(context: Context, options: dict[str, Any]) -> dict[str, Any]:
    """Takes options from the registration in the output, but for those given."""
    from jaxdisp.report.registration import record
    from jaxdisp.report.settings import Registration

    if options["overwrite"]:
        console.refuse("--overwrite: a registered run is made once; leave it out")
    try:
        frozen = record.read(options["output"])
    except (ValueError, OSError) as error:
        console.refuse(str(error))
    taken = {
        name: options[name] if _is_given(context, name) else value
        for name, value in frozen["options"].items()
    }
    made_by = Registration(sha256=frozen["sha256"], options=tuple(taken.items()))
    return options | taken | {"registered": made_by}


def _is_given(context: Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name in ("COMMANDLINE", "DEFAULT_MAP")


def _options_of(path: pathlib.Path, plan: "Registered", command: Any) -> dict[str, Any]:
    """All options of the run that a plan asks for, checked as the command's are."""
    from jaxdisp.claims import registry

    known = {parameter.name: parameter for parameter in command.params}
    own = {"seed", "corpus"}
    tested = dict.fromkeys(registry.owner(name) for name, _ in plan.hypotheses)
    arguments = ["--seed", str(plan.seeds[0])]
    if "hypotheses" not in plan.analysis:
        arguments += ["--hypotheses", ",".join(tested)]
    if plan.corpus is not None:
        arguments += ["--corpus", str(plan.corpus)]
    for given, value in plan.analysis.items():
        name = str(given).replace("-", "_")
        if name not in known or name in own or name in NOT_RESULTS:
            allowed = sorted(set(known) - own - set(NOT_RESULTS))
            raise ValueError(
                f"{path}: no option {given} of analysis; allowed are "
                f"{', '.join(allowed)}"
            )
        try:
            arguments += _arguments(known[name], value)
        except ValueError as error:
            raise ValueError(f"{path}: {given} of analysis {error}") from error
    try:
        context = command.make_context("run", arguments)
    except console.USAGE_ERROR as error:
        raise ValueError(f"{path}: {error.format_message()}") from error
    options = {
        name: value for name, value in context.params.items() if name not in NOT_RESULTS
    }
    carried_out = console.chosen_hypotheses(options["hypotheses"])
    found = () if carried_out is None else registry.find(carried_out)
    if left_out := set(tested) - {experiment.id for experiment in found}:
        raise ValueError(
            f"{path}: hypotheses of analysis leave out {', '.join(sorted(left_out))}, "
            "which the plan wants tested"
        )
    return options


def _arguments(parameter: Any, value: Any) -> list[str]:
    written = configuration.as_given(parameter, value)
    if written is None:
        return []
    if isinstance(written, bool):
        return [(parameter.opts if written else parameter.secondary_opts)[0]]
    return [parameter.opts[0], *(written if isinstance(written, list) else [written])]


def _hashes(options: dict[str, Any]) -> dict[str, str]:
    from jaxdisp.report import settings

    wanted = console.settings_of("run", options)
    return settings.hashes(settings.open_inputs(wanted))

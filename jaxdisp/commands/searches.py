"""Commands that search which layers to protect."""

import pathlib
from typing import Annotated

import typer

from jaxdisp import console
from jaxdisp.commands import configuration
from jaxdisp.commands.configuration import ConfigOption, PrintConfigOption
from jaxdisp.options import (
    BudgetOption,
    ClippingOption,
    Context,
    CorpusOption,
    DryRunOption,
    DtypeOption,
    EveryOption,
    GranularityOption,
    GridOption,
    GroupSizeOption,
    GuidedOption,
    HostsOption,
    IncludeOption,
    JsonOption,
    KeepOption,
    LanguagesOption,
    LimitOption,
    MemoryOption,
    ModelOption,
    ObjectiveOption,
    OutputOption,
    OverwriteOption,
    QuantizersOption,
    QuietOption,
    ReferenceOption,
    ResumeOption,
    RevisionOption,
    SeedOption,
    SetsOption,
    ShardOption,
    StrideOption,
)


def search(
    context: Context,
    keep: KeepOption = None,
    every: EveryOption = False,
    sets: SetsOption = None,
    budget: BudgetOption = None,
    objective: ObjectiveOption = "worst",
    quantizers: QuantizersOption = "int4",
    model: ModelOption = None,
    revision: RevisionOption = None,
    dtype: DtypeOption = "float32",
    corpus: CorpusOption = None,
    languages: LanguagesOption = None,
    grid: GridOption = "symmetric",
    granularity: GranularityOption = "tensor",
    group_size: GroupSizeOption = 64,
    include: IncludeOption = "",
    clipping: ClippingOption = "absmax",
    limit: LimitOption = None,
    stride: StrideOption = None,
    reference: ReferenceOption = None,
    seed: SeedOption = 0,
    memory: MemoryOption = None,
    shard: ShardOption = None,
    hosts: HostsOption = None,
    guided: GuidedOption = None,
    dry_run: DryRunOption = False,
    output: OutputOption = None,
    as_json: JsonOption = False,
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
    print_config: PrintConfigOption = False,
) -> None:
    """Measure which layers to protect: every set, ranked with uncertainty.

    Killed at any moment, the same command goes on where it stopped.
    """
    options = configuration.options_of(context, dict(locals()))
    chosen = ("keep", "every", "sets", "budget", "objective", "quantizers", "guided")
    for name in chosen:
        options.pop(name)
    how = {name: options.pop(name) for name in ("memory", "shard", "hosts", "dry_run")}
    from jaxdisp.report import search_lattice

    try:
        bits = search_lattice.parse_quantizers(quantizers)
        search = search_lattice.Search(
            keep=keep,
            every=every,
            sets=sets,
            budget=budget,
            objective=search_lattice.objective_name(objective),
            bits=bits,
            guided=guided,
        )
    except ValueError as error:
        console.refuse(str(error))
    console.execute("search", options | {"search": search, "bits": bits[0]}, how)


def merge(
    shards: Annotated[
        list[pathlib.Path], typer.Argument(help="Run directories of the shards.")
    ],
    output: Annotated[
        pathlib.Path, typer.Option("--output", help="Run directory of the whole.")
    ],
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
    quiet: QuietOption = False,
) -> None:
    """Join the shards of a search into one run."""
    from jaxdisp.report import merged

    try:
        wanted, inputs, kept = merged.open_merged(shards, output, overwrite=overwrite)
        found = merged.finish(wanted, inputs, kept)
    except (ValueError, OSError) as error:
        console.refuse(str(error))
    shown = {"as_json": as_json, "quiet": quiet}
    console.show(wanted, inputs, found, output, **shown)

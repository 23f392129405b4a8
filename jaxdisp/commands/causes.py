"""Commands about causes: the causal model, and interventions."""

from typing import Annotated

import typer

from jaxdisp import console
from jaxdisp.options import (
    ArrowsOption,
    BitsOption,
    ChainsOption,
    ClippingOption,
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
    ReferenceOption,
    RevisionOption,
    SeedOption,
    SetLimitOption,
    SlopesOption,
    StrideOption,
    TapOption,
)


def causal(
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
) -> None:
    """Infer what tokenization, alignment and redundancy do to degradation.

    T is how few tokens a language takes, A how alike its states are to those of other
    languages, R over how many channels a prediction is spread, D what quantization
    costs. A structural model is fitted to what is measured, or to --data; then T, A and
    R are set on the model itself, and what happens is set beside what was predicted.
    """
    console.causal(dict(locals()))


def intervene(
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
) -> None:
    """Set T, A or R on the model itself, and measure what becomes of degradation.

    T: the same text cut into other tokens. A: hidden states moved towards or away from
    the reference language. R: channels duplicated without changing the function, or
    directions removed. Each has a placebo.
    """
    options = dict(locals()) | {"limit": None}
    console.intervene(options)

"""Options that several commands share."""

import pathlib
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from typer import Context
else:
    # what a command is really given: the class that typer's inherits from
    Context = typer.Context.__bases__[0]

ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="Directory or hub id; default: the embedded model."),
]
RevisionOption = Annotated[
    str | None, typer.Option("--revision", help="Branch, tag or commit of a hub id.")
]
DtypeOption = Annotated[
    str,
    typer.Option("--dtype", help="What to compute in: float32, bfloat16 or float16."),
]
CorpusOption = Annotated[
    str | None,
    typer.Option(
        "--corpus",
        help="Directory of aligned <language>.txt, ntrex:DIR, udhr:DIR or flores:dev; "
        "default: the embedded.",
    ),
]
LanguagesOption = Annotated[
    str | None,
    typer.Option(
        "--languages",
        help="Comma-separated, by any code: en, eng or eng_Latn; default: all.",
    ),
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
StrideOption = Annotated[
    int | None,
    typer.Option(
        "--stride",
        help="Sentences longer than the model's context are scored in windows that "
        "start so many tokens apart; default: half of the context.",
    ),
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
QuietOption = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="No progress and no remarks, errors alone."),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace a run that is there.")
]
ObjectiveOption = Annotated[
    str,
    typer.Option(
        "--objective",
        help="What sets are ranked by: worst, mean, max-min, difference or log-ratio.",
    ),
]
MemoryOption = Annotated[
    str | None,
    typer.Option(
        "--memory",
        help="At most so much above the model, such as 4GiB; default: half of what is "
        "free.",
    ),
]

FewLimitOption = Annotated[
    int,
    typer.Option(
        "--few-limit",
        help="Sentences per language for experiments with many configurations.",
    ),
]
HypothesesOption = Annotated[
    str,
    typer.Option(
        "--hypotheses",
        help="Experiments to run, such as T-004,mean-field; all, or none.",
    ),
]

ClaimsOption = Annotated[
    bool,
    typer.Option(
        "--claims/--no-claims",
        help="Judge every claim of the research notes by what was measured.",
    ),
]
CausesOption = Annotated[
    bool,
    typer.Option(
        "--causes/--no-causes",
        help="Fit the causal model, and carry out what it speaks of.",
    ),
]

# of `causal` and `intervene`
TapOption = Annotated[
    int | None,
    typer.Option(
        "--tap",
        help="Where states are compared and moved: after so many layers; default: "
        "half of them.",
    ),
]
SetLimitOption = Annotated[
    int,
    typer.Option(
        "--few-limit", help="Sentences per language that interventions are made on."
    ),
]
ProgressOption = Annotated[
    bool,
    typer.Option("--progress/--no-progress", help="Show how far it is, on stderr."),
]
DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="A table (.csv) instead of a model: columns language, sentence, T, A, R, "
        "D; others are covariates.",
    ),
]
MeasuresOption = Annotated[
    bool,
    typer.Option(
        "--measures",
        help="Also measure every estimator of T, A and R, by language (slower).",
    ),
]
LinkOption = Annotated[
    str,
    typer.Option(
        "--link",
        help="log (elasticities), linear, or reciprocal (the notes' D = c / R).",
    ),
]
ArrowsOption = Annotated[
    str | None,
    typer.Option(
        "--arrows", help="Which are allowed, such as 'T>A>R>D, T>D'; default: all."
    ),
]
ErrorsOption = Annotated[
    str,
    typer.Option("--errors", help="gaussian, or student (heavy tails; takes minutes)."),
]
SlopesOption = Annotated[
    bool, typer.Option("--slopes", help="Let coefficients differ among languages.")
]
DrawsOption = Annotated[
    int, typer.Option("--draws", help="Of the posterior, in each chain.")
]
ChainsOption = Annotated[int, typer.Option("--chains", help="Of the sampler.")]
InterventionsOption = Annotated[
    str,
    typer.Option(
        "--interventions", help="Variables to set, such as T,A,R; none for no such."
    ),
]

# of `search` alone
KeepOption = Annotated[
    int | None, typer.Option("--keep", help="All sets of so many layers.")
]
EveryOption = Annotated[
    bool, typer.Option("--all", help="All assignments of quantizers to layers.")
]
SetsOption = Annotated[
    str | None, typer.Option("--sets", help="These sets, such as '0,9,11;0,11'.")
]
BudgetOption = Annotated[
    str | None,
    typer.Option(
        "--budget",
        help="All that fits: 24% (of the way from the smallest to full precision), "
        "3.2MB (the whole model) or 4.5bits (per quantized weight).",
    ),
]
QuantizersOption = Annotated[
    str,
    typer.Option(
        "--quantizers",
        help="Word lengths, such as int4,int8: the first of what is not kept.",
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option("--shard", help="Only part i/n of the work; see `jaxdisp merge`."),
]
HostsOption = Annotated[
    str | None,
    typer.Option(
        "--hosts",
        help="Divide the work among processes: auto (a cluster), or "
        "ADDRESS:PORT,N,I for process I of N.",
    ),
]
GuidedOption = Annotated[
    int | None,
    typer.Option(
        "--guided",
        help="Measure so many sets at most, chosen as the search goes, where there "
        "are too many to measure all.",
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what it would cost, and stop.")
]
ResumeOption = Annotated[
    bool,
    typer.Option("--resume", help="Keep what the store of a run has, and go on."),
]

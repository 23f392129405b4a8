"""The command that writes the checkpoint that a plan makes."""

import dataclasses
import pathlib
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jaxdisp import console
from jaxdisp.options import JsonOption, ModelOption, QuietOption, RevisionOption

if TYPE_CHECKING:
    from jaxdisp.report.plans.plan import Plan

OTHERWISE = 1
"""Exit code where a written checkpoint does not lose what was predicted."""
HALVES = {"bfloat16": 8, "float16": 11}
"""Types that round once more: by 1 part in 2 to this power at most."""


def quantize(
    plan: Annotated[
        pathlib.Path, typer.Option("--plan", help="A plan.json, as a run writes it.")
    ],
    out: Annotated[
        pathlib.Path, typer.Option("--out", help="Directory for the checkpoint.")
    ],
    model: ModelOption = None,
    revision: RevisionOption = None,
    dtype: Annotated[
        str,
        typer.Option(
            "--dtype",
            help="Type of the weights: float32, which is as predicted, bfloat16 or "
            "float16, which round once more.",
        ),
    ] = "float32",
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Measure what is written, and compare with what was predicted.",
        ),
    ] = False,
    corpus: Annotated[
        str | None,
        typer.Option(
            "--corpus", help="The predicted text for --check, if it has moved."
        ),
    ] = None,
    as_json: JsonOption = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a checkpoint of a plan.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Write the checkpoint that a plan makes: rounded weights as floats.

    Weights, config.json, vocabulary and model card, which transformers loads and which
    has the losses that the plan predicts. The files are no smaller: `jaxdisp plan
    export` writes recipes for toolkits that pack weights.
    """
    import json

    console.keep_compiled()
    if corpus is not None and not check:
        console.refuse("--corpus is the text of --check, which is not given")
    asked = Asked(plan=plan, out=out, model=model, revision=revision, dtype=dtype)
    try:
        made, about = _write(
            asked, corpus, check=check, overwrite=overwrite, quiet=quiet
        )
    except (ValueError, OSError, FloatingPointError) as error:
        console.refuse(str(error))
    if as_json:
        typer.echo(json.dumps(about, indent=1, ensure_ascii=False))
    else:
        typer.echo("\n".join(_lines(made, about)))
    if not quiet:
        typer.echo(f"written: {out}", err=True)
    if check and dtype == "float32" and not about["check"]["agrees"]:
        raise SystemExit(OTHERWISE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked for."""

    plan: pathlib.Path
    out: pathlib.Path
    model: str | None
    revision: str | None
    dtype: str


def _write(
    asked: Asked, corpus: str | None, *, check: bool, overwrite: bool, quiet: bool
) -> tuple["Plan", dict[str, Any]]:
    """Writes the checkpoint, once all is known to fit, and measures it if asked to."""
    from jaxdisp.models import model as models
    from jaxdisp.report import runs
    from jaxdisp.report.plans import checked, deployed
    from jaxdisp.report.plans import plan as plans

    made = plans.read(asked.plan)
    place = made.model.source if asked.model is None else asked.model
    revision = made.model.revision if asked.model is None else None
    revision = asked.revision or revision
    source = deployed.source_of(models.describe(place, revision), place, revision)
    plans.check(made, source.model)
    deployed.check(source, asked.out, overwrite=overwrite)
    text = checked.corpus_of(made, corpus) if check else None
    with _bar(deployed.count_tensors(source), "tensor", quiet=quiet) as bar:
        deployed.write(made, source, asked.out, asked.dtype, bar.update)
    about: dict[str, Any] = {"written": str(asked.out), "dtype": asked.dtype}
    if text is not None:
        predicted = made.predicted or {}
        written = models.load(asked.out, dtype=predicted["dtype"])
        total = text.n_sentences * len(text.languages)
        with _bar(total, "sentence", quiet=quiet) as bar:
            found = checked.check(made, written, text, bar.update)
        about["check"] = runs.rounded(found)
    return made, about


def _bar(total: int, unit: str, *, quiet: bool) -> Any:
    import tqdm

    return tqdm.tqdm(
        total=total,
        unit=unit,
        file=sys.stderr,
        leave=False,
        disable=True if quiet else None,
    )


def _lines(made: "Plan", about: dict[str, Any]) -> list[str]:
    from jaxdisp.report.plans import lines, plan

    shown = lines.lines(plan.content(made))
    dtype = about["dtype"]
    if dtype in HALVES:
        shown.append(
            f"Weights in {dtype} are rounded once more, by up to 1 part in "
            f"{2 ** HALVES[dtype]}, so that losses may differ from those predicted"
            + ("." if "check" in about else "; --check measures by how much.")
        )
    if "check" in about:
        shown += lines.check_lines(about["check"])
    return shown

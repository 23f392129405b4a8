"""The command about power: what a study of so many could show."""

import json
from typing import Annotated

import typer

from jaxdisp import console
from jaxdisp.options import JsonOption, SeedOption


def power(
    rho: Annotated[
        float | None, typer.Option("--rho", help="True correlation of points.")
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", help="Number of points, or of pairs.")
    ] = None,
    wanted: Annotated[
        float | None,
        typer.Option("--power", help="Wanted; default: 0.8, 0.9 and 0.95."),
    ] = None,
    difference: Annotated[
        float | None,
        typer.Option(
            "--difference",
            help="True mean difference of pairs, in standard deviations of the "
            "differences (d_z).",
        ),
    ] = None,
    alpha: Annotated[
        float, typer.Option("--alpha", help="Level of the test, or of all --tests.")
    ] = 0.05,
    tests: Annotated[
        int, typer.Option("--tests", help="How many tests share alpha (Bonferroni).")
    ] = 1,
    languages: Annotated[
        int | None,
        typer.Option("--languages", help="Languages of a design, in two halves."),
    ] = None,
    sentences: Annotated[
        int | None,
        typer.Option("--sentences", help="Parallel sentences of a design."),
    ] = None,
    per_text: Annotated[
        int | None, typer.Option("--sentences-per-text", help="Of a design.")
    ] = None,
    disparity: Annotated[
        float | None,
        typer.Option(
            "--disparity",
            help="True difference of the halves' mean degradation, nats per sentence; "
            "default: the smallest is asked for.",
        ),
    ] = None,
    between_languages: Annotated[
        float | None,
        typer.Option(
            "--between-languages",
            help="SD of languages' degradation within a half, nats per sentence.",
        ),
    ] = None,
    between_texts: Annotated[
        float | None,
        typer.Option(
            "--between-texts", help="SD of what languages share in a text, nats."
        ),
    ] = None,
    texts_by_languages: Annotated[
        float | None,
        typer.Option(
            "--texts-by-languages", help="SD of a language in a text beyond both, nats."
        ),
    ] = None,
    residual: Annotated[
        float | None,
        typer.Option("--residual", help="SD of a sentence beyond all that, nats."),
    ] = None,
    over: Annotated[
        str | None,
        typer.Option(
            "--over",
            help="What a disparity shall hold for: other languages (default), or other "
            "texts of these languages.",
        ),
    ] = None,
    draws: Annotated[
        int, typer.Option("--draws", help="Simulated studies of a design.")
    ] = 2000,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Say what a study can show: power, how many it takes, the smallest effect.

    Of a correlation (--rho), a difference of pairs (--difference), or a disparity of
    two groups of languages (--languages, --sentences). The first two are exact, the
    last is simulated and compared with what is exact.
    """
    from jaxdisp.report import power_lines, power_questions

    deviations = {
        "between_languages": between_languages,
        "between_texts": between_texts,
        "texts_by_languages": texts_by_languages,
        "residual": residual,
    }
    if None not in (languages, sentences) or disparity is not None:
        console.keep_compiled()
    try:
        found = power_lines.results(
            power_questions.Asked(
                rho=rho,
                n=n,
                power=wanted,
                difference=difference,
                alpha=alpha,
                tests=tests,
                languages=languages,
                sentences=sentences,
                disparity=disparity,
                per_text=per_text,
                deviations=deviations,
                over=over,
                draws=draws,
                seed=seed,
            )
        )
    except ValueError as error:
        console.refuse(str(error))
    shown = (
        json.dumps(found, indent=1) if as_json else "\n".join(power_lines.lines(found))
    )
    typer.echo(shown)

"""The command line, and the only place that prints.

Heavy imports happen inside the commands, so that `jaxdisp --help` answers at once.
"""

import pathlib
import sys
from typing import Annotated, NoReturn

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="What quantization costs each language of a multilingual language model.",
)


def refuse(message: str) -> NoReturn:
    """Ends the command because of its input: one line on stderr, exit code 2."""
    typer.echo(f"jaxdisp: {message}", err=True)
    raise typer.Exit(2)


@app.callback()
def _main() -> None:
    pass


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
        run = training_run.train(mixture.read_recipe(recipe), data, output)
        with tqdm.tqdm(unit="step", file=sys.stderr) as bar:
            for progress in run:
                bar.total = progress.steps
                bar.set_postfix(loss=f"{progress.loss:.3f}", refresh=False)
                bar.update(progress.step - bar.n)
    except (ValueError, OSError) as error:
        refuse(str(error))
    typer.echo(str(output))


def main() -> None:
    """Runs the command line."""
    app()


if __name__ == "__main__":
    main()

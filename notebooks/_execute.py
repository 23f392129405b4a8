"""Executes the notebooks and writes the copies that are committed: `make notebooks`.

`python notebooks/_execute.py [NAME ...]`; without names, all of them.
"""

import pathlib
import sys
import warnings
from typing import Any

import jupytext
import nbclient

FOLDER = pathlib.Path(__file__).parent
SECONDS = 600


def sources() -> list[pathlib.Path]:
    return sorted(FOLDER.glob("[a-z]*.py"))


def executed(path: pathlib.Path) -> Any:
    """Runs all cells in a fresh kernel; an error in a cell is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the kernel's machinery, not ours
        notebook = jupytext.read(path)
        client = nbclient.NotebookClient(
            notebook,
            timeout=SECONDS,
            resources={"metadata": {"path": str(FOLDER.parent)}},
        )
        client.execute()
    return notebook


def stripped(notebook: Any) -> Any:
    """Takes out what differs between machines and moments: names, times, warnings."""
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [
                each for each in cell.outputs if each.get("name") != "stderr"
            ]
            for output in cell.outputs:
                if "metadata" in output:
                    output["metadata"] = {}
    return notebook


def main(names: list[str]) -> None:
    for path in sources():
        if not names or path.stem in names:
            notebook = stripped(executed(path))
            copy = path.with_suffix(".ipynb")
            jupytext.write(notebook, copy, fmt="ipynb")
            print(f"{copy.name}: {copy.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])

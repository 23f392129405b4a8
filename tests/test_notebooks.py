"""Every notebook runs from top to bottom."""

import pathlib
import warnings

import pytest

FOLDER = pathlib.Path(__file__).parent.parent / "notebooks"


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem
)
def test_notebook_runs(path):
    nbclient = pytest.importorskip("nbclient")
    jupytext = pytest.importorskip("jupytext")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the kernel's machinery, not ours
        notebook = jupytext.read(path)
        client = nbclient.NotebookClient(
            notebook, timeout=300, resources={"metadata": {"path": str(FOLDER.parent)}}
        )
        client.execute()
    texts = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream" and output["name"] == "stdout"
    ]
    assert texts

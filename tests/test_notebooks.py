"""Notebooks run, and the copies that are committed are theirs, with their figures."""

import base64
import re

import pytest

pytest.importorskip("nbclient")
jupytext = pytest.importorskip("jupytext")

from notebooks import _execute  # noqa: E402 - needs the libraries above

SOURCES = _execute.sources()
LARGEST = 400_000
"""Bytes of a committed copy."""
MACHINE = re.compile(r"/tmp/|/home/|/root/|/work/|/Users/|site-packages|\d\d:\d\d:\d\d")
by_name = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)


def outputs(notebook):
    return [each for cell in notebook.cells for each in cell.get("outputs", [])]


def pictures(notebook):
    found = [each.get("data", {}).get("image/png") for each in outputs(notebook)]
    return [base64.b64decode(each) for each in found if each]


def test_there_is_a_notebook_for_every_room():
    assert [path.stem for path in SOURCES] == [
        "causes",
        "clipping_by_language",
        "measure_a_disparity",
        "which_layers",
        "your_own_model",
    ]
    copies = {path.stem for path in _execute.FOLDER.glob("*.ipynb")}
    assert copies == {path.stem for path in SOURCES}


@pytest.mark.slow
@by_name
def test_notebook_runs(path):
    notebook = _execute.executed(path)
    streams = [each for each in outputs(notebook) if each["output_type"] == "stream"]
    assert any(each["name"] == "stdout" for each in streams)
    assert pictures(notebook)


@by_name
def test_the_committed_copy_has_the_cells_of_the_source(path):
    source, copy = (jupytext.read(p) for p in (path, path.with_suffix(".ipynb")))
    cells = [
        [(cell.cell_type, cell.source) for cell in each.cells]
        for each in (source, copy)
    ]
    assert cells[0] == cells[1], "run make notebooks"


@by_name
def test_the_committed_copy_was_executed_and_shows_figures(path):
    copy = jupytext.read(path.with_suffix(".ipynb"))
    code = [cell for cell in copy.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [each for each in outputs(copy) if each["output_type"] == "error"]
    assert not [each for each in outputs(copy) if each.get("name") == "stderr"]
    shown = pictures(copy)
    assert shown
    assert all(picture.startswith(b"\x89PNG") for picture in shown)


@by_name
def test_the_committed_copy_is_small_and_names_no_machine(path):
    copy = path.with_suffix(".ipynb")
    assert copy.stat().st_size < LARGEST
    notebook = jupytext.read(copy)
    assert set(notebook.metadata) <= {"kernelspec", "language_info", "jupytext"}
    assert all(not cell.metadata for cell in notebook.cells)
    for each in outputs(notebook):
        text = each.get("text", "") + each.get("data", {}).get("text/plain", "")
        assert not MACHINE.search(text)


@by_name
def test_every_notebook_ends_with_something_to_try(path):
    last = jupytext.read(path).cells[-1]
    assert last.cell_type == "markdown"
    assert "## To try" in last.source


def test_what_differs_between_machines_is_taken_out():
    notebook = jupytext.reads("# %%\nprint(1)\n", fmt="py:percent")
    cell = notebook.cells[0]
    cell.execution_count = 1
    cell.metadata = {"execution": {"iopub.execute_input": "2026-01-01T00:00:00Z"}}
    cell.outputs = [
        {"output_type": "stream", "name": "stderr", "text": "a warning"},
        {"output_type": "stream", "name": "stdout", "text": "1"},
        {"output_type": "display_data", "data": {}, "metadata": {"needs": "this"}},
    ]
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    found = _execute.stripped(notebook)
    assert found.cells[0].id == "cell-0"
    assert found.cells[0].execution_count == 1
    assert not found.cells[0].metadata
    assert [each.get("name") for each in found.cells[0].outputs] == ["stdout", None]
    assert found.cells[0].outputs[1]["metadata"] == {}
    assert found.metadata["language_info"] == {"name": "python"}

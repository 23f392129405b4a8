"""Every analysis runs in its smallest size, and defines nothing of its own."""

import ast
import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).parent.parent / "analyses"
PAGES = sorted(FOLDER.glob("*.py"))
PARTS = ("Question:", "Data:", "Method:", "Expected:", "Output:")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_runs_in_its_smallest_size(path, capsys):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(module.SMOKE)
    assert capsys.readouterr().out.strip()


def test_shards_are_jobs(tmp_path):
    # in a process of its own, since submitit leaves files open
    code = (
        "import dataclasses, best_triple\n"
        "smallest = dataclasses.replace(best_triple.SMOKE, shards=2, cluster='local', "
        f"output={str(tmp_path / 'triple')!r})\n"
        "best_triple.main(smallest)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=FOLDER,
        env=os.environ | {"PYTHONPATH": f"{FOLDER}{os.pathsep}{FOLDER.parent}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "{0, 9, 11} ranks" in found.stdout
    assert (tmp_path / "triple" / "results.json").is_file()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_is_a_page_that_defines_no_formula(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstring = ast.get_docstring(tree) or ""
    assert [part for part in PARTS if part not in docstring] == []
    defined = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
    assert defined == ["Config", "main"]

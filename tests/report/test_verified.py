"""Verification: an honest run passes, and each way of tampering is found."""

import json
import os
import shutil

import numpy as np
import pytest

from jaxdisp.report import files as run_files
from jaxdisp.report import recorded, recorded_files, verified, verified_checks
from jaxdisp.report import verified_lines as lines
from tests.measure import tiny
from tests.report import finished


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where a run with losses, layers, sets and rules is, with its model and text."""
    place = tmp_path_factory.mktemp("verified")
    before = os.getcwd()
    os.chdir(place)  # so that paths are relative, and the model can be another one
    finished.prepare(place)
    finished.execute(place / "run", finished.complete())
    yield place
    os.chdir(before)


@pytest.fixture
def run(place, tmp_path):
    return shutil.copytree(place / "run", tmp_path / "run")


@pytest.fixture
def tables_only(monkeypatch):
    """Leaves figures and pages out, which take seconds to draw."""

    def written(found, environment):
        return run_files.written_tables(found)

    monkeypatch.setattr(run_files, "written", written)


def tamper(run, change, *, redraw):
    """Changes results; redrawn, all files agree with what was changed."""
    path = run / "results.json"
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content))
    if redraw:
        opened = recorded.open_run(run)
        recorded_files.replace_all(run, recorded_files.redrawn(opened))


def verify(run, **options):
    return verified.verify(recorded.open_run(run), **options)


def parts(found):
    return {each.part for each in found.differing}


def test_an_honest_run_passes(run):
    found = verify(run, sample=None)
    assert found.differing == []
    assert found.stopped == ""
    counts = dict.fromkeys((each.part for each in found.checks), 0)
    for each in found.checks:
        counts[each.part] += 1
    assert counts["losses"] == 2 * 3 * 8
    assert counts["layers"] == 3 * 2 * finished.LAYERS * 3
    assert counts["sets"] == finished.LAYERS * (3 + 9)
    assert counts["clipping"] == 7 * 3 * 3
    assert counts["degradation, evaluated anew"] == 3 * (9 + 5) + sum(
        each.number.endswith("flag")
        for each in found.checks
        if each.part == "degradation, evaluated anew"
    )
    assert counts["hashes"] == 4 + 4 + 4
    assert lines.verdict(found).endswith("recomputed: none differs")
    text = "\n".join(lines.lines(found))
    assert "losses: de, line 1, in full precision" in text
    assert "DIFFERS" not in text


def test_a_sample_is_smaller_and_repeatable(run, tables_only):
    found, again = (verify(run, sample=10, seed=3) for _ in range(2))
    assert found == again
    assert sum(each.part == "losses" for each in found.checks) == 10
    other = verify(run, sample=10, seed=4)
    assert [each.number for each in other.checks] != [e.number for e in found.checks]
    assert found.differing == other.differing == []


def in_degradation(content):
    content["degradation"][1]["d_sent"] += 0.05  # of losses known to 0.002


def in_losses(content):
    content["sentence_losses"]["quantized"][2][5] += 0.01


def in_sizes(content):
    content["sentence_losses"]["n_bytes"][0][0] += 1


def in_layers(content):
    content["layers"][4]["effect"] += 0.01


def in_sets(content):
    first = content["search"]["sets"][0]
    first["d_sent"]["en"] += 0.01


def in_rules(content):
    content["clipping"]["degradation"][7]["d_sent_high"] += 1.0


def in_disparity(content):
    content["disparity"]["worst"]["language"] = "en"


TAMPERED = {
    in_degradation: {"degradation", "degradation, evaluated anew"},
    in_losses: {"losses"},
    in_sizes: {"degradation"},
    in_layers: {"layers"},
    in_sets: {"sets"},
    in_rules: {"clipping"},
    in_disparity: {"disparity"},
}


@pytest.mark.parametrize("change", TAMPERED, ids=lambda change: change.__name__)
def test_one_changed_number_is_found(run, tables_only, change):
    tamper(run, change, redraw=False)
    found = verify(run, sample=1)
    # a worst language is in no table, but on the page
    assert ("tables" in parts(found)) == (change is not in_disparity)
    tamper(run, dict, redraw=True)
    found = verify(run, sample=None)
    assert parts(found) >= TAMPERED[change]
    assert not {"tables", "figures and pages", "hashes"} & parts(found)
    text = "\n".join(lines.lines(found))
    assert "DIFFERS" in text


def test_a_changed_table_is_found_with_its_cell(run, tables_only):
    path = run / "tables" / "degradation.csv"
    rows = path.read_text().split("\n")
    rows[2] = rows[2].replace(",", ",1", 1)
    path.write_text("\n".join(rows))
    (different,) = verify(run, sample=1).differing
    assert different.number == "tables/degradation.csv, row 2, training_bytes"
    assert different.recorded == "1" + different.recomputed
    path.unlink()
    (different,) = verify(run, sample=1).differing
    assert (different.number, different.recorded) == (
        "tables/degradation.csv",
        "missing",
    )


def test_a_changed_figure_is_found_unless_another_version_draws(run):
    (run / "figures" / "layers.png").write_bytes(b"another")
    (run / "tables" / "layers.csv").write_bytes(b"another\n")
    names = [each.number for each in verify(run, sample=1).differing]
    assert names == ["figures/layers.png", "tables/layers.csv, row 0, treatment"]
    found = verify(run, sample=1, versions={"matplotlib": "0.1"})
    assert [each.part for each in found.differing] == ["tables"]
    assert "Figures and pages were not compared, as this is" in found.remarks[0]


def test_another_model_text_or_none_is_found(run, place, tables_only):
    (place / "model").rename(place / "kept")
    try:
        found = verify(run)
        assert "model" in found.stopped
        assert found.differing == []
        tiny.write_model(place / "model", n_layer=finished.LAYERS, n_inner=20)
        found = verify(run)
        assert [each.number for each in found.differing] == ["weights, opened anew"]
        assert "others than were measured" in found.remarks[0]
        shutil.rmtree(place / "model")
    finally:
        (place / "kept").rename(place / "model")
    text = place / "corpus" / "en.txt"
    before = text.read_text()
    try:
        text.write_text(before.replace("Yes.", "Yep."))
        found = verify(run)
        assert "corpus, opened anew" in [each.number for each in found.differing]
    finally:
        text.write_text(before)


def test_settings_of_another_version_are_refused(run, tables_only):
    path = run / "config.json"
    content = json.loads(path.read_bytes()) | {"no_such_setting": 1}
    path.write_text(json.dumps(content))
    with pytest.raises(
        ValueError, match=r"run: its config\.json is of another version"
    ):
        verify(run)


@pytest.mark.parametrize(
    ("recorded_one", "recomputed", "tolerance", "differs"),
    [
        (1.23456, 1.234564, 0.0, False),  # half a unit in the sixth digit is 5e-6
        (1.23456, 1.234566, 0.0, True),
        (1.23456, 1.24, 0.01, False),
        (None, float("nan"), 0.0, False),
        (None, 1.0, 9.0, True),
        (1.0, None, 9.0, True),
        ("en", "de", 9.0, True),
        (8, np.int32(8), 0.0, False),
        (8, np.float32(9), 0.0, True),
    ],
)
def test_tolerances(recorded_one, recomputed, tolerance, differs):
    found = verified_checks.check("x", "y", recorded_one, recomputed, tolerance)
    assert found.differs == differs


def test_choices_are_of_so_many_and_in_order():
    assert verified_checks.chosen(5, None, 0) == [0, 1, 2, 3, 4]
    assert verified_checks.chosen(5, 9, 0) == [0, 1, 2, 3, 4]
    some = verified_checks.chosen(100, 10, 1)
    assert len(set(some)) == 10
    assert some == sorted(some)
    assert some != verified_checks.chosen(100, 10, 2)

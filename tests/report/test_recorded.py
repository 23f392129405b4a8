"""Finished runs: refused with the reason if something is amiss, and drawn again."""

import json
import pathlib
import shutil

import pytest

from jaxdisp.report import recorded, recorded_files
from tests.report import finished


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The directory of a finished run; tests change copies of it."""
    place = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        finished.prepare(place)
        finished.execute(place / "run", finished.settings())
    return place / "run"


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "copy")


def contents(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_an_untouched_run_is_drawn_the_same(run, copy):
    content = recorded_files.redrawn(recorded.open_run(copy))
    recorded_files.replace_all(copy, content)
    assert contents(copy) == contents(run)
    shutil.rmtree(copy / "tables")
    (copy / "figures" / "degradation.svg").write_text("another")
    recorded_files.replace_all(copy, content)
    assert contents(copy) == contents(run)


def edit(directory, name="results.json", **changes):
    """Changes entries of a file, or drops those that are None."""
    path = directory / name
    content = json.loads(path.read_bytes()) | changes
    kept = {key: value for key, value in content.items() if value is not None}
    path.write_text(json.dumps(kept))


def drop(name):
    return lambda directory: (directory / name).unlink()


def truncate(name):
    def cut(directory):
        content = (directory / name).read_bytes()
        (directory / name).write_bytes(content[: len(content) // 2])

    return cut


def changed(name="results.json", **changes):
    return lambda directory: edit(directory, name, **changes)


def in_losses(**changes):
    def change(directory):
        losses = json.loads((directory / "results.json").read_bytes())[
            "sentence_losses"
        ]
        kept = {k: v for k, v in (losses | changes).items() if v is not None}
        edit(directory, sentence_losses=kept)

    return change


def registered(directory):
    for path in [*directory.iterdir()]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (directory / "registration.json").write_text("{}")


DAMAGED = {
    "no settings": (drop("config.json"), r"lacks config\.json; copy the run again"),
    "no results": (drop("results.json"), r"lacks results\.json; copy the run again"),
    "no environment": (drop("environment.json"), r"lacks environment\.json"),
    "truncated": (truncate("results.json"), r"results\.json: not valid JSON .*copy it"),
    "truncated settings": (truncate("config.json"), r"config\.json: not valid JSON"),
    "unfinished": (
        lambda directory: (directory / "unfinished").mkdir(),
        "an unfinished run of jaxdisp measure; the same command resumes it",
    ),
    "older": (
        changed(schema_version=1),
        "made in version 1 of the results, and this jaxdisp reads version 2; make the",
    ),
    "newer": (changed(schema_version=3), "in version 3 of the results, .* version 2"),
    "no version": (changed(schema_version=None), "names no schema_version"),
    "no command": (
        changed("config.json", command=None),
        "config.json names no command",
    ),
    "another command": (
        changed("config.json", command="run"),
        r"results\.json is of measure, config\.json of run; they are not of one run",
    ),
    "no arguments": (changed("environment.json", arguments=None), "lacks arguments"),
    "no losses of sentences": (
        changed(sentence_losses=None),
        "degradation is there without sentence_losses, which reports need",
    ),
    "no disparity": (changed(disparity=None), "degradation is there without disparity"),
    "no degradation": (changed(degradation=None), "is there without degradation"),
    "no windows": (changed(windows=None, model=None), "lacks model, windows; make"),
    "no table": (changed(degradation={"en": 1}), "degradation is no table"),
    "no bytes": (in_losses(n_bytes=None), "sentence_losses lacks n_bytes"),
    "few losses": (in_losses(full=[[1.0]]), "full must have 3 languages with 8 sent"),
    "few texts": (in_losses(groups=[0]), "groups and lines differ in number"),
    "registered": (registered, "holds a registration and no run yet"),
}


@pytest.mark.parametrize("name", list(DAMAGED))
def test_what_is_amiss_is_said(copy, name):
    damage, message = DAMAGED[name]
    damage(copy)
    before = contents(copy)
    with pytest.raises(ValueError, match=message) as refused:
        recorded.open_run(copy)
    assert "\n" not in str(refused.value)
    assert contents(copy) == before


def test_what_is_no_run_is_said(tmp_path):
    with pytest.raises(ValueError, match="nowhere: no such directory"):
        recorded.open_run(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"is not a run of jaxdisp \(it has no config"):
        recorded.open_run(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(
        ValueError, match="file: is a file; name the directory of a run"
    ):
        recorded.open_run(tmp_path / "file")


@pytest.mark.parametrize(
    ("rows", "message"),
    [([{"language": "en"}], "lacks '.*', which reports need"), ([4], "is damaged")],
)
def test_damage_that_drawing_finds_is_said(copy, rows, message):
    edit(copy, degradation=rows)
    with pytest.raises(ValueError, match=message):
        recorded_files.redrawn(recorded.open_run(copy))


def test_a_full_disk_changes_nothing(copy, monkeypatch):
    before, whole, done = contents(copy), pathlib.Path.write_bytes, []

    def full(path, content):
        done.append(path)
        if len(done) == 3:
            whole(path, content[:10])
            raise OSError(28, "No space left on device", str(path))
        return whole(path, content)

    fresh = dict.fromkeys(recorded_files.redrawn(recorded.open_run(copy)), b"new")
    monkeypatch.setattr(pathlib.Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        recorded_files.replace_all(copy, fresh)
    assert contents(copy) == before
    monkeypatch.undo()
    shutil.rmtree(copy / "tables")
    (copy / "tables").write_text("in the way")
    before = contents(copy)
    with pytest.raises(OSError, match="tables"):
        recorded_files.replace_all(copy, fresh)
    assert contents(copy) == before

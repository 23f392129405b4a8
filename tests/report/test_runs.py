"""Run directories: begun, killed, resumed, finished, replaced; never half-written."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp.report import runs
from tests.search import cells

CONFIG = {"command": "run", "seed": 3, "languages": ("en", "ru"), "limit": None}
CONFIG |= {"dtype": "bfloat16"}


def refuse(*args):
    raise AssertionError("must not be computed again")


def finished(directory, config=CONFIG):
    run = runs.begin(directory, config, overwrite=False)
    files = {"tables/a.csv": b"a\n", "b.html": b"b"}
    runs.finish(run, {"n": 1}, files, runs.environment(run, {"weights": "0"}))
    return run


def test_what_is_kept_is_computed_once(tmp_path):
    run = runs.begin(tmp_path / "run", CONFIG, overwrite=False)
    array = np.arange(6, dtype=np.float32).reshape(2, 3) / 7
    assert not runs.has(run, "base-0")
    np.testing.assert_array_equal(runs.keep(run, "base-0", lambda: array), array)
    assert runs.has(run, "base-0")
    again = runs.begin(tmp_path / "run", CONFIG, overwrite=False)  # after a kill
    found = runs.keep(again, "base-0", refuse)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype
    assert not runs.has(again, "base-1")


def test_without_a_run_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert runs.keep(None, "a", lambda: np.ones(2)).tolist() == [1, 1]
    assert not list(tmp_path.iterdir())


def test_a_piece_that_was_cut_off_is_computed_again(tmp_path):
    run = runs.begin(tmp_path, CONFIG, overwrite=False)

    def killed():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.keep(run, "base-0", killed)
    assert not runs.has(run, "base-0")
    (tmp_path / runs.UNFINISHED / "base-0.part").write_bytes(b"\x93NUMPY half")
    assert not runs.has(run, "base-0")
    assert runs.keep(run, "base-0", lambda: np.ones(1)).tolist() == [1]


def test_a_finished_run_holds_its_files_and_nothing_else(tmp_path):
    finished(tmp_path / "a" / "run")
    found = {
        path.relative_to(tmp_path / "a" / "run").as_posix()
        for path in (tmp_path / "a" / "run").rglob("*")
        if path.is_file()
    }
    assert found == {
        "config.json",
        "environment.json",
        "results.json",
        "tables/a.csv",
        "b.html",
    }
    directory = tmp_path / "a" / "run"
    assert not (directory / runs.UNFINISHED).exists()
    assert json.loads((directory / "results.json").read_bytes()) == {"n": 1}
    assert json.loads((directory / "config.json").read_bytes()) == {
        "command": "run",
        "seed": 3,
        "languages": ["en", "ru"],
        "limit": None,
        "dtype": "bfloat16",
    }
    environment = json.loads((directory / "environment.json").read_bytes())
    assert environment["seed"] == 3
    assert environment["dtype"] == "bfloat16"
    assert environment["hashes"] == {"weights": "0"}
    assert environment["wall_seconds"] >= 0
    assert set(runs.PACKAGES) < set(environment["packages"])
    assert environment["devices"]


@pytest.mark.parametrize("leftover", [None, "config.json.part"])
def test_a_run_killed_before_its_settings_were_written_begins_again(tmp_path, leftover):
    (tmp_path / runs.UNFINISHED).mkdir()
    if leftover:
        (tmp_path / leftover).write_bytes(b"{")
    run = runs.begin(tmp_path, CONFIG, overwrite=False)
    assert runs.keep(run, "a", lambda: np.ones(1)).tolist() == [1]


def foreign(directory):
    (directory / "thesis.tex").write_text("years of work")


def model_directory(directory):
    (directory / "config.json").write_text('{"model_type": "gpt2"}')


def damaged(directory):
    (directory / "config.json").write_text('{"command": ')


def folder_of_that_name(directory):
    (directory / runs.UNFINISHED).mkdir()
    (directory / runs.UNFINISHED / "symphony.mid").write_bytes(b"MThd")


@pytest.mark.parametrize(
    "fill", [foreign, model_directory, damaged, folder_of_that_name]
)
def test_a_directory_of_something_else_is_left_alone(tmp_path, fill):
    fill(tmp_path)
    before = {
        path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")
    }
    for overwrite in (False, True):
        with pytest.raises(ValueError, match=r"is not a run of jaxdisp|not valid JSON"):
            runs.begin(tmp_path, CONFIG, overwrite=overwrite)
    after = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    assert after == before


def test_a_file_is_no_directory(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with pytest.raises(ValueError, match=r"file: exists and is not a run of jaxdisp"):
        runs.begin(path, CONFIG, overwrite=True)
    assert path.read_bytes() == b"x"


def test_an_empty_directory_may_be_used(tmp_path):
    runs.begin(tmp_path, CONFIG, overwrite=False)


def test_a_finished_run_is_replaced_only_on_demand(tmp_path):
    finished(tmp_path)
    message = r": holds a run; choose another --output, or pass --overwrite$"
    for config in (CONFIG, CONFIG | {"seed": 4}):
        with pytest.raises(ValueError, match=message):
            runs.begin(tmp_path, config, overwrite=False)
    assert (tmp_path / "b.html").is_file()
    runs.begin(tmp_path, CONFIG, overwrite=True)
    assert not (tmp_path / "b.html").exists()
    assert not (tmp_path / "results.json").exists()


def test_an_unfinished_run_with_other_settings_is_replaced_only_on_demand(tmp_path):
    run = runs.begin(tmp_path, CONFIG, overwrite=False)
    runs.keep(run, "base-0", lambda: np.ones(1))
    other = CONFIG | {"seed": 4}
    message = r": holds an unfinished run with other settings; choose another --output"
    with pytest.raises(ValueError, match=message):
        runs.begin(tmp_path, other, overwrite=False)
    assert runs.has(run, "base-0")
    assert not runs.has(runs.begin(tmp_path, other, overwrite=True), "base-0")


def test_overwrite_goes_on_with_an_unfinished_run_of_the_same_settings(tmp_path):
    run = runs.begin(tmp_path, CONFIG, overwrite=False)
    runs.keep(run, "base-0", lambda: np.ones(1))
    assert runs.has(runs.begin(tmp_path, CONFIG, overwrite=True), "base-0")


def with_store(directory, config=CONFIG):
    """A finished run that has a store, and what that holds."""
    finished(directory, config)
    path = directory / "store.sqlite"
    cells.closed(cells.filled(path, [1, 2]))
    return path.read_bytes()


def test_resuming_keeps_the_store_alone(tmp_path):
    stored = with_store(tmp_path)
    other = CONFIG | {"seed": 4}
    with pytest.raises(ValueError, match=": holds a run; choose another --output"):
        runs.begin(tmp_path, other, overwrite=False)
    run = runs.begin(tmp_path, other, overwrite=False, resume=True)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"store.sqlite", "config.json", runs.UNFINISHED}
    assert (tmp_path / "store.sqlite").read_bytes() == stored
    assert json.loads((tmp_path / "config.json").read_bytes())["seed"] == 4
    assert runs.keep(run, "a", lambda: np.ones(1)).tolist() == [1]


def test_overwriting_drops_the_store(tmp_path):
    with_store(tmp_path)
    runs.begin(tmp_path, CONFIG, overwrite=True)
    assert not (tmp_path / "store.sqlite").exists()


def test_resuming_needs_a_run_or_nothing(tmp_path):
    runs.begin(tmp_path / "new", CONFIG, overwrite=False, resume=True)
    foreign(tmp_path)
    with pytest.raises(ValueError, match="is not a run of jaxdisp"):
        runs.begin(tmp_path, CONFIG, overwrite=False, resume=True)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("resume", CONFIG | {"seed": 4}), ("unfinished", CONFIG)],
)
def test_a_damaged_store_is_not_gone_on_with(tmp_path, name, wanted):
    with_store(tmp_path)
    if name == "unfinished":
        (tmp_path / runs.UNFINISHED).mkdir()
    (tmp_path / "store.sqlite").write_bytes(b"SQLite format 3\0" + bytes(range(100)))
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=r"store\.sqlite: .*damaged"):
        runs.begin(tmp_path, wanted, overwrite=False, resume=name == "resume")
    after = {path: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    assert after == before


def test_of_several_processes_the_first_begins(tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(runs.hosts, "wait", waited.append)
    monkeypatch.setattr(runs.hosts, "place", lambda: (1, 2))
    directory = tmp_path / "run"
    run = runs.begin_together(directory, CONFIG, overwrite=False)
    assert (run.directory, run.config) == (directory, CONFIG)
    assert not list(directory.iterdir())
    monkeypatch.setattr(runs.hosts, "place", lambda: (0, 2))
    runs.begin_together(directory, CONFIG, overwrite=False)
    assert (directory / "config.json").is_file()
    assert waited == ["begun"] * 2


def test_overwriting_and_resuming_contradict_each_other(tmp_path):
    with pytest.raises(ValueError, match="--overwrite and --resume contradict each"):
        runs.begin_together(tmp_path / "run", CONFIG, overwrite=True, resume=True)
    assert not list(tmp_path.iterdir())


def test_json_has_no_nan(tmp_path):
    with pytest.raises(ValueError, match="Out of range float values"):
        runs.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not list(tmp_path.iterdir())


def test_numbers_are_rounded_and_nan_becomes_none():
    found = runs.rounded(
        {
            "python": 1.23456789,
            "large": 123456789.0,
            "small": np.float32(1e-7) / 3,
            "nan": float("nan"),
            "lists": (1, [float("inf"), True, None, "a"]),
            "numpy": np.array([[0.1, np.nan]]),
            "jax": jnp.asarray([1, 2], jnp.int32),
            "scalar": np.int64(3),
            "bool": np.bool_(True),
        }
    )
    assert found == {
        "python": 1.23457,
        "large": 123457000.0,
        "small": 3.33333e-08,
        "nan": None,
        "lists": [1, [None, True, None, "a"]],
        "numpy": [[0.1, None]],
        "jax": [1, 2],
        "scalar": 3,
        "bool": True,
    }
    assert found["lists"][1][1] is True
    assert found["bool"] is True
    json.dumps(found, allow_nan=False)

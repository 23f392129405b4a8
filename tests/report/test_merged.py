"""Shards that become one run, or are refused with nothing written."""

import json
import shutil

import numpy as np
import pytest

from jaxdisp.report import merged, runs, searching
from jaxdisp.report.search_lattice import Search
from jaxdisp.report.searching import Means
from jaxdisp.search import store, sweep
from tests import command_line
from tests.measure import tiny
from tests.report import tiny_search
from tests.search import cells

KEEP = Search(keep=1, bits=(3,))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A whole run, two shards of it, and the inputs that all of them are of."""
    root = tmp_path_factory.mktemp("merged")
    tiny_search.write(root)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        tiny_search.run(KEEP, root / "whole")
        for number in (1, 2):
            means = Means(shard=f"{number}/2")
            tiny_search.run(KEEP, root / str(number), means=means)
    return root


@pytest.fixture
def here(original, tmp_path, monkeypatch):
    """A copy of that, in which anything may be changed."""
    shutil.copytree(original, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    with tiny_search.small_calls():
        yield tmp_path / "copy"


def join(here, *names, output="out", overwrite=False):
    shards = [here / name for name in names]
    return merged.open_merged(shards, here / output, overwrite=overwrite)


def refused(here, message, *names, **options):
    before = command_line.contents(here)
    with pytest.raises(ValueError, match=message) as caught:
        join(here, *names, **options)
    assert "\n" not in str(caught.value)
    assert command_line.contents(here) == before


def test_shards_become_the_run_that_one_process_makes(here):
    with tiny_search.counted() as done:
        found = merged.finish(*join(here, "1", "2"))
    assert not done
    whole, out = (here / name / "results.json" for name in ("whole", "out"))
    assert out.read_bytes() == whole.read_bytes()
    assert json.loads(out.read_bytes()) == found
    assert not (here / "out" / runs.UNFINISHED).exists()
    assert (here / "out" / "report.html").is_file()
    for name in ("config.json", "store.sqlite"):
        assert (here / "out" / name).is_file()
    config = (here / "out" / "config.json").read_bytes()
    assert config == (here / "whole" / "config.json").read_bytes()


def test_shards_may_divide_the_windows_of_a_sentence(here):
    tiny.write_corpus(here / "corpus", tiny.LONG)
    shutil.rmtree(here / "whole")
    tiny_search.run(KEEP, here / "whole", stride=4)
    for number in (1, 2):
        shutil.rmtree(here / str(number))
        means = Means(shard=f"{number}/2")
        inputs = tiny_search.begun(KEEP, here / "some", means=means, stride=4)[1]
        shutil.rmtree(here / "some")
        tiny_search.run(KEEP, here / str(number), means=means, stride=4)
        made = searching.planned(inputs.searched)
        with searching.opened(here / str(number)) as kept:
            known = ~np.isnan(sweep.table(made, kept))
        windows = np.bincount(made.sentences)
        held = [np.bincount(made.sentences[row], minlength=24) for row in known]
        assert np.any((np.array(held) > 0) & (held < windows))
    found = merged.finish(*join(here, "1", "2"))
    assert found["windows"] == {
        "context": 30,
        "stride": 4,
        "sentences": 2,
        "languages": {"de": 1, "en": 1, "ru": 1},
    }
    whole, out = (here / name / "results.json" for name in ("whole", "out"))
    assert out.read_bytes() == whole.read_bytes()


def test_a_merge_that_was_killed_is_done_again(here):
    _, inputs, run = join(here, "1", "2")
    _, _, again = join(here, "2", "1")
    assert again.config == run.config
    kept = store.open_store(here / "out" / searching.STORE)
    made = searching.planned(inputs.searched)
    identity = store.identity(**sweep.identity(made))
    assert store.count(kept, identity) == made.n_cells
    store.close(kept)


def test_a_missing_shard_is_named(here):
    n_cells = [
        plan_of(here).n_cells,
        *(stored(here, name) for name in ("1", "2")),
    ]
    assert n_cells[0] == n_cells[1] + n_cells[2]
    said = rf"{n_cells[2]} of {n_cells[0]} cells are missing \({n_cells[1]} in .*/1\)"
    refused(here, f"{said}: a shard was left out or has not finished", "1")


def plan_of(here):
    inputs = tiny_search.begun(KEEP, here / "some")[1]
    shutil.rmtree(here / "some")
    return searching.planned(inputs.searched)


def stored(here, name):
    kept = store.open_store(here / name / searching.STORE)
    with store.access(kept) as connection:
        ((number,),) = connection.execute("SELECT count(*) FROM cells")
    store.close(kept)
    return number


def test_a_shard_that_has_not_finished_is_named(here):
    kept = store.open_store(here / "2" / searching.STORE)
    with store.access(kept) as connection:
        connection.execute("DELETE FROM cells WHERE piece > 1")
    store.close(kept)
    left = stored(here, "2")
    refused(here, rf"cells are missing \(\d+ in .*/1, {left} in .*/2\)", "1", "2")


def test_a_shard_that_has_not_begun_is_named(here):
    (here / "2" / searching.STORE).unlink()
    refused(here, r"/2: has not begun; it holds no store\.sqlite", "1", "2")


def test_what_is_no_search(here):
    refused(here, "/nowhere: holds no search", "1", "nowhere")
    (here / "empty").mkdir()
    refused(here, "/empty: holds no search; name the shards' directories", "1", "empty")
    refused(here, "/model: holds no search", "model")
    config = here / "2" / "config.json"
    content = json.loads(config.read_bytes())
    config.write_text(json.dumps(content | {"command": "run"}))
    refused(here, "/2: holds no search", "1", "2")


@pytest.mark.parametrize(
    ("changes", "topic"),
    [({"seed": 2}, "seed"), ({"search": {"keep": 2}, "limit": 4}, "limit, search")],
)
def test_shards_of_different_searches(here, changes, topic):
    config = here / "2" / "config.json"
    content = json.loads(config.read_bytes())
    config.write_text(json.dumps(content | changes))
    refused(here, f"/2: differs from .*/1 in {topic}; merge shards", "1", "2")


def test_shards_of_different_programs(here):
    """The same settings, and yet other quantizers or numerics."""
    kept = store.open_store(here / "2" / searching.STORE)
    store.register(kept, cells.OTHER_IDENTITY, {"numerics": 2})
    store.close(kept)
    refused(here, "differs from .* in", "1", "2")


def test_shards_that_contradict_one_another(here):
    shutil.copytree(here / "1", here / "3")
    kept = store.open_store(here / "3" / searching.STORE)
    with store.access(kept) as connection:
        rows = connection.execute(
            "SELECT identities.name, pieces.name, assignment, length(nll) FROM cells "
            "JOIN identities ON identities.number = identity "
            "JOIN pieces ON pieces.number = piece"
        ).fetchall()
        connection.execute("DELETE FROM cells")
    for identity, piece, assignment, length in rows:
        losses = np.ones(length // 4, np.float32)
        store.put(kept, identity, piece, [(assignment, losses)])
    store.close(kept)
    refused(here, "has another loss than", "1", "2", "3")


def test_a_damaged_shard(here):
    (here / "2" / searching.STORE).write_bytes(b"SQLite format 3\0" + bytes(100))
    refused(here, r"/2/store\.sqlite: .*(damaged|not a store)", "1", "2")


def test_the_same_shard_twice(here):
    refused(here, "is merged with itself", "1", "1", "2")


def test_a_model_that_has_changed(here):
    path = here / "model" / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    refused(here, "/1: model or text have changed since it was made", "1", "2")


def test_the_output_is_none_of_the_shards(here):
    refused(here, "/2: is one of the shards; choose another", "1", "2", output="2")
    refused(here, "is one of the shards", "1", "2", output="out/../1")


def test_the_output_may_be_a_run_only_on_demand(here):
    refused(here, "/whole: holds a run; choose another", "1", "2", output="whole")
    wanted, _, run = join(here, "1", "2", output="whole", overwrite=True)
    assert wanted.search == KEEP
    assert not (run.directory / "results.json").exists()


def test_guided_searches_have_no_shards(here):
    for name in ("1", "2"):
        config = here / name / "config.json"
        content = json.loads(config.read_bytes())
        content["search"]["guided"] = 200
        config.write_text(json.dumps(content))
    refused(here, "was searched with --guided, which has no shards", "1", "2")


def test_settings_of_another_version(here):
    for name in ("1", "2"):
        config = here / name / "config.json"
        content = json.loads(config.read_bytes())
        config.write_text(json.dumps(content | {"new": 1}))
    refused(here, "/1: its config.json is of another version of jaxdisp", "1", "2")
    for name in ("1", "2"):
        config = here / name / "config.json"
        content = json.loads(config.read_bytes())
        del content["new"], content["quantizer"]
        config.write_text(json.dumps(content))
    refused(here, "/1: its config.json is of another version of jaxdisp", "1", "2")

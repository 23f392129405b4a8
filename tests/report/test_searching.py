"""Searches: planned, evaluated once, resumed and divided, always with one result."""

import itertools
import json

import numpy as np
import pytest

from jaxdisp.models import Quantizer
from jaxdisp.report import runs, search_certificates, searching
from jaxdisp.report.search_lattice import Search
from jaxdisp.report.searching import Means
from jaxdisp.search import engine, hosts, plan, store, sweep
from tests.report import tiny_search

KEEP = Search(keep=1, bits=(3,))
SETS = Search(sets="0,1;2", bits=(3,))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A directory with a model and a corpus; paths in it are the same everywhere."""
    monkeypatch.chdir(tmp_path)
    tiny_search.write(tmp_path)
    return tmp_path


def results(directory):
    return (directory / "results.json").read_bytes()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, (0, 1)),
        ("1/1", (1, 1)),
        ("0/3", (0, 3)),
        ("2/3", (2, 3)),
        ("3/3", (3, 3)),
    ],
)
def test_shards_that_can_be(text, expected):
    assert searching.parse_shard(text) == expected


@pytest.mark.parametrize("text", ["5/4", "0/0", "1/0"])
def test_shards_out_of_range(text):
    with pytest.raises(ValueError, match=rf"--shard {text}: i must be 1 to n"):
        searching.parse_shard(text)


@pytest.mark.parametrize("text", ["foo", "1", "1/", "/2", "1/2/3", "-1/2", "1.5/2", ""])
def test_what_is_no_shard(text):
    with pytest.raises(ValueError, match=rf"--shard {text}: must be i/n"):
        searching.parse_shard(text)


def test_alone_a_process_is_the_first():
    searching.begin(Means())
    assert searching.first()
    with pytest.raises(ValueError, match="--hosts divides the work itself; leave out"):
        searching.begin(Means(hosts="auto", shard="1/2"))


@pytest.mark.parametrize("text", ["foo", "localhost:1,2", "localhost:1,2,x"])
def test_hosts_that_cannot_be(text):
    with pytest.raises(ValueError, match=f"--hosts {text}: must be auto or ADDRESS"):
        searching.begin(Means(hosts=text))


def check(search=KEEP, means=None, *, known=True, chosen="of the model"):
    wanted, inputs = tiny_search.opened(KEEP, known=known)
    return searching.check(
        inputs.model,
        inputs.corpus,
        wanted.quantizer,
        search,
        means or Means(),
        chosen=inputs.chosen if chosen else None,
        seed=1,
    )


def test_what_is_checked_is_kept():
    search = Search(keep=1, bits=(3, 8), objective="max-min")
    found = check(search, Means(shard="2/3", memory="1GiB"))
    assert found.search == Search(keep=1, bits=(3, 8), objective="max_min")
    assert found.quantizer == Quantizer(bits=3)
    assert (found.shard, found.limit) == ((2, 3), 2**30)
    assert len(found.lattice.asked) == 6
    assert check().limit is None


@pytest.mark.parametrize(
    ("search", "means", "message"),
    [
        (Search(keep=1, objective="best"), None, "--objective best: must be one of"),
        (Search(keep=3), None, "must have 1 to 2 of the 3 layers, got 3"),
        (Search(keep=1, bits=(9,)), None, "bits must be between 2 and 8, got 9"),
        (Search(keep=1, bits=(4, 17)), None, "bits must be between 2 and 8, got 17"),
        (KEEP, Means(shard="5/4"), "--shard 5/4: i must be 1 to n"),
        (KEEP, Means(memory="4"), "memory '4': must be a positive number and a unit"),
        (KEEP, Means(memory="1kB"), "memory of 0 MiB does not suffice: .* --memory"),
    ],
)
def test_what_cannot_be(search, means, message):
    with pytest.raises(ValueError, match=message):
        check(search, means)


@pytest.mark.parametrize("objective", ["log-ratio", "difference"])
def test_objectives_that_need_training_text(objective):
    search = Search(keep=1, bits=(3,), objective=objective)
    assert check(search).search.objective == objective.replace("-", "_")
    with pytest.raises(ValueError, match=f"--objective {objective} compares languages"):
        check(search, known=False)


def test_rows_are_planned_after_full_precision():
    inputs = check()
    made = searching.planned(inputs)
    sites = made.trie.sites[made.trie.places][:, 1:]
    assert sites.tolist() == [[0, 0, 0], *inputs.lattice.rows.tolist()]
    assert searching.work(made) == 8 * 8 * 3  # rows, sentences, languages
    assert searching.work(made, 5) == (8 + 5) * 8 * 3


def prefixes(rows):
    """How many different beginnings of one layer and more there are."""
    return len({row[:n] for row in rows for n in range(1, 1 + len(row))})


@pytest.mark.parametrize(
    "asked",
    [
        {"keep": 1},
        {"every": True},
        {"sets": "0,1;2"},
        {"sets": "1"},
    ],
)
def test_layers_are_counted(asked):
    inputs = check(Search(bits=(3,), **asked))
    rows = [tuple(row) for row in inputs.lattice.rows.tolist()]
    wanted = {rows[place] for place in inputs.lattice.asked}
    assert searching.evaluations(inputs, searching.planned(inputs)) == {
        "layer_evaluations": prefixes(wanted),
        "layer_evaluations_with_references": prefixes(rows),
        "layers_without_sharing": 3 * len(wanted),
    }


def test_a_forecast_evaluates_nothing(monkeypatch):
    def refuse(*args):
        raise AssertionError("must not be evaluated")

    inputs = check(KEEP, Means(shard="1/2"))
    monkeypatch.setattr(engine, "losses", refuse)
    with tiny_search.small_calls():
        made = searching.planned(inputs)
        found = searching.forecast(inputs, made)
    json.dumps(found)
    assert found["sets"] == 3
    assert found["assignments"] == 8
    assert found["batches"] == len(made.texts)
    assert found["cells"] == 8 * len(made.texts)
    assert 0 < found["share"] < 1
    assert found["minutes"] > 0
    assert found["flops"] > 0
    assert found["layer_evaluations"] == prefixes([(0, 1, 1), (1, 0, 1), (1, 1, 0)])


def test_the_same_search_gives_the_same_bytes(here):
    found = tiny_search.run(KEEP, here / "one")
    with tiny_search.counted() as done:
        tiny_search.run(KEEP, here / "other")
    assert results(here / "one") == results(here / "other")
    assert sum(done) == len(done) * 8
    assert json.loads(results(here / "one")) == found
    assert search_certificates.check(json.loads(results(here / "one"))["certificates"])


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_killed_search_goes_on(here, after):
    with tiny_search.counted() as done:
        tiny_search.run(KEEP, here / "whole")
    total = sum(done)
    with tiny_search.counted(stop=after) as before, pytest.raises(KeyboardInterrupt):
        tiny_search.run(KEEP, here / "killed")
    assert not (here / "killed" / "results.json").exists()
    with tiny_search.counted() as rest:
        tiny_search.run(KEEP, here / "killed")
    assert sum(before) + sum(rest) == total
    assert sum(before) > 0 or not after
    assert results(here / "killed") == results(here / "whole")


def test_what_is_stored_is_not_evaluated_again(here):
    tiny_search.run(SETS, here / "run")
    kept = store.open_store(here / "run" / searching.STORE)
    inputs = tiny_search.opened(SETS)[1].searched
    identity = store.identity(**sweep.identity(searching.planned(inputs)))
    assert store.count(kept, identity) % len(inputs.lattice.rows) == 0
    store.close(kept)
    with pytest.raises(ValueError, match="holds a run"):
        tiny_search.run(KEEP, here / "run")
    with tiny_search.counted() as done:
        tiny_search.run(KEEP, here / "run", resume=True)
    assert sum(done) == 0  # the smaller sets of the one are all that the other needs
    tiny_search.run(KEEP, here / "alone")
    assert results(here / "run") == results(here / "alone")


def test_another_model_shares_no_cells(here):
    tiny_search.run(KEEP, here / "run")
    tiny_search.write(here / "other", 3)
    model = here / "other" / "model" / "model.safetensors"
    data = bytearray(model.read_bytes())
    data[-1] ^= 1  # the exponent of a weight's last number
    model.write_bytes(bytes(data))
    with tiny_search.counted() as done:
        tiny_search.run(KEEP, here / "run", resume=True, model="other/model")
    assert sum(done) > 0
    assert sum(done) % 8 == 0


def test_shards_are_disjoint_and_complete(here):
    cells = []
    for number in (1, 2, 3):
        with tiny_search.counted() as done:
            means = Means(shard=f"{number}/3")
            found = tiny_search.run(KEEP, here / f"shard{number}", means=means)
        assert found["shard"] == [number, 3]
        assert found["cells"] == sum(done)
        assert not (here / f"shard{number}" / "results.json").exists()
        cells.append(sum(done))
    assert "sets" not in found
    with tiny_search.counted() as done:
        tiny_search.run(KEEP, here / "whole")
    assert sum(cells) == sum(done)
    assert min(cells) > 0


@pytest.mark.parametrize("total", [2, 3, 5])
def test_shards_do_not_depend_on_memory(total):
    """Machines may have more and less of it, and divide the work alike."""
    inputs = check(Search(every=True, bits=(3, 5, 8)))
    with tiny_search.small_calls():
        made = searching.planned(inputs)
    little = plan.Plan(**vars(made) | {"most": 1})
    marks = [
        plan.wanted(each, (number, total))
        for number, each in zip(
            range(1, 1 + total), itertools.cycle([made, little]), strict=False
        )
    ]
    assert (np.sum(marks, axis=0) == 1).all()


def test_a_store_that_lacks_something_is_no_result():
    inputs = check()
    with tiny_search.small_calls(), searching.opened(None) as kept:
        made = searching.planned(inputs)
        losses = searching.evaluate(made, kept, int, None)
        assert np.isnan(losses).all()
        with pytest.raises(ValueError, match=r"of \d+ losses are missing: a shard"):
            searching.results(inputs, made, losses)


def test_processes_of_several_hosts_have_their_own_stores(tmp_path, monkeypatch):
    for number, name in ((0, "store.sqlite"), (3, "store-3.sqlite")):
        monkeypatch.setattr(hosts, "place", lambda number=number: (number, 4))
        with searching.opened(tmp_path) as kept:
            assert kept.path == tmp_path / name
        assert searching.first() == (number == 0)


def test_of_several_hosts_each_evaluates_a_part(monkeypatch):
    """Two processes, one after the other, exchanging what they have through a dict."""
    inputs = check()
    parts = []
    monkeypatch.setattr(hosts, "gather", lambda losses: parts.append(losses) or losses)
    with tiny_search.small_calls():
        made = searching.planned(inputs)
        for number in (0, 1):
            monkeypatch.setattr(hosts, "place", lambda number=number: (number, 2))
            with searching.opened(None) as kept:
                searching.evaluate(made, kept, int)
        monkeypatch.setattr(hosts, "place", lambda: (0, 1))
        with searching.opened(None) as kept:
            whole = searching.evaluate(made, kept, int)
    one, other = parts
    assert (np.isnan(one) != np.isnan(other)).all()
    np.testing.assert_array_equal(np.where(np.isnan(one), other, one), whole)


def test_a_loss_that_is_no_number_is_refused(here, monkeypatch):
    def broken(prepared, built, passage, wanted):
        subsets = np.flatnonzero(wanted)
        yield subsets, np.full((len(subsets), len(passage.tokens)), np.nan, np.float32)

    monkeypatch.setattr(engine, "losses", broken)
    with pytest.raises(FloatingPointError, match="losses are NaN or infinite"):
        tiny_search.run(KEEP, here / "run")
    assert (here / "run" / runs.UNFINISHED).is_dir()


@pytest.mark.parametrize("objective", ["log_ratio", "difference", "max_min", "mean"])
def test_every_objective_is_written(objective):
    """Random models lose nothing in some languages, so that ratios are unbounded."""
    found = tiny_search.results(Search(keep=1, bits=(3,), objective=objective))
    assert found["objective"] == objective
    values = [row["objective"] for row in found["sets"] if row["rank"]]
    assert values == sorted(values)
    if objective == "log_ratio":
        assert any(row["rank"] == 0 for row in found["sets"])


@pytest.mark.parametrize("asked", [{"sets": "1"}, {"budget": "0%"}, {"sets": "0,1,2"}])
def test_a_single_set_is_a_search(asked):
    found = tiny_search.results(Search(bits=(3,), **asked))
    (row,) = found["sets"]
    assert (row["rank"], row["rank_low"], row["rank_high"]) == (1, 1, 1)
    assert row["among_best"]
    assert found["best_sets"] == [row["layers"]]

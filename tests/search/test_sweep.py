"""Sweeps against the plain cube: the same losses, each cell once, whatever happens."""

import dataclasses
import functools as ft
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

import jaxdisp
from jaxdisp import measure, models
from jaxdisp.measure import corpus as corpora
from jaxdisp.models import Quantizer
from jaxdisp.search import plan, store, sweep
from tests.search import tiny_sweep as tiny

ROOT = pathlib.Path(jaxdisp.__file__).parent.parent
MIDRISE = Quantizer(bits=2, grid="midrise")


@pytest.fixture
def kept():
    found = store.open_store(None)
    yield found
    store.close(found)


@ft.cache
def oracle():
    """All lines with all assignments, one after another."""
    return measure.evaluate(
        tiny.model(), tiny.corpus(), tiny.assignments(), tiny.QUANTIZERS
    )


def test_losses_are_those_of_the_cube():
    done = []
    with tiny.small_calls():
        found = sweep.evaluate(
            tiny.model(),
            tiny.corpus(),
            tiny.assignments(),
            tiny.QUANTIZERS,
            progress=done.append,
        )
    assert found.nll.shape == (14, 3, 8)
    # float32 sums of up to 200 nats in another order; a version of one layer moves 1e-2
    np.testing.assert_allclose(found.nll, oracle().nll, atol=1e-4)
    np.testing.assert_array_equal(found.n_tokens, oracle().n_tokens)
    np.testing.assert_array_equal(found.n_bytes, oracle().n_bytes)
    # ten of the fourteen assignments are different
    assert sum(done) == 10 * 3 * 8
    assert len(done) > 4


@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("held", ["bfloat16", "float16"])
def test_losses_of_halves_are_those_of_the_cube(held, copied):
    args = (tiny.corpus(), tiny.assignments(), tiny.QUANTIZERS)
    expected = measure.evaluate(tiny.cast(held), *args).nll
    made = dataclasses.replace(tiny.planned(of=tiny.cast(held)), copied=copied)
    found = sweep.evaluation(made, tiny.filled(made)[0]).nll
    assert found.dtype == np.float32
    # as above; other types would move losses by more than 1e-2
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(found - oracle().nll).max() > 1e-2


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_losses_that_are_computed_in_half(dtype):
    half = tiny.cast("float32", dtype)
    made = tiny.planned(of=half)
    found = sweep.evaluation(made, tiny.filled(made)[0]).nll
    unit = float(jax.numpy.finfo(dtype).eps)
    # thirty tokens whose logits are off by a few units in the last place of 8
    assert unit < np.abs(found - oracle().nll).max() < 100 * unit
    args = (tiny.corpus(), tiny.assignments(), tiny.QUANTIZERS)
    expected = measure.evaluate(half, *args).nll
    # states are summed in another order, but losses are in float32 here and there
    assert np.abs(found - expected).max() < 8 * unit


def test_assignments_differ_in_every_site():
    rows = np.array([[1, 2, 0, 2]] * 5)
    rows[range(1, 5), range(4)] = [2, 1, 1, 0]
    losses, _ = tiny.filled(tiny.planned(rows, lines=[1, 2]))
    made = tiny.planned(rows, lines=[1, 2])
    changed = np.abs(losses[made.trie.places[1:]] - losses[made.trie.places[0]])
    assert np.all(changed.max(axis=1) > 1e-2)


def test_layers_alone_leave_the_rest_in_full_precision():
    options = {"lines": [1, 2]}
    layers, _ = tiny.filled(tiny.planned([[1, 2, 0]], **options))
    # version 1 touches nothing outside the layers, so its cell is that of version 0
    for outside in (0, 1):
        made = tiny.planned([[1, 2, 0, outside]], **options)
        np.testing.assert_array_equal(tiny.filled(made)[0], layers)
    other, _ = tiny.filled(tiny.planned([[1, 2, 0, 2]], **options))
    assert np.abs(other - layers).max() > 1e-2


def test_weights_made_as_needed_give_the_same():
    made = dataclasses.replace(tiny.planned(), copied=False)
    losses, _ = tiny.filled(made)
    np.testing.assert_array_equal(losses, tiny.whole())


@pytest.mark.parametrize("most", [1, 4])
def test_less_memory_gives_the_same_losses(most):
    made = dataclasses.replace(tiny.planned(), most=most, copied=False)
    losses, count = tiny.filled(made)
    assert count == made.n_cells
    # calls of other sizes round sums otherwise, by a few parts in ten million
    np.testing.assert_allclose(losses, tiny.whole(), rtol=1e-6, atol=1e-5)


def test_memory_that_does_not_suffice():
    args = (tiny.model(), tiny.corpus(), [[0, 0, 0]], [])
    with pytest.raises(ValueError, match=r"does not suffice: .* raise --memory"):
        sweep.evaluate(*args, memory=1000)


def test_cells_of_the_store_are_not_evaluated_again(kept):
    made = tiny.planned()
    done = []
    assert sweep.fill(made, kept, progress=done.append) == made.n_cells == 50
    assert sum(done) == 10 * 24
    losses = sweep.table(made, kept)
    done.clear()
    assert sweep.fill(made, kept, progress=done.append) == 0
    assert sum(done) == 10 * 24  # those that are there count at once
    fewer = tiny.planned(tiny.assignments()[:3])
    assert sweep.fill(fewer, kept) == 0
    assert store.evaluated_twice(kept) == 0
    np.testing.assert_array_equal(sweep.table(made, kept), losses)
    np.testing.assert_array_equal(losses, tiny.whole())


def test_what_is_added_is_evaluated_alone(kept):
    fewer = tiny.planned(tiny.assignments()[4:8])
    n_fewer = sweep.fill(fewer, kept)
    before = sweep.table(fewer, kept)
    made = tiny.planned()
    assert sweep.fill(made, kept) == made.n_cells - n_fewer
    assert store.evaluated_twice(kept) == 0
    found = sweep.table(made, kept)
    # what was there stays, bit by bit, and the rest may have been read in other calls
    places = made.trie.places[4:8]
    np.testing.assert_array_equal(found[places], before[fewer.trie.places])
    np.testing.assert_allclose(found, tiny.whole(), rtol=1e-6, atol=1e-5)


def test_a_sweep_that_was_stopped_goes_on_where_it_was(kept):
    made = dataclasses.replace(tiny.planned(), most=1)  # ten groups of each text
    groups = []

    def stop(n_sentences):
        groups.append(n_sentences)
        if sum(size > 0 for size in groups) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.fill(made, kept, progress=stop)
    n_cells = store.count(kept, store.identity(**sweep.identity(made)))
    # the other thread stops after a group, too, and not with its text
    assert 3 <= n_cells < made.trie.n_subsets
    assert np.isnan(sweep.table(made, kept)).any()
    assert sweep.fill(made, kept) == made.n_cells - n_cells
    assert store.evaluated_twice(kept) == 0
    np.testing.assert_array_equal(sweep.table(made, kept), tiny.filled(made)[0])


def test_a_user_who_does_not_want_to_wait(kept, monkeypatch):
    made = dataclasses.replace(tiny.planned(), most=1)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep.futures, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep.fill(made, kept)
    # what had begun ends with its group, not with its text
    n_cells = store.count(kept, store.identity(**sweep.identity(made)))
    assert n_cells < made.trie.n_subsets


@pytest.mark.parametrize("numbers", [(1, 2, 3), (0, 1, 2)])
def test_shards_fill_a_store_together(kept, numbers):
    made = tiny.planned()
    counts = [sweep.fill(made, kept, shard=(number, 3)) for number in numbers]
    assert sum(counts) == made.n_cells
    assert min(counts) > 0
    assert store.evaluated_twice(kept) == 0
    np.testing.assert_array_equal(sweep.table(made, kept), tiny.whole())
    parts = [sweep.table(made, kept, (number, 3)) for number in numbers]
    known = [~np.isnan(part) for part in parts]
    np.testing.assert_array_equal(np.sum(known, axis=0), 1)
    for part, there in zip(parts, known, strict=True):
        np.testing.assert_array_equal(part[there], tiny.whole()[there])


def test_a_shard_that_is_none(kept):
    with pytest.raises(ValueError, match="shard 4/3: must be i/n with i from 1 to n"):
        sweep.fill(tiny.planned(), kept, shard=(4, 3))


def test_other_weights_and_quantizers_share_no_cell(kept):
    options = {"lines": [1]}
    rows = [[0, 1, 2]]
    other = dataclasses.replace(tiny.model(), hashes={"weights": "other"})
    plans = [
        tiny.planned(rows, **options),
        tiny.planned(rows, (tiny.COARSE, MIDRISE), **options),
        tiny.planned(rows, (tiny.OUTSIDE, tiny.COARSE), **options),
        tiny.planned(rows, of=other, **options),
        tiny.planned(rows, of=tiny.cast("float32", "bfloat16"), **options),
    ]
    for made in plans:
        assert np.isnan(sweep.table(made, kept)).all()
        assert sweep.fill(made, kept) == made.n_cells
    names = {store.identity(**sweep.identity(made)) for made in plans}
    assert len(names) == len(plans)
    tables = [sweep.table(made, kept) for made in plans]
    for before, after in [(0, 1), (0, 2), (1, 2)]:
        assert np.abs(tables[before] - tables[after]).max() > 1e-2
    np.testing.assert_array_equal(tables[3], tables[0])  # only its name is another


def test_identities_tell_all_that_matters():
    found = sweep.identity(tiny.planned())
    assert found == {
        "weights": tiny.model().hashes["weights"],
        "quantizers": [dataclasses.asdict(each) for each in tiny.QUANTIZERS],
        "dtype": "float32",
        "numerics": sweep.NUMERICS,
    }


def test_losses_that_are_not_finite_stop_a_sweep_and_keep_the_rest(kept):
    made = tiny.planned(of=tiny.broken(29))
    message = "losses are NaN or infinite; its weights overflow float32"
    with pytest.raises(FloatingPointError, match=message):
        sweep.fill(made, kept)
    found = sweep.table(made, kept)
    finished = ~np.isnan(found)
    assert 0 < finished.sum() < finished.size
    # the batches before the first that has thirty positions are there, and right
    short = [text.places for text in made.texts if text.passage.tokens.shape[1] < 30]
    assert finished[:, np.concatenate(short)].all()
    np.testing.assert_array_equal(found[finished], tiny.whole()[finished])
    # and a sweep that goes on does them no second time
    with pytest.raises(FloatingPointError, match=message):
        sweep.fill(made, kept)
    assert store.evaluated_twice(kept) == 0
    with pytest.raises(FloatingPointError, match=message), tiny.small_calls():
        sweep.evaluate(tiny.broken(29), tiny.corpus(), [[0, 0, 0]], [])


def test_losses_that_are_missing():
    made = tiny.planned()
    losses = tiny.whole().copy()
    losses[2, 5:8] = np.nan
    message = r"^3 of 240 losses are missing: a shard was left out or has not finished$"
    with pytest.raises(ValueError, match=message):
        sweep.evaluation(made, losses)


def test_a_store_that_holds_other_text(kept):
    sweep.fill(tiny.planned(lines=[1, 2]), kept)
    made = tiny.planned(lines=[3])
    assert np.isnan(sweep.table(made, kept)).all()


def test_seconds_are_in_proportion_to_the_work(monkeypatch):
    monkeypatch.setattr(sweep.cost, "timed", lambda *_: (3.0, 0.5))
    made = tiny.planned()
    largest = max(made.texts, key=lambda text: text.passage.tokens.size).passage
    tokens = sum(text.passage.tokens.size for text in made.texts) / largest.tokens.size
    rows = sum(text.passage.rows.size for text in made.texts) / largest.rows.size
    n_nodes = plan.trie.layer_evaluations(made.trie)
    expected = 3.0 * n_nodes * tokens + 0.5 * 10 * rows
    assert sweep.seconds(made) == pytest.approx(expected)


TWO_DEVICES = """
import sys
import jax
import numpy as np
from tests.search import tiny_sweep as tiny

assert jax.local_device_count() == 2
made = tiny.planned()
np.save(sys.argv[1], tiny.filled(made)[0])
"""


def test_two_devices_give_the_same_losses(tmp_path):
    path = tmp_path / "losses.npy"
    flags = "--xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, str(path)],
        cwd=ROOT,
        env=os.environ | {"XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # each device sums over half of the sentences, in calls of another size
    np.testing.assert_allclose(np.load(path), tiny.whole(), rtol=1e-6, atol=1e-5)


@pytest.mark.slow
def test_the_embedded_model():
    model = models.load()
    text = corpora.keep(measure.load_corpus(languages=["en", "fi", "zh"]), [0, 1])
    bits = np.array(jax.random.randint(jax.random.key(3), (30, 12), 0, 2))
    with tiny.small_calls(tokens=plan.ROWS["cpu"]):
        found = sweep.evaluate(model, text, bits, [Quantizer()])
        expected = measure.evaluate(model, text, bits, [Quantizer()])
    # float32 sums of some hundred nats in another order
    np.testing.assert_allclose(found.nll, expected.nll, atol=1e-4)
    spread = np.ptp(np.asarray(found.nll), axis=0)
    assert spread.min() > 0.1  # assignments differ by far more

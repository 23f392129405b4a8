import collections
import json

import jax
import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.models import checkpoint, mixture, training, training_run
from tests.models import small

SAVE_EVERY = 7
FILES = [
    "README.md",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "training.json",
]


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    """Saves and blocks come often enough for a run of 24 steps to have several."""
    monkeypatch.setattr(training_run, "SAVE_EVERY", SAVE_EVERY)
    monkeypatch.setattr(mixture, "BLOCK_STEPS", 4)


def content(directory):
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def run(place, output, last=None):
    """Trains to the end or, killed, to step `last`; returns the steps reported."""
    recipe, data = small.recipe(place)
    steps = []
    progress = training_run.train(recipe, data, output)
    for step in progress:
        steps.append(step)
        if step.step == last:
            progress.close()
    return steps


class Finished:
    """One whole run, and what its training steps saw."""

    def __init__(self, place):
        self.batches, self.averages = [], []
        self.place, self.output = place, place / "out"
        step = training.step

        def watched(state, key, tokens, mask, **options):
            self.batches.append(mixture.Batch(tokens=tokens, mask=mask))
            state, loss = step(state, key, tokens, mask, **options)
            self.averages[:] = [jax.tree.map(np.array, state.average)]
            return state, loss

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(training_run, "SAVE_EVERY", SAVE_EVERY)
            patch.setattr(mixture, "BLOCK_STEPS", 4)
            patch.setattr(training, "step", watched)
            self.steps = run(place, self.output)
        self.record = json.loads((self.output / "training.json").read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    with jax.numpy_dtype_promotion("strict"):  # as in every test, or it recompiles
        return Finished(tmp_path_factory.mktemp("finished"))


def test_the_loss_falls(finished):
    losses = [step.loss for step in finished.steps]
    assert [step.step for step in finished.steps] == list(range(1, 25))
    assert {step.steps for step in finished.steps} == {24}
    # from log(300) = 5.7, every token as likely, to well below
    assert losses[0] == pytest.approx(5.7, abs=0.1)
    assert np.mean(losses[-4:]) < 4.5


def test_what_a_finished_run_leaves(finished):
    assert list(content(finished.output)) == FILES
    model = models.load(finished.output)
    assert model.start == 0
    assert model.training_bytes == finished.record["training_bytes"]
    config = json.loads((finished.output / "config.json").read_text())
    assert config["bos_token_id"] == config["eos_token_id"] == 0
    assert (config["n_layer"], config["n_head"], config["n_embd"]) == (2, 2, 8)
    assert config["vocab_size"] == model.tokenizer.get_vocab_size()


def test_the_running_average_is_what_is_written(finished):
    written = models.load(finished.output).params
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a, b.astype(np.float16)),
        written,
        finished.averages[0],
    )


def cells_of(finished):
    """The pieces of every cell: sentences cut after each 16 tokens."""
    recipe, data = small.recipe(finished.place)
    tokenizer = models.load(finished.output).tokenizer
    cells = []
    for cell in mixture.read_cells(recipe, data):
        pieces = []
        for sentence in cell:
            ids = [0, *tokenizer.encode(sentence).ids]
            pieces += [tuple(ids[n : n + 16]) for n in range(0, len(ids), 16)]
        cells.append(pieces)
    assert any(len(ids) < 16 and ids[0] != 0 for ids in cells[2]), "no long sentence"
    return cells


def test_steps_see_pieces_of_sentences_as_often_as_recorded(finished):
    cells = cells_of(finished)
    places = collections.Counter(piece for cell in cells for piece in cell)
    seen = dict.fromkeys(places, 0)
    for batch in finished.batches:
        for tokens, mask in zip(batch.tokens, batch.mask, strict=True):
            if mask.any():
                seen[tuple(tokens[mask].tolist())] += 1
    for cell, entry in zip(cells, finished.record["cells"], strict=True):
        passes = np.mean([seen[piece] for piece in cell if places[piece] == 1])
        # six blocks and more; the last is cut off, which may leave out any cell's lines
        assert passes == pytest.approx(entry["passes"], rel=0.15)
        assert passes >= 1


def test_the_record(finished):
    record = finished.record
    recipe, data = small.recipe(finished.place)
    texts = mixture.read_cells(recipe, data)
    size = [sum(len(line.encode()) + 1 for line in text) for text in texts]
    assert record["training_bytes"] == {"xx": size[0] + size[1], "yy": size[2]}
    assert record["share"] == {"xx": 0.75, "yy": 0.25}
    assert (record["name"], record["steps"], record["seed"]) == ("tiny", 24, 3)
    assert record["recipe"] == {
        "layers": 2,
        "heads": 2,
        "width": 8,
        "context": 16,
        "vocabulary": 300,
        "learning_rate": 0.02,
        "table_learning_rate": 0.02,
        "warmup": 4,
        "weight_decay": 0.1,
        "dropout": 0.1,
    }
    assert [(c["source"], c["language"], c["lines"]) for c in record["cells"]] == [
        ("one", "xx", [1, 12]),
        ("two", "xx", [3, 9]),
        ("one", "yy", [2, 11]),
    ]
    # fewer than a hundred steps, so a point for each
    assert record["loss"] == [
        {"step": step.step, "loss": step.loss} for step in finished.steps
    ]


def test_long_curves_have_a_hundred_points(finished):
    recipe, data = small.recipe(finished.place)
    texts = mixture.read_cells(recipe, data)
    encoded = [[[0, 1, 2] for _ in cell] for cell in texts]
    curve = [float(n // 3) for n in range(300)]
    found = training_run.training_record(recipe, texts, encoded, curve)["loss"]
    expected = [{"step": 3 * (n + 1), "loss": float(n)} for n in range(100)]
    assert found == expected


def test_the_model_card_names_sources_and_languages(finished):
    card = (finished.output / "README.md").read_text()
    assert card.startswith("---\nlanguage:\n- xx\n- yy\nlicense: cc-by-sa-4.0\n")
    assert "- **one** (CC0-1.0): Nobody.\n" in card
    assert "- **two** (CC-BY-4.0): Somebody.\n" in card
    size = finished.record["training_bytes"]
    assert f"| xx | {size['xx']} | 75.0 % |\n| yy | {size['yy']} | 25.0 % |\n" in card


@pytest.mark.parametrize("last", [3, 7, 8, 20])
def test_a_killed_run_goes_on_to_the_same_bytes(last, finished, tmp_path):
    output = tmp_path / "out"
    run(finished.place, output, last)
    assert not (output / "model.safetensors").exists()
    steps = run(finished.place, output)
    # the save of a step comes after its report
    saved = (last - 1) // SAVE_EVERY * SAVE_EVERY
    assert steps == finished.steps[saved:]
    assert content(output) == content(finished.output)


def test_a_run_may_be_killed_again_and_again(finished, tmp_path):
    output = tmp_path / "out"
    for last in (9, 9, 16, 23):
        run(finished.place, output, last)
    run(finished.place, output)
    assert content(output) == content(finished.output)


class KilledError(Exception):
    pass


# A run replaces files in this order: the curve at its start; curve and state after 7,
# 14 and 21 steps; then configuration, weights and three more.
@pytest.mark.parametrize("place", [0, 1, 2, 3, 4, 7, 8, 11])
@pytest.mark.parametrize("partly", [False, True])
def test_a_run_may_be_killed_while_it_writes(
    place, partly, finished, tmp_path, monkeypatch
):
    output = tmp_path / "out"
    replace = checkpoint.replace
    calls = []

    def killed(path, content):
        calls.append(path)
        if len(calls) <= place:
            return replace(path, content)
        if partly:
            path.with_name(path.name + ".part").write_bytes(content[:5])
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "replace", killed)
        with pytest.raises(KilledError):
            run(finished.place, output)
    run(finished.place, output)
    assert content(output) == content(finished.output)


@pytest.mark.parametrize(
    ("old", "new"),
    [("seed = 3", "seed = 4"), ("steps = 24", "steps = 25"), ("[3, 9]", "[3, 8]")],
)
def test_an_unfinished_run_of_another_recipe_is_kept(old, new, finished, tmp_path):
    output = tmp_path / "out"
    run(finished.place, output, 8)
    before = content(output)
    other = small.RECIPE.replace(old, new)
    recipe, data = small.recipe(tmp_path, other)
    expected = r"out: holds an unfinished training of another recipe or text; choose"
    with pytest.raises(ValueError, match=expected):
        next(training_run.train(recipe, data, output))
    assert content(output) == before


def test_an_unfinished_run_of_another_text_is_kept(finished, tmp_path):
    output = tmp_path / "out"
    run(finished.place, output, 8)
    recipe, data = small.recipe(tmp_path)
    path = data / "one" / "yy.txt"
    path.write_text(path.read_text().replace("10 ", "10: "))
    with pytest.raises(
        ValueError, match="another recipe or text; choose another --out"
    ):
        next(training_run.train(recipe, data, output))


def test_other_directories_are_kept(finished, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    expected = "exists and holds no unfinished training; choose another --output or"
    recipe, data = small.recipe(finished.place)
    for output in (tmp_path, finished.output):
        before = content(output)
        with pytest.raises(ValueError, match=expected):
            next(training_run.train(recipe, data, output))
        assert content(output) == before


def test_nothing_is_written_if_the_text_is_missing(tmp_path):
    recipe, data = small.recipe(tmp_path)
    (data / "one" / "yy.txt").unlink()
    with pytest.raises(ValueError, match=r"yy.txt: no such file"):
        next(training_run.train(recipe, data, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_run_is_named_by_its_recipe_and_its_text(tmp_path):
    recipe, _ = small.recipe(tmp_path)
    other, _ = small.recipe(tmp_path, small.RECIPE.replace("seed = 3", "seed = 4"))
    names = {
        training_run.fingerprint(recipe, [["a", "b"], ["c"]]),
        training_run.fingerprint(recipe, [["a", "b"], ["d"]]),
        training_run.fingerprint(recipe, [["a"], ["b", "c"]]),
        training_run.fingerprint(other, [["a", "b"], ["c"]]),
    }
    assert len(names) == 4

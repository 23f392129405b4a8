"""Runs from settings to files: complete, repeatable, and resumed after a kill."""

import json

import numpy as np
import pytest

from jaxdisp.models import Quantizer
from jaxdisp.report import files as run_files
from jaxdisp.report import jobs, runs, searching, terminal
from jaxdisp.report import settings as run_settings
from jaxdisp.report.search_lattice import Search
from jaxdisp.search import engine, plan, sweep
from tests.measure import tiny
from tests.report import made_up

LAYERS = 5

OF_THE_MACHINE = ("environment.json", "report.html", "report.md")
"""Files that say when and where a run was made."""

_kept = {}


def once(function, key):
    """Keeps what a function returns, as it comes several times and takes seconds."""

    def call(*args, **options):
        name = (function.__qualname__, key(*args, **options))
        if name not in _kept:
            _kept[name] = function(*args, **options)
        return _kept[name]

    return call


def survey_key(model, corpus, evaluation, reference, *, chosen, seed):
    losses = (evaluation.nll, reference)
    return *(np.asarray(each).tobytes() for each in losses), chosen, seed


def search_key(inputs, made, losses):
    return losses.tobytes(), inputs.search, inputs.seed, inputs.chosen


def files_key(found, environment):
    return json.dumps(found), json.dumps(environment["arguments"])


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Settings of a whole run whose losses cost nothing; all the rest is real."""
    monkeypatch.setattr(jobs, "survey", once(jobs.survey, survey_key))
    monkeypatch.setattr(searching, "results", once(searching.results, search_key))
    monkeypatch.setattr(run_files, "written", once(run_files.written, files_key))
    monkeypatch.setattr(sweep, "engine_of", lambda made: made)
    monkeypatch.setattr(engine, "losses", made_up.losses)
    monkeypatch.setattr(plan, "THREADS", 1)  # so that work is done in order
    monkeypatch.chdir(tmp_path)  # so that the paths in results.json are the same
    tiny.write_model(tmp_path / "model", n_layer=LAYERS)
    tiny.write_corpus(tmp_path / "corpus")
    return run_settings.Settings(
        command="run",
        model="model",
        revision=None,
        corpus="corpus",
        languages=None,
        quantizer=Quantizer(bits=3),
        limit=None,
        reference=None,
        seed=1,
        layer_limit=5,
        set_limit=3,
        search=Search(keep=3, bits=(3,)),
    )


def changed(settings, **changes):
    return run_settings.Settings(**{**vars(settings), **changes})


def begin(settings, directory, *, overwrite=False):
    inputs = run_settings.open_inputs(settings)
    configuration = run_settings.configuration(settings, inputs)
    return inputs, runs.begin(directory, configuration, overwrite=overwrite)


def whole(settings, directory, **options):
    done = []
    inputs, run = begin(settings, directory, **options)
    found = jobs.execute(settings, inputs, run, done.append)
    assert sum(done) == jobs.work(settings, inputs)
    return found


def files(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def repeatable(directory):
    """All but the time, the machine, the arguments and the order of storing."""
    found = files(directory)
    return {
        name: content
        for name, content in found.items()
        if name not in (*OF_THE_MACHINE, searching.STORE)
    }


MEASURED = ("degradation", "disparity", "fertility", "tail")
FIGURES = (
    *MEASURED,
    "layers",
    "sets",
    "pareto",
    "layer_shares",
    "interactions",
)
TABLES = (*MEASURED, "tail_curves", "sentences")


def test_a_run_is_complete(settings, tmp_path):
    found = whole(settings, tmp_path / "run")
    written = files(tmp_path / "run")
    assert set(written) == {
        "config.json",
        "environment.json",
        "results.json",
        "report.html",
        "report.md",
        "card.md",
        "plan.json",
        *(f"tables/{name}.csv" for name in TABLES),
        "tables/layers.csv",
        "tables/sets.csv",
        "tables/layer_shares.csv",
        "tables/interactions.csv",
        "store.sqlite",
        *(
            f"figures/{name}.{kind}"
            for name in FIGURES
            for kind in ("svg", "png", "pdf")
        ),
    }
    assert json.loads(written["results.json"]) == found
    assert json.loads(written["plan.json"]) == found["plan"]
    assert found["plan"]["chosen"]["sentences"] == 3
    assert found["plan"]["chosen"]["held_out"]["sentences"] == 5
    assert found["plan"]["predicted"]["corpus"]["n_sentences"] == 8
    assert b"NaN" not in written["results.json"]
    assert found["schema_version"] == runs.SCHEMA_VERSION
    assert (found["n_sentences"], found["n_groups"]) == (8, 4)
    assert [row["language"] for row in found["degradation"]] == ["ru", "de", "en"]
    assert found["disparity"]["contrast"]["low"] == ["ru"]  # by training.json
    assert found["disparity"]["contrast"]["high"] == ["en"]
    assert found["layer_sentences"] == 5
    assert len(found["layers"]) == 2 * LAYERS * 3
    searched = found["search"]
    assert searched["search_sentences"] == 3
    assert [row["rank"] for row in searched["sets"]] == list(range(1, 11))
    assert searched["proposed"]["layers"] == [0, 3, 4]
    page = written["report.html"].decode()
    assert page.count("<figure") == len(FIGURES)
    assert searched["proposed"]["sentence"] in page


def test_numbers_are_those_of_the_losses(settings):
    """What the made-up evaluation adds, and what that is in the sweeps."""
    inputs = run_settings.open_inputs(settings)
    found = jobs.execute(settings, inputs)
    lines, layers = np.arange(1, 9), np.arange(LAYERS)
    effect = (1 + layers[:, None]) * ((3 * lines + layers[:, None]) % 5 - 0.5) / 8
    rows = {row["language"]: row for row in found["degradation"]}
    for language, hardness in made_up.HARDNESS.items():
        expected = hardness * effect.sum(axis=0).mean()
        # six digits are kept
        assert rows[language]["d_sent"] == pytest.approx(expected, rel=1e-5)
    some = [0, 1, 2, 5, 6]  # the lines of a sweep over 5 of 8, in turns of the texts
    for row in found["layers"]:
        hardness = made_up.HARDNESS[row["language"]]
        expected = hardness * effect[row["layer"]][some].mean()
        sign = 1 if row["treatment"] == "quantized" else -1
        # differences of float32 losses up to 90
        assert row["effect"] == pytest.approx(sign * expected, abs=1e-5)
    few = [0, 2, 5]
    worst = made_up.HARDNESS["ru"] * effect.sum(axis=0)[few].mean()
    searched = found["search"]
    assert searched["unprotected"]["worst"] == pytest.approx(worst, abs=1e-5)
    for row in searched["sets"]:
        rest = np.delete(effect, row["layers"], axis=0)
        expected = rest.sum(axis=0)[few].mean()
        assert row["worst"] == pytest.approx(expected, abs=1e-5)
        assert row["worst_language"] == "ru"


def test_the_same_settings_give_the_same_bytes(settings, tmp_path):
    whole(settings, tmp_path / "one")
    _kept.clear()
    whole(settings, tmp_path / "other")
    assert repeatable(tmp_path / "one") == repeatable(tmp_path / "other")
    whole(changed(settings, set_limit=0), tmp_path / "one", overwrite=True)
    assert "tables/sets.csv" not in files(tmp_path / "one")


def interrupted(after, done):
    """Made-up losses that are interrupted after so many pieces."""

    def losses(*args):
        for piece in made_up.losses(*args):
            if len(done) == after:
                raise KeyboardInterrupt
            done.append(piece[0].tolist())
            yield piece

    return losses


@pytest.mark.parametrize("share", [0, 0.05, 0.4, 0.95])
def test_a_killed_run_resumes(settings, tmp_path, monkeypatch, share):
    done = []
    monkeypatch.setattr(engine, "losses", interrupted(-1, done))
    whole(settings, tmp_path / "whole")
    n_pieces = len(done)
    done.clear()
    monkeypatch.setattr(engine, "losses", interrupted(int(share * n_pieces), done))
    inputs, run = begin(settings, tmp_path / "killed")
    with pytest.raises(KeyboardInterrupt):
        jobs.execute(settings, inputs, run)
    assert "results.json" not in files(tmp_path / "killed")
    monkeypatch.setattr(engine, "losses", interrupted(-1, done))
    whole(settings, tmp_path / "killed")  # whose progress counts finished pieces, too
    assert len(done) == n_pieces
    assert repeatable(tmp_path / "killed") == repeatable(tmp_path / "whole")


def test_measuring_alone_writes_no_report(settings, tmp_path):
    only = changed(settings, command="measure", layer_limit=0, search=None)
    found = whole(only, tmp_path / "run")
    assert "layers" not in found
    assert "search" not in found
    assert set(files(tmp_path / "run")) == {
        "store.sqlite",
        "config.json",
        "environment.json",
        "results.json",
        *(f"tables/{name}.csv" for name in TABLES),
        *(
            f"figures/{name}.{kind}"
            for name in MEASURED
            for kind in ("svg", "png", "pdf")
        ),
    }


def test_without_a_run_nothing_is_written(settings, tmp_path):
    before = files(tmp_path)
    only = changed(settings, layer_limit=0, set_limit=0)
    jobs.execute(only, run_settings.open_inputs(only))
    assert files(tmp_path) == before


def test_sentences_longer_than_the_context_are_measured_and_counted(settings, tmp_path):
    fit = whole(settings, tmp_path / "fit")
    windows = {"context": 30, "stride": 15, "sentences": 0, "languages": {}}
    assert fit["windows"] == windows
    tiny.write_corpus(tmp_path / "corpus", tiny.LONG)
    wanted = changed(settings, stride=7)
    found = whole(wanted, tmp_path / "run")
    windows |= {"stride": 7, "sentences": 2, "languages": {"de": 1, "en": 1, "ru": 1}}
    assert found["windows"] == windows
    assert found["n_sentences"] == 8
    assert found.keys() == fit.keys()
    # what is made up depends on lines and not on their lengths
    for row, short in zip(found["degradation"], fit["degradation"], strict=True):
        assert row["d_sent"] == pytest.approx(short["d_sent"], abs=1e-5)
    inputs = run_settings.open_inputs(wanted)
    said = terminal.lines(wanted, inputs, found)[2]
    assert said == (
        "sentences longer than the context, scored in windows of 30 tokens with stride "
        "7: 2 (de 1, en 1, ru 1)"
    )
    assert said[1:] in files(tmp_path / "run")["report.html"].decode()
    assert "windows" not in "\n".join(terminal.lines(settings, inputs, fit))
    assert "windows" not in files(tmp_path / "fit")["report.html"].decode()
    # those that are not measured do not count: the first of each text are no longer
    few = run_settings.open_inputs(changed(wanted, limit=2))
    assert few.longer.sentences == 0


def test_the_stride_reaches_all_that_evaluates(settings, tmp_path, monkeypatch):
    strides, make = [], plan.make

    def recorded(*arguments, stride, **options):
        strides.append(stride)
        return make(*arguments, stride=stride, **options)

    monkeypatch.setattr(plan, "make", recorded)
    tiny.write_corpus(tmp_path / "corpus", tiny.LONG)
    wanted = changed(settings, stride=7, clip_limit=4)
    inputs = run_settings.open_inputs(wanted)
    assert (inputs.searched.stride, inputs.compared.stride) == (7, 7)
    assert run_settings.configuration(wanted, inputs)["stride"] == 7
    strides.clear()
    jobs.work(wanted, inputs)
    assert strides == [7, 7, 7, 7]  # everything, layers, sets, and the plan


def test_settings_that_change_the_result_are_recorded(settings):
    inputs = run_settings.open_inputs(settings)
    configuration = run_settings.configuration(settings, inputs)
    assert configuration["quantizer"]["bits"] == 3
    assert set(configuration["hashes"]) == {"weights", "tokenizer", "corpus"}
    assert configuration["hashes"]["corpus"] == inputs.corpus.digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": 0}, "limit must be at least 1 sentence, got 0"),
        ({"limit": 1}, "1 independent text would be measured, .* raise --limit"),
        ({"layer_limit": -1}, "--layer-limit must be 0 .* or more, got -1"),
        ({"set_limit": -2}, "--set-limit must be 0 .* or more, got -2"),
        ({"layer_limit": 1}, "raise --layer-limit, or split groups.tsv"),
        ({"set_limit": 1}, "raise --set-limit, or split groups.tsv"),
        ({"search": Search(keep=0)}, "must have 1 to 4 of the 5 layers, got 0"),
        ({"search": Search(keep=5)}, "must have 1 to 4 of the 5 layers, got 5"),
        ({"reference": "xx"}, "reference xx: must be one of at least two measured"),
        ({"seed": -1}, r"seed must be between 0 and 2\^32 - 1, got -1"),
        ({"stride": 0}, r"stride must be between 1 and 29 tokens, .* of 30, got 0"),
        ({"stride": 30}, r"stride must be between 1 and 29 tokens, .*, got 30"),
        ({"seed": 2**32}, r"seed must be between 0 and 2\^32 - 1"),
        ({"languages": ("xx",)}, "no text in xx; allowed: de, en, ru"),
        ({"quantizer": Quantizer(bits=9)}, "bits must be between 2 and 8, got 9"),
    ],
)
def test_settings_that_cannot_be(settings, changes, message):
    with pytest.raises(ValueError, match=message):
        run_settings.open_inputs(changed(settings, **changes))


def test_a_sweep_that_is_left_out_is_not_checked(settings):
    run_settings.open_inputs(changed(settings, set_limit=0, search=Search(keep=99)))


@pytest.mark.parametrize(
    ("quantizer", "expected"),
    [
        (Quantizer(), "4 bits, symmetric grid, per tensor, matrices"),
        (
            Quantizer(
                bits=3,
                grid="affine",
                granularity="group",
                group_size=32,
                include=("matrices", "all"),
            ),
            "3 bits, affine grid, per 32 input channels, matrices and all",
        ),
        (
            Quantizer(granularity="channel"),
            "4 bits, symmetric grid, per output channel, matrices",
        ),
    ],
)
def test_quantizers_in_words(quantizer, expected):
    assert run_settings.describe(quantizer) == expected

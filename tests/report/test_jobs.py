"""Runs from settings to files: complete, repeatable, and resumed after a kill."""

import json

import numpy as np
import pytest

from jaxdisp.measure import cube
from jaxdisp.models import Quantizer
from jaxdisp.report import jobs, runs
from jaxdisp.report import settings as run_settings
from tests.measure import tiny
from tests.report import made_up

LAYERS = 5
PIECES = 1 + 2 + 2 + 3
"""Of base, single layers quantized, single layers protected and 10 sets, by fours."""

_surveys = {}


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Settings of a whole run whose losses cost nothing.

    The statistics are the real ones, but as the same losses come several times and
    every call compiles, they are kept.
    """
    real = jobs.survey

    def survey(model, corpus, evaluation, reference, *, chosen, seed):
        content = np.asarray(evaluation.nll).tobytes() + np.asarray(reference).tobytes()
        if (content, chosen, seed) not in _surveys:
            _surveys[content, chosen, seed] = real(
                model, corpus, evaluation, reference, chosen=chosen, seed=seed
            )
        return _surveys[content, chosen, seed]

    monkeypatch.setattr(jobs, "survey", survey)
    monkeypatch.setattr(cube, "evaluate", made_up.evaluate)
    monkeypatch.setattr(jobs, "PIECE", 4)
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
        protect=3,
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
    """All but the time, the machine and the arguments."""
    found = files(directory)
    del found["environment.json"]
    return found


def test_a_run_is_complete(settings, tmp_path):
    found = whole(settings, tmp_path / "run")
    written = files(tmp_path / "run")
    assert set(written) == {
        "config.json",
        "environment.json",
        "results.json",
        "report.html",
        "tables/degradation.csv",
        "tables/layers.csv",
        "tables/protection_sets.csv",
        "figures/degradation.svg",
        "figures/degradation.png",
        "figures/layers.svg",
        "figures/layers.png",
    }
    assert json.loads(written["results.json"]) == found
    assert b"NaN" not in written["results.json"]
    assert found["schema_version"] == runs.SCHEMA_VERSION
    assert (found["n_sentences"], found["n_groups"]) == (8, 4)
    assert [row["language"] for row in found["degradation"]] == ["ru", "de", "en"]
    assert found["disparity"]["contrast"]["low"] == ["ru"]  # by training.json
    assert found["disparity"]["contrast"]["high"] == ["en"]
    assert (found["layer_sentences"], found["set_sentences"]) == (5, 3)
    assert len(found["layers"]) == 2 * LAYERS * 3
    assert [row["rank"] for row in found["protection_sets"]] == list(range(1, 11))
    assert "0, 3, 4) ranks" in found["gateway"]
    page = written["report.html"].decode()
    assert page.count('src="data:image/png;base64,') == page.count("<img") == 2
    assert "All 10 sets of 3 layers" in " ".join(page.split())


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
    assert found["unprotected"]["worst"]["estimate"] == pytest.approx(worst, abs=1e-5)
    for row in found["protection_sets"]:
        rest = np.delete(effect, row["layers"], axis=0)
        expected = rest.sum(axis=0)[few].mean()
        assert row["worst"] == pytest.approx(expected, abs=1e-5)
        assert row["worst_language"] == "ru"


def test_the_same_settings_give_the_same_bytes(settings, tmp_path):
    whole(settings, tmp_path / "one")
    whole(settings, tmp_path / "other")
    assert repeatable(tmp_path / "one") == repeatable(tmp_path / "other")
    whole(changed(settings, set_limit=0), tmp_path / "one", overwrite=True)
    assert "tables/protection_sets.csv" not in files(tmp_path / "one")


@pytest.mark.parametrize("pieces", [0, 1, 4, PIECES - 1])
def test_a_killed_run_resumes(settings, tmp_path, monkeypatch, pieces):
    whole(settings, tmp_path / "whole")
    calls = []

    def counted(model, corpus, sites, quantizers, *, progress):
        if len(calls) == pieces and not calls_may_go_on:
            raise KeyboardInterrupt
        calls.append(np.array(sites).tolist())
        return made_up.evaluate(model, corpus, sites, quantizers, progress=progress)

    monkeypatch.setattr(cube, "evaluate", counted)
    calls_may_go_on = False
    inputs, run = begin(settings, tmp_path / "killed")
    with pytest.raises(KeyboardInterrupt):
        jobs.execute(settings, inputs, run)
    left = files(tmp_path / "killed")
    assert "results.json" not in left
    assert sum(name.startswith(runs.UNFINISHED) for name in left) == pieces
    calls_may_go_on = True
    whole(settings, tmp_path / "killed")  # whose progress counts finished pieces, too
    assert len(calls) == PIECES
    assert repeatable(tmp_path / "killed") == repeatable(tmp_path / "whole")


def test_measuring_alone_writes_no_report(settings, tmp_path):
    only = changed(settings, command="measure", layer_limit=0, set_limit=0)
    found = whole(only, tmp_path / "run")
    assert "layers" not in found
    assert "protection_sets" not in found
    assert set(files(tmp_path / "run")) == {
        "config.json",
        "environment.json",
        "results.json",
        "tables/degradation.csv",
        "figures/degradation.svg",
        "figures/degradation.png",
    }


def test_without_a_run_nothing_is_written(settings, tmp_path):
    before = files(tmp_path)
    only = changed(settings, layer_limit=0, set_limit=0)
    jobs.execute(only, run_settings.open_inputs(only))
    assert files(tmp_path) == before


def test_lines_that_are_too_long_are_counted(settings, tmp_path):
    texts = {name: list(lines) for name, lines in tiny.TEXTS.items()}
    texts["en"][6] = "No, he sat and sat and sat and sat and sat and sat and sat."
    tiny.write_corpus(tmp_path / "corpus", texts)
    inputs = run_settings.open_inputs(settings)
    assert inputs.left_out == (7,)
    assert inputs.corpus.n_sentences == 7
    # which does not take line 7
    few = run_settings.open_inputs(changed(settings, limit=4))
    assert few.left_out == (7,)
    assert few.corpus.lines == (1, 3, 6)


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
        ({"protect": 0}, "must have 1 to 4 of the 5 layers, got 0"),
        ({"protect": 5}, "must have 1 to 4 of the 5 layers, got 5"),
        ({"reference": "xx"}, "reference xx: must be one of at least two measured"),
        ({"seed": -1}, r"seed must be between 0 and 2\^32 - 1, got -1"),
        ({"seed": 2**32}, r"seed must be between 0 and 2\^32 - 1"),
        ({"languages": ("xx",)}, "no text in xx; allowed: de, en, ru"),
        ({"quantizer": Quantizer(bits=9)}, "bits must be between 2 and 8, got 9"),
    ],
)
def test_settings_that_cannot_be(settings, changes, message):
    with pytest.raises(ValueError, match=message):
        run_settings.open_inputs(changed(settings, **changes))


def test_a_sweep_that_is_left_out_is_not_checked(settings):
    run_settings.open_inputs(changed(settings, set_limit=0, protect=99))


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

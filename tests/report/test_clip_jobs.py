"""Clipping from settings to files: complete, repeatable, and resumed after a kill."""

import dataclasses
import html
import json
import re

import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.measure import activations, batches, cube
from jaxdisp.models import Quantizer
from jaxdisp.report import clip_matrices, clipping, jobs, law_thresholds, runs, terminal
from jaxdisp.report import settings as run_settings
from tests.measure import tiny
from tests.report import tiny_clip
from tests.report.test_jobs import begin, changed, files, repeatable, whole

EVALUATED = 9
"""Full precision, five rules on weights, two on activations, and scales by language."""


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Settings of a whole comparison, on a model and text that cost little."""
    monkeypatch.setattr(batches, "SHAPES", 1)  # as each is compiled
    monkeypatch.setattr(law_thresholds, "by_kurtosis", tiny_clip.by_kurtosis)
    # laws of a kurtosis compile for seconds, each matrix its own
    cheap = {"logarithmic": "logarithmic"}
    monkeypatch.setattr(clip_matrices, "BY_KURTOSIS", cheap)
    monkeypatch.chdir(tmp_path)  # so that the paths in results.json are the same
    tiny.write_model(tmp_path / "model", **tiny_clip.SIZES)
    tiny.write_corpus(tmp_path / "corpus")
    return run_settings.Settings(
        command="clip",
        model="model",
        revision=None,
        corpus="corpus",
        languages=tiny_clip.LANGUAGES,
        quantizer=tiny_clip.QUANTIZER,
        limit=4,
        reference=None,
        seed=1,
        deploy="per-language",
    )


def test_a_comparison_is_complete(settings, tmp_path):
    found = whole(settings, tmp_path / "run")
    written = files(tmp_path / "run")
    assert set(written) == {
        "config.json",
        "environment.json",
        "results.json",
        "tables/clipping.csv",
        "tables/clipping_differences.csv",
        "tables/clipping_matrices.csv",
        "tables/effective_kurtosis.csv",
        "tables/weight_histogram.csv",
        "tables/weight_matrices.csv",
        "tables/threshold_errors.csv",
        "tables/threshold_by_bits.csv",
        *(
            f"figures/{name}.{kind}"
            for name in (
                "clipping",
                "threshold_by_kurtosis",
                "threshold_by_bits",
                "weights",
            )
            for kind in ("svg", "png", "pdf")
        ),
    }
    assert json.loads(written["results.json"], parse_constant=pytest.fail) == found
    assert found["schema_version"] == runs.SCHEMA_VERSION
    assert (found["n_sentences"], found["n_groups"]) == (4, 4)
    assert len(found["matrices"]) == 4 * 2
    assert len(found["effective_kurtosis"]) == 4 * 2
    compared = found["clipping"]
    assert len(compared["rules"]) == EVALUATED - 1
    assert compared["deploy"] == "per-language"
    assert {row["language"] for row in compared["split"]} == set(tiny_clip.LANGUAGES)
    assert len(written["tables/clipping.csv"].splitlines()) == 1 + 8 * 2
    n_rows = len(written["tables/clipping_matrices.csv"].splitlines())
    assert n_rows == 1 + 8 * 7 * 2  # matrices, rules but the deployed, languages
    inputs = run_settings.open_inputs(settings)
    shown = terminal.lines(settings, inputs, found)
    assert shown[0].endswith("3 bits, symmetric grid, per tensor, matrices")
    text = "\n".join(shown)
    for part in ("mlp.down", "Clipping rules on 4 sentences", "Only 4 texts"):
        assert part in text
    assert "language     " not in text  # the table of `measure`


def test_the_same_settings_give_the_same_bytes(settings, tmp_path):
    whole(settings, tmp_path / "one")
    whole(settings, tmp_path / "other")
    assert repeatable(tmp_path / "one") == repeatable(tmp_path / "other")


@pytest.mark.parametrize("kept", [1, EVALUATED - 1])
def test_a_killed_comparison_resumes(settings, tmp_path, monkeypatch, kept):
    settings = changed(settings, stride=7)
    whole(settings, tmp_path / "whole")
    calls, killed = [], [True]

    def counted(real):
        def evaluate(*arguments, **options):
            if len(calls) >= kept and killed[0]:
                raise KeyboardInterrupt
            calls.append(options["stride"])
            return real(*arguments, **options)

        return evaluate

    monkeypatch.setattr(cube, "THREADS", 1)  # so that as many are kept
    for name in ("evaluate", "evaluate_each"):
        monkeypatch.setattr(cube, name, counted(getattr(cube, name)))
    inputs, run = begin(settings, tmp_path / "killed")
    with pytest.raises(KeyboardInterrupt):
        jobs.execute(settings, inputs, run)
    left = files(tmp_path / "killed")
    assert "results.json" not in left
    assert sum(name.startswith(runs.UNFINISHED) for name in left) == kept
    killed[0] = False
    whole(settings, tmp_path / "killed")  # whose progress counts kept losses, too
    assert calls == [7] * EVALUATED
    assert repeatable(tmp_path / "killed") == repeatable(tmp_path / "whole")


def test_activations_are_read_with_the_stride(settings, monkeypatch):
    strides = []

    def recorded(real):
        def inside(*arguments, stride, **options):
            strides.append(stride)
            return real(*arguments, stride=stride, **options)

        return inside

    for name in ("mean_squares", "second_moments"):
        monkeypatch.setattr(activations, name, recorded(getattr(activations, name)))
    only = changed(settings, deploy=None, stride=7)
    jobs.execute(only, run_settings.open_inputs(only))
    assert strides == [7, 7]  # for thresholds, and for errors of outputs


def test_without_a_rule_to_deploy_nothing_is_evaluated(settings, tmp_path, monkeypatch):
    def never(*arguments, **options):
        pytest.fail("evaluated")

    monkeypatch.setattr(cube, "evaluate", never)
    before = files(tmp_path)
    only = changed(settings, deploy=None)
    inputs = run_settings.open_inputs(only)
    done = []
    found = jobs.execute(only, inputs, None, done.append)
    assert sum(done) == jobs.work(only, inputs) == 2 * 4 * 2
    assert "clipping" not in found
    assert len(found["matrices"]) == 8
    assert "Clipping rules on" not in "\n".join(terminal.lines(only, inputs, found))
    assert files(tmp_path) == before


def test_a_run_compares_rules_too_and_its_page_shows_it(settings, tmp_path):
    changes = {"command": "run", "limit": None, "clip_limit": 4, "deploy": None}
    run = changed(settings, **changes)
    found = whole(run, tmp_path / "run")
    written = files(tmp_path / "run")
    assert "matrices" not in found
    compared = found["clipping"]
    assert (compared["deploy"], compared["n_sentences"]) == ("minimax", 4)
    assert found["n_sentences"] == 8
    assert {"tables/clipping.csv", "figures/clipping.png"} <= set(written)
    page = written["report.html"].decode()
    assert "What clipping changes" in page
    assert page.count("<figure") == sum(name.endswith(".svg") for name in written)
    plain = html.unescape(re.sub(r"</?bdi>", "", page))  # names stand in these
    assert (
        compared["verdict"].split(". ")[0][1:] in plain
    )  # sentences begin in capitals
    without = whole(changed(run, clip_limit=0), tmp_path / "without")
    assert "clipping" not in without
    assert without["degradation"] == found["degradation"]
    page = files(tmp_path / "without")["report.html"].decode()
    assert "What clipping changes" not in page


def test_measuring_with_a_clipping_rule(settings):
    """It measures what the comparison finds for the rule."""
    quantizer = dataclasses.replace(settings.quantizer, clipping="exact")
    only = changed(settings, command="measure", quantizer=quantizer, deploy=None)
    inputs = run_settings.open_inputs(only)
    found = jobs.execute(only, inputs)
    assert found["quantizer"]["clipping"] == "exact"
    ready = models.quantize(inputs.model, quantizer)
    nll = cube.evaluate(inputs.model, inputs.corpus, [[0] * 3, [1] * 3], [ready]).nll
    lost = np.diff(np.asarray(nll, np.float64), axis=0)[0].mean(axis=1)
    for row in found["degradation"]:
        place = tiny_clip.LANGUAGES.index(row["language"])
        # six digits of differences of float32 losses
        assert row["d_sent"] == pytest.approx(lost[place], abs=1e-4)
    line = terminal.lines(only, inputs, found)[0]
    assert line.endswith("3 bits, symmetric grid, per tensor, exact clipping, matrices")


def test_activations_may_come_from_another_corpus(settings, tmp_path):
    texts = {name: lines[4:6] for name, lines in tiny.TEXTS.items()}
    tiny.write_corpus(tmp_path / "other", texts, groups=None)
    given = changed(settings, calibration="other")
    inputs = run_settings.open_inputs(given).compared
    assert inputs.calibration.languages == inputs.corpus.languages
    assert inputs.calibration.n_sentences == 2
    assert inputs.corpus.n_sentences == 4
    solved = clipping.solve(inputs, int)
    own = clipping.solve(run_settings.open_inputs(settings).compared, int)
    for path, squares in solved.squares.items():
        assert np.abs(squares - own.squares[path]).max() > 1e-3
    configuration = run_settings.configuration(given, run_settings.open_inputs(given))
    assert configuration["calibration"] == "other"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip_limit": -1}, "--clip-limit must be 0 .* or more, got -1"),
        ({"clip_limit": 1}, "raise --clip-limit, or split groups.tsv"),
        ({"deploy": "exact"}, "deploy must be one of .*, got exact"),
        ({"quantizer": Quantizer(grid="affine")}, "needs a grid with one threshold"),
        ({"calibration": "nowhere"}, "nowhere: no such directory; a corpus is"),
    ],
)
def test_settings_that_cannot_be(settings, changes, message):
    with pytest.raises(ValueError, match=message):
        run_settings.open_inputs(changed(settings, **changes))


def test_rules_are_not_checked_where_none_are_compared(settings):
    affine = changed(settings, command="measure", quantizer=Quantizer(grid="affine"))
    assert run_settings.open_inputs(affine).compared is None

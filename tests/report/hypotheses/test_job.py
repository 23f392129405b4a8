import json

import pytest

from jaxdisp.models.quantized import Quantizer
from jaxdisp.report import jobs, runs
from jaxdisp.report import settings as run_settings
from tests.measure import tiny
from tests.report.hypotheses import made_up_experiments


@pytest.fixture
def settings(tmp_path, monkeypatch):
    made_up_experiments.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    tiny.write_model(tmp_path / "model")
    tiny.write_corpus(tmp_path / "corpus")
    return run_settings.Settings(
        command="hypotheses",
        model="model",
        revision=None,
        corpus="corpus",
        languages=None,
        quantizer=Quantizer(),
        limit=None,
        reference=None,
        seed=5,
        hypotheses=(),
        few_limit=4,
    )


def begin(settings, directory):
    inputs = run_settings.open_inputs(settings)
    configuration = run_settings.configuration(settings, inputs)
    return inputs, runs.begin(directory, configuration, overwrite=False)


def test_writes_findings_with_what_they_rest_on(settings, tmp_path):
    done = []
    inputs, run = begin(settings, tmp_path / "run")
    found = jobs.execute(settings, inputs, run, done.append)
    # 3 + 1 passes over 8 sentences in 3 languages
    assert done == [72, 24]
    assert jobs.work(settings, inputs) == 96
    rows = found["findings"]
    assert [row["id"] for row in rows] == ["T-901", "T-901b", "made-up"]
    assert [row["verdict"] for row in rows] == ["holds", "fails", "not applicable"]
    fields = "id statement source estimate unit interval n method verdict reason bound"
    assert all(" ".join(row) == fields for row in rows)
    assert rows[0]["interval"] == [0.25, 0.75]
    stated = found["experiments"][0]
    assert stated["support"] == "More than nothing."
    assert stated["tables"]["layers"][1] == {"layer": 1, "value": None}
    names = {p.relative_to(run.directory).as_posix() for p in run.directory.rglob("*")}
    assert {
        "tables/findings.csv",
        "tables/t_901_layers.csv",
        "figures/t_901.png",
        "report.html",
        "report.md",
    } <= names
    assert "figures/made_up.png" not in names
    assert "tables/t_901_languages.csv" not in names
    assert json.loads((run.directory / "results.json").read_bytes()) == found


def test_goes_on_after_a_kill_and_writes_the_same(settings, tmp_path, monkeypatch):
    inputs, run = begin(settings, tmp_path / "one")
    whole = jobs.execute(settings, inputs, run)
    inputs, run = begin(settings, tmp_path / "other")
    last = made_up_experiments.EXPERIMENTS[1]

    def killed(subject):
        raise KeyboardInterrupt

    object.__setattr__(last, "run", killed)
    try:
        with pytest.raises(KeyboardInterrupt):
            jobs.execute(settings, inputs, run)
    finally:
        object.__setattr__(last, "run", made_up_experiments.nothing)
    made_up_experiments.CALLS.clear()
    inputs, run = begin(settings, tmp_path / "other")
    assert jobs.execute(settings, inputs, run) == whole
    assert made_up_experiments.CALLS == ["made-up"]
    for name in ("results.json", "report.html", "tables/t_901_layers.csv"):
        one, other = (tmp_path / run / name for run in ("one", "other"))
        assert one.read_bytes() == other.read_bytes()


def test_an_experiment_alone_finds_what_it_finds_among_others(settings):
    whole = jobs.execute(settings, run_settings.open_inputs(settings))
    alone = run_settings.Settings(**{**vars(settings), "hypotheses": ("t-901",)})
    found = jobs.execute(alone, run_settings.open_inputs(alone))
    assert found["findings"] == whole["findings"][:2]
    assert found["experiments"] == whole["experiments"][:1]


def test_a_run_has_them_as_a_section(settings):
    changed = run_settings.Settings(
        **{**vars(settings), "command": "run", "limit": 4, "hypotheses": ("made-up",)}
    )
    found = jobs.execute(changed, run_settings.open_inputs(changed))
    assert [row["id"] for row in found["hypotheses"]["findings"]] == ["made-up"]
    assert "degradation" in found
    without = run_settings.Settings(**{**vars(changed), "hypotheses": None})
    assert run_settings.open_inputs(without).examined is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hypotheses": ("T-902",)}, "no experiment T-902; allowed: T-901, made-up"),
        ({"hypotheses": ("T-901", "t-901")}, "t-901 is named more than once"),
        ({"few_limit": 0}, "limit must be at least 1"),
    ],
)
def test_refuses(settings, changes, message):
    with pytest.raises(ValueError, match=message):
        run_settings.open_inputs(run_settings.Settings(**{**vars(settings), **changes}))

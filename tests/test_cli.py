"""The command line: answers on stdout, remarks on stderr, one line for bad input."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from jaxdisp.measure import batches
from jaxdisp.models.architectures import registry
from jaxdisp.report import law_thresholds, runs
from jaxdisp.search import engine, sweep
from tests import command_line
from tests.measure import tiny
from tests.models import small
from tests.report import made_up, tiny_clip

# name: (arguments, what the line says); MODEL and CORPUS are good ones, IN is where
# inputs are prepared, and each command runs in an empty directory
MEASURE = ["measure", "--model", "MODEL", "--corpus", "CORPUS", "--output", "run"]
RUN = ["run", "--model", "MODEL", "--corpus", "CORPUS"]
CLIP = ["clip", "--model", "MODEL", "--corpus", "CORPUS", "--output", "run"]
TRAIN = ["train", "--data", "IN", "--output", "new"]


def of_model(name):
    return ["measure", "--model", f"IN/{name}", "--corpus", "CORPUS", "--output", "run"]


def of_corpus(name):
    return ["measure", "--model", "MODEL", "--corpus", f"IN/{name}", "--output", "run"]


REFUSED = {
    "no model": (["measure", "--model", "./nowhere"], r"\./nowhere: no such directory"),
    "no weights": (of_model("no_weights"), r"holds no model\.safetensors"),
    "truncated": (of_model("truncated"), "not a complete safetensors file"),
    "shape": (of_model("shape"), r"wte\.weight has shape \[290, 9\], but config\.json"),
    "NaN": (of_model("nan"), r"h\.1\.mlp\.c_fc\.weight holds 1 values that are NaN"),
    "architecture": (of_model("unknown"), "model_type 'rwkv' is not supported; allow"),
    "mixture": (of_model("mixture"), "model_type 'mixtral' is a mixture of experts"),
    "option": (
        of_model("option"),
        "the entries rotary_base mean nothing to a GPT-2 here, and may change",
    ),
    "look into nothing": (["models", "./nowhere"], r"\./nowhere: no such directory"),
    "look into no number": (["models", "IN/nan"], r"c_fc\.weight holds 1 values that"),
    "look into a mixture": (["models", "IN/mixture"], "is a mixture of experts"),
    "list a revision": (["models", "--revision", "x"], "--revision x needs a hub id"),
    "token numbers": (
        of_model("few_rows"),
        "token numbers up to 289, but the emb.* 280",
    ),
    "hub": (
        ["measure", "--model", "nobody/nothing"],
        r"nobody/nothing: no such directory, and not .* \(HF_HUB_OFFLINE is set\)",
    ),
    "revision of a directory": (
        [*MEASURE, "--revision", "main"],
        "--revision main is for hub ids",
    ),
    "revision of nothing": (["measure", "--revision", "main"], "needs a hub id"),
    "no corpus": (of_corpus("nowhere"), "nowhere: no such directory; a corpus is"),
    "empty corpus": (of_corpus("empty"), "holds no <language>.txt"),
    "unequal lines": (of_corpus("unequal"), r"en\.txt: has 7 lines, but de\.txt has 8"),
    "empty line": (of_corpus("empty_line"), r"ru\.txt: line 2 is empty"),
    "invalid UTF-8": (of_corpus("invalid"), r"en\.txt: line 3 is not UTF-8"),
    "damaged groups": (of_corpus("groups"), r"groups\.tsv: line 3 must be '2<tab>"),
    "one text": (of_corpus("one_text"), "1 independent text would be measured"),
    "unknown language": (
        [*MEASURE, "--languages", "en,xx"],
        "no text in xx; allowed: de, en, ru",
    ),
    "repeated language": ([*MEASURE, "--languages", "en,ru,en"], "en is named more"),
    "no such experiment": (
        ["hypotheses", "T-004", "T-11", *MEASURE[1:]],
        "no experiment T-11; allowed: T-001, T-002, .*, redundancy",
    ),
    "an experiment twice": (
        ["hypotheses", "T-004", "t-004", *MEASURE[1:]],
        "experiment t-004 is named more than once",
    ),
    "no such experiment in a run": (
        [*RUN, "--hypotheses", "T-004,why"],
        "no experiment why; allowed: T-001",
    ),
    "few sentences": (
        ["hypotheses", *MEASURE[1:], "--few-limit", "1"],
        "experiments need sentences of at least 2 texts, got 1 of 1",
    ),
    "no language": ([*MEASURE, "--languages", ""], "languages: none named"),
    "1 bit": ([*MEASURE, "--bits", "1"], "bits must be between 2 and 8, got 1"),
    "17 bits": ([*MEASURE, "--bits", "17"], "bits must be between 2 and 8, got 17"),
    "bits in words": ([*MEASURE, "--bits", "four"], "for '--bits': .*valid int"),
    "grid": ([*MEASURE, "--grid", "round"], "grid must be one of .*, got round"),
    "granularity": (
        [*MEASURE, "--granularity", "row"],
        "granularity must be one of .*, got '?row",
    ),
    "group size": (
        [*MEASURE, "--granularity", "group", "--group-size", "0"],
        "group_size must be a positive integer, got 0",
    ),
    "include": ([*MEASURE, "--include", "biases"], "include biases: unknown; allowed"),
    "tied head": ([*MEASURE, "--include", "head"], "are one tensor; include both"),
    "limit 0": ([*MEASURE, "--limit", "0"], "limit must be at least 1 sentence, got 0"),
    "limit 1": ([*MEASURE, "--limit", "1"], "raise --limit, or split groups.tsv"),
    "stride 0": (
        [*MEASURE, "--stride", "0"],
        "stride must be between 1 and 29 tokens, less than the .* of 30, got 0$",
    ),
    "stride of the context": ([*RUN, "--stride", "30"], "1 and 29 tokens, .* got 30$"),
    "stride of clip": ([*CLIP, "--stride", "-5"], "1 and 29 tokens, .* got -5$"),
    "stride in words": ([*MEASURE, "--stride", "half"], "for '--stride': .*valid int"),
    "reference": ([*MEASURE, "--reference", "xx"], "reference xx: must be one of"),
    "seed": ([*MEASURE, "--seed", "-1"], "seed must be between 0 and"),
    "dtype": (
        [*MEASURE, "--dtype", "float64"],
        "dtype must be one of float32, bfloat16, float16, got float64$",
    ),
    "dtype of a law": (
        ["clip", "--law", "gaussian", "--dtype", "bfloat16"],
        "--law knows no model: leave out --dtype$",
    ),
    "layer limit": ([*RUN, "--layer-limit", "-1"], "--layer-limit must be 0 .* got -1"),
    "set limit": ([*RUN, "--set-limit", "-4"], "--set-limit must be 0 .* got -4"),
    "one text of sets": ([*RUN, "--set-limit", "1"], "raise --set-limit, or split"),
    "clip limit": ([*RUN, "--clip-limit", "-1"], "--clip-limit must be 0 .* got -1"),
    "one text of rules": ([*RUN, "--clip-limit", "1"], "raise --clip-limit, or split"),
    "clipping": (
        [*MEASURE, "--clipping", "minimax"],
        "clipping must be one of absmax, .*, exact, got '?minimax",
    ),
    "grid of clip": (
        [*CLIP, "--grid", "affine"],
        "language-aware clipping needs a grid with one threshold: .*, got affine",
    ),
    "deploy": (
        [*CLIP, "--deploy", "nonsense"],
        "deploy must be one of average, minimax, regret, per-language, got nonsense",
    ),
    "no calibration": (
        [*CLIP, "--calibration", "IN/nowhere"],
        "nowhere: no such directory; a corpus is",
    ),
    "bits of clip": ([*CLIP, "--bits", "9"], "bits must be between 2 and 8, got 9"),
    "law of a model": (
        ["clip", "--law", "gaussian", "--model", "MODEL", "--deploy", "minimax"],
        "--law knows no model: leave out --model, --deploy$",
    ),
    "law in a foreign place": (
        ["clip", "--law", "gaussian", "--output", "IN/foreign"],
        "foreign: exists and is not a run of jaxdisp; choose another --output",
    ),
    "kurtosis of nothing": (["clip", "--kurtosis", "6"], "--kurtosis needs --law$"),
    "no kurtosis": (
        ["clip", "--law", "student-t"],
        "law student-t: its shape follows from --kurtosis, which is missing",
    ),
    "kurtosis of a Gaussian": (
        ["clip", "--law", "gaussian", "--kurtosis", "2"],
        "no gaussian law has excess kurtosis 2; allowed: 0 alone",
    ),
    "law": (["clip", "--law", "cauchy"], "law cauchy: unknown; allowed: gaussian, "),
    "bits of a law": (
        ["clip", "--law", "laplace", "--bits", "1"],
        "bits must be between 2 and 8, got 1",
    ),
    "protect 0": ([*RUN, "--protect", "0"], "must have 1 to 4 of the 5 layers, got 0"),
    "protect all": (
        [*RUN, "--protect", "5"],
        "must have 1 to 4 of the 5 layers, got 5",
    ),
    "foreign output": (
        [*MEASURE[:-1], "IN/foreign"],
        "foreign: exists and is not a run of jaxdisp; choose another --output",
    ),
    "finished output": (
        [*MEASURE[:-1], "IN/finished"],
        "finished: holds a run; choose another --output, or pass --overwrite",
    ),
    "unfinished output": (
        [*MEASURE[:-1], "IN/unfinished"],
        "holds an unfinished run with other settings",
    ),
    "output in a file": ([*MEASURE[:-1], "IN/file/run"], "Not a directory: .*file/run"),
    "unknown option": ([*MEASURE, "--bit", "4"], "No such option: --bit"),
    "unknown command": (["meassure"], "No such command 'meassure'"),
    "no value": (["measure", "--model"], "Option '--model' requires an argument"),
    "superfluous": (["measure", "model"], "unexpected extra argument"),
    "no recipe": ([*TRAIN, "IN/nothing.toml"], "No such file .*nothing.toml"),
    "recipe that is a folder": ([*TRAIN, "IN/empty"], "Is a directory: .*empty"),
    "recipe that is no TOML": ([*TRAIN, "IN/file"], "file: "),
    "recipe without entries": ([*TRAIN, "IN/empty.toml"], "the entry .* is missing"),
    "no data": (
        ["train", "IN/empty.toml", "--output", "new"],
        "Missing option '--data'",
    ),
}


def prepare(inputs):
    """Writes the inputs that the commands above name."""
    prepare_models(inputs)
    prepare_corpora(inputs)
    (inputs / "foreign").mkdir()
    (inputs / "foreign" / "thesis.tex").write_text("years of work")
    config = {"command": "measure", "seed": 7}
    run = runs.begin(inputs / "finished", config, overwrite=False)
    runs.finish(run, {}, {}, {})
    runs.begin(inputs / "unfinished", config, overwrite=False)
    (inputs / "file").write_text("not = TOML = at all")
    (inputs / "empty.toml").write_text("")


def prepare_models(inputs):
    entries = tiny.entries(n_layer=5)
    arrays = small.prefixed(small.tensors(entries))
    good = tiny.write_model(inputs / "MODEL", n_layer=5)
    names = ("no_weights", "truncated", "shape", "nan", "unknown", "mixture", "option")
    for name in names:
        shutil.copytree(good, inputs / name)
    (inputs / "no_weights" / "model.safetensors").unlink()
    path = inputs / "truncated" / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    name = "transformer.wte.weight"
    narrow = arrays | {name: np.ascontiguousarray(arrays[name][:, :9])}
    small.write_arrays(inputs / "shape" / "model.safetensors", narrow)
    name = "transformer.h.1.mlp.c_fc.weight"
    broken = arrays | {name: arrays[name].copy()}
    broken[name][3, 5] = np.nan
    small.write_arrays(inputs / "nan" / "model.safetensors", broken)
    for place, changes in (
        ("unknown", {"model_type": "rwkv"}),
        ("mixture", {"model_type": "mixtral"}),
        ("option", {"rotary_base": 500}),
    ):
        small.write_json(inputs / place / "config.json", entries | changes)
    small.write(inputs / "few_rows", tiny.entries(vocab_size=280))


def prepare_corpora(inputs):
    for name in ("CORPUS", "unequal", "empty_line", "invalid", "groups"):
        tiny.write_corpus(inputs / name)
    lines = list(tiny.TEXTS["en"])
    tiny.write_corpus(inputs / "unequal", {"en": lines[1:]})
    tiny.write_corpus(inputs / "empty_line", {"ru": [lines[0], " ", *lines[2:]]})
    (inputs / "invalid" / "en.txt").write_bytes(b"one\ntwo\n\xc3\x28\n")
    (inputs / "groups" / "groups.tsv").write_text("line\tgroup\n1\ta\n3\tb\n")
    tiny.write_corpus(inputs / "one_text", groups=["same"] * 8)
    (inputs / "empty").mkdir()


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Exit code, stdout and stderr of every refused command, and what they wrote."""
    inputs, outputs = (tmp_path_factory.mktemp(name) for name in ("in", "out"))
    prepare(inputs)
    return command_line.refusals(REFUSED, inputs, outputs)


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_one_line(name, answers):
    command_line.check_refusal(answers[0][name], REFUSED[name][1])


def test_refused_commands_write_nothing(answers):
    assert answers[1] == []


def test_codes_reach_the_shell():
    command = [sys.executable, "-m", "jaxdisp.cli"]
    done = subprocess.run(
        [*command, "measure", "--bits", "x"],
        capture_output=True,
        text=True,
        check=False,
        env=command_line.environment(),
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


def test_help_needs_none_of_the_heavy_libraries():
    program = (
        "import sys\n"
        "sys.argv = ['jaxdisp', '--help']\n"
        "from jaxdisp import cli\n"
        "try:\n"
        "    cli.main()\n"
        "finally:\n"
        "    heavy = 'jax numpy scipy pandas matplotlib tokenizers huggingface_hub'\n"
        "    print(sorted(set(heavy.split()) & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=command_line.environment(),
    )
    assert done.returncode == 0
    assert done.stderr == "[]\n"
    for command in ("measure", "run", "hypotheses", "search", "merge", "clip", "train"):
        assert re.search(rf"^  {command}  ", done.stdout, re.MULTILINE)


@pytest.fixture
def jaxdisp(tmp_path, monkeypatch, capsys):
    """Calls the command line in this process, in a directory with good inputs."""
    monkeypatch.chdir(tmp_path)
    tiny.write_model(tmp_path / "model", n_layer=3)
    tiny.write_corpus(tmp_path / "corpus")
    return command_line.caller(monkeypatch, capsys)


@pytest.fixture
def free(monkeypatch):
    """Losses that cost nothing."""
    monkeypatch.setattr(sweep, "engine_of", lambda made: made)
    monkeypatch.setattr(engine, "losses", made_up.losses)


INPUTS = ("--model", "model", "--corpus", "corpus")


def test_version_and_help(jaxdisp):
    assert jaxdisp("--version") == (0, "0.1.0\n", "")
    code, out, err = jaxdisp()
    assert (code, err) == (0, "")
    assert jaxdisp("--help") == (0, out, "")
    code, out, _ = jaxdisp("run", "--help")
    assert code == 0
    assert "--layer-limit" in out


def test_models_that_are_supported(jaxdisp):
    code, out, err = jaxdisp("models")
    assert (code, err) == (0, "")
    listed = [line.split()[0] for line in out.split("\n")[2:] if line[:1].islower()]
    assert [*registry.ARCHITECTURES] == listed[: len(registry.ARCHITECTURES)]
    code, out, _ = jaxdisp("models", "--json")
    assert [row["model_type"] for row in json.loads(out)] == [*registry.ARCHITECTURES]


def test_what_a_model_is(jaxdisp):
    code, out, err = jaxdisp("models", "model")
    assert (code, err) == (0, "")
    lines = out.split("\n")
    assert lines[:2] == ["model: gpt2", "layers      3 of width 12"]
    assert "vocabulary  290 tokens, texts start with '<|endoftext|>'" in lines
    assert "context     30 tokens" in lines
    code, out, _ = jaxdisp("models", "model", "--json")
    found = json.loads(out)
    assert found["largest_kurtosis"] == max(found["kurtosis"])
    assert f"Largest of a layer: {found['largest_kurtosis']:.2f}, in layer" in lines[-2]


def test_the_table_is_for_readers(jaxdisp, free, tmp_path):
    before = command_line.contents(tmp_path)
    code, out, err = jaxdisp("measure", *INPUTS, "--bits", "3")
    assert code == 0
    assert err.endswith("nothing written; --output DIR keeps the run\n")
    assert command_line.contents(tmp_path) == before
    lines = out.split("\n")
    assert lines[0].startswith("model, 0.0 M parameters: 3 bits, symmetric grid, per")
    assert lines[1] == "8 parallel sentences in 4 texts, corpus corpus"
    assert lines[3].split()[:2] == ["language", "trained"]
    assert [line.split()[0] for line in lines[5:8]] == ["ru", "de", "en"]
    assert "low: ru; high: en" not in out  # the title of the line says it
    assert "ru minus en" in out
    assert "Only 4 texts: take these intervals with caution." in lines


def test_what_is_computed_in_is_said_and_recorded(jaxdisp, monkeypatch, tmp_path):
    """With the real model; float32 is not worth saying."""
    monkeypatch.setattr(batches, "SHAPES", 1)  # as each is compiled
    rows = {}
    for dtype in ("float32", "bfloat16"):
        command = ("measure", *INPUTS, "--bits", "8", "--dtype", dtype)
        code, out, _ = jaxdisp(*command, "--output", dtype)
        assert code == 0
        assert ("computed in bfloat16" in out.split("\n")[0]) == (dtype != "float32")
        for name in ("config", "environment", "results"):
            found = json.loads((tmp_path / dtype / f"{name}.json").read_bytes())
            assert found["dtype"] == dtype
        rows[dtype] = {
            row["language"]: row["d_sent"]
            for row in json.loads((tmp_path / dtype / "results.json").read_bytes())[
                "degradation"
            ]
        }
    for language, lost in rows["float32"].items():
        # some twenty tokens, whose losses are off by a unit in the eighth bit
        gap = abs(rows["bfloat16"][language] - lost)
        assert 0 < gap < 20 / 2**8


def test_the_table_says_what_is_scored_in_windows(jaxdisp, free, tmp_path):
    tiny.write_corpus(tmp_path / "corpus", tiny.LONG)
    for given, stride in ((), 15), (("--stride", "7"), 7):
        code, out, _ = jaxdisp("measure", *INPUTS, "--bits", "3", *given)
        lines = out.split("\n")
        assert code == 0
        assert lines[1] == "8 parallel sentences in 4 texts, corpus corpus"
        assert lines[2] == (
            "sentences longer than the context, scored in windows of 30 tokens with "
            f"stride {stride}: 2 (de 1, en 1, ru 1)"
        )
        code, out, _ = jaxdisp("measure", *INPUTS, "--bits", "3", *given, "--json")
        assert json.loads(out)["windows"]["stride"] == stride


def test_an_interrupt_is_no_traceback(jaxdisp, monkeypatch, tmp_path):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "engine_of", interrupted)
    code, out, err = jaxdisp("measure", *INPUTS, "--output", "run")
    assert (code, out) == (130, "")
    assert "jaxdisp: interrupted; a run with --output is resumed" in err
    assert (tmp_path / "run" / runs.UNFINISHED).is_dir()


def test_a_full_disk_is_no_traceback(jaxdisp, free, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs, "finish", full)
    code, out, err = jaxdisp("measure", *INPUTS, "--output", "run")
    assert (code, out) == (2, "")
    assert "No space left on device; the same command resumes\n" in err


def test_a_run_is_the_same_byte_for_byte(jaxdisp, monkeypatch, tmp_path):
    """With the real model, from the weights to the page."""
    monkeypatch.setattr(batches, "SHAPES", 1)  # as each is compiled
    command = ("run", *INPUTS, "--bits", "3", "--layer-limit", "4", "--set-limit", "0")
    command += ("--clip-limit", "0")  # which test_clip_jobs is about
    command += ("--hypotheses", "T-002", "--no-claims")  # see test_cli_claims
    code, out, err = jaxdisp(*command, "--output", "one")
    assert code == 0
    assert out.startswith("model, 0.0 M parameters: 3 bits")
    assert err.endswith("written: one/report.html\n")
    assert jaxdisp(*command, "--output", "other")[:2] == (0, out)
    one, other = tmp_path / "one", tmp_path / "other"
    names = {p.relative_to(one) for p in one.rglob("*") if p.is_file()}
    assert names == {p.relative_to(other) for p in other.rglob("*") if p.is_file()}
    # where, when and in which order it was made
    differing = {"environment.json", "store.sqlite", "report.html", "report.md"}
    same = [name for name in names if name.name not in differing]
    needed = {"results.json", "card.md", "sentences.csv", "tail.svg"}
    assert needed <= {name.name for name in same}
    for name in same:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    page = (one / "report.html").read_text(encoding="utf-8")
    assert page.count("<figure") == len(list(one.glob("figures/*.svg")))
    recorded = json.loads((one / "environment.json").read_bytes())
    assert recorded["arguments"] == [*command, "--output", "one"]
    # once more in the same place is an error, unless it is wanted
    before = command_line.contents(one)
    code, out, err = jaxdisp(*command, "--output", "one")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert command_line.contents(one) == before


def test_json_of_the_embedded_model_is_all_that_is_printed(jaxdisp, monkeypatch):
    monkeypatch.setattr(batches, "SHAPES", 1)  # as each is compiled
    code, out, err = jaxdisp("measure", "--json", "--limit", "4")
    assert code == 0
    assert err.endswith("nothing written; --output DIR keeps the run\n")
    found = json.loads(out, parse_constant=lambda name: pytest.fail(name))
    assert found["schema_version"] == runs.SCHEMA_VERSION
    rows = found["degradation"]
    assert len({row["language"] for row in rows}) == len(rows) == 16
    fields = {
        "language",
        "d_sent",
        "d_sent_low",
        "d_sent_high",
        "d_byte",
        "n_tokens",
        "n_bytes",
        "flag",
    }
    for row in rows:
        assert fields <= set(row)
        assert 0 < row["n_tokens"] <= row["n_bytes"]
    assert sorted(rows, key=lambda row: -row["d_sent"]) == rows
    for name in ("worst", "difference", "log_ratio", "max_min", "gini"):
        assert {"estimate", "low", "high"} <= set(found["disparity"][name])
    assert found["disparity"]["worst"]["language"] == rows[0]["language"]
    worst, best = rows[0]["d_sent"], rows[-1]["d_sent"]
    assert found["disparity"]["worst"]["estimate"] == pytest.approx(worst, rel=1e-5)
    # six digits of each are kept
    gap = found["disparity"]["max_min"]["estimate"]
    assert gap == pytest.approx(worst - best, abs=1e-4)


def test_thresholds_of_a_law(jaxdisp, monkeypatch, tmp_path):
    before = command_line.contents(tmp_path)
    code, out, err = jaxdisp("clip", "--law", "gaussian", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out, parse_constant=lambda name: pytest.fail(name))
    assert found["aciq"] == pytest.approx(2.559, abs=1e-3)
    assert found["misread_constant"]["value"] == 2.83
    code, out, err = jaxdisp("clip", "--law", "gaussian", "--bits", "4")
    assert (code, err) == (0, "")
    lines = out.split("\n")
    assert lines[0] == "gaussian law (excess kurtosis 0), 4 bits"
    assert lines[1].startswith("rule ")
    assert [line.split()[0] for line in lines[3:11]] == list(found["excess_error"])
    assert lines[3].split()[1:3] == ["2.5591", "2.5591"]
    assert "is a misreading: 2.831 scales" in lines[-2]
    assert command_line.contents(tmp_path) == before
    monkeypatch.setattr(law_thresholds, "by_kurtosis", tiny_clip.by_kurtosis)
    code, text, err = jaxdisp("clip", "--law", "gaussian", "--output", "law")
    assert (code, text) == (0, out)
    written = command_line.contents(tmp_path / "law")
    assert json.loads(written[tmp_path / "law" / "results.json"]) == found
    assert {path.name for path, data in written.items() if data is not None} == {
        "config.json",
        "environment.json",
        "results.json",
        *(
            f"{name}.{kind}"
            for name in ("error_by_threshold", "threshold_by_kurtosis")
            for kind in ("svg", "png", "pdf")
        ),
    }

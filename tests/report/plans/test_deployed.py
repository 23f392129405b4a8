"""Checkpoints of plans: the parameters predicted, and everything else as it was."""

import json
import os

import jax
import numpy as np
import pytest
import safetensors
import yaml

from jaxdisp import models
from jaxdisp.models import checkpoint, streamed
from jaxdisp.models.architectures import registry
from jaxdisp.models.model import describe
from jaxdisp.report.plans import deployed, dequantized, rewritten
from jaxdisp.report.plans import plan as plans
from tests.models import small
from tests.models.architectures import drawn, every
from tests.report.plans import made_up_plan

BUFFERS = {
    "h.0.attn.bias": np.tril(np.ones((1, 1, 30, 30), bool)),
    "h.2.attn.masked_bias": np.float32(-1e4),
}


def source(directory, kind="gpt2", shards=1, **more):
    """A checkpoint as transformers saves it, with all that may lie beside weights."""
    entries = every.entries(kind) | {"dtype": "float16"}
    arrays = drawn.arrays(entries)
    head = {n: a for n, a in arrays.items() if n.startswith(("lm_head", "embed_out"))}
    prefix = registry.find(entries).prefix
    rest = {prefix + n: a for n, a in (arrays | more).items() if n not in head}
    found = {n: np.asarray(a) for n, a in (rest | head).items()}
    halves = {
        n: a.astype(np.float16) if a.dtype == np.float64 else a
        for n, a in found.items()
    }
    small.write(directory, entries, halves)
    if shards > 1:
        split(directory, halves, shards)
    return directory


def split(directory, arrays, shards):
    (directory / "model.safetensors").unlink()
    weight_map = {}
    for number in range(shards):
        name = f"model-{number}.safetensors"
        part = dict(list(arrays.items())[number::shards])
        small.write_arrays(directory / name, part)
        weight_map |= dict.fromkeys(part, name)
    content = {"metadata": {}, "weight_map": weight_map}
    small.write_json(directory / "model.safetensors.index.json", content)


def put(directory, out, dtype="float32", advance=int, **changes):
    """Writes a plan's checkpoint, and returns the plan."""
    plan = made_up_plan.plan(describe(directory), **changes)
    opened = deployed.source_of(describe(directory), str(directory), None)
    deployed.write(plan, opened, out, dtype, advance)
    return plan


def tensors(directory):
    found = {}
    for path in sorted(directory.glob("*.safetensors")):
        with safetensors.safe_open(path, "np") as file:
            found |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return found


def assert_equal(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize("kind", every.ENTRIES)
def test_every_family_has_the_parameters_of_its_plan(kind, tmp_path):
    plan = put(source(tmp_path / "a", kind), tmp_path / "b")
    before, after = models.load(tmp_path / "a"), models.load(tmp_path / "b")
    # what jaxdisp measured is what the files hold, to the last bit
    expected = dequantized.applied(plan, before)
    assert_equal(
        jax.tree.map(lambda x: x.astype("float32"), after.params),
        jax.tree.map(lambda x: x.astype("float32"), expected.params),
    )
    assert tensors(tmp_path / "a").keys() == tensors(tmp_path / "b").keys()
    assert after.hashes["tokenizer"] == before.hashes["tokenizer"]
    assert after.start == before.start


def test_shards_stay_shards_and_buffers_stay_as_they_are(tmp_path):
    directory = source(tmp_path / "a", shards=3, **BUFFERS)
    done = []
    put(directory, tmp_path / "b", advance=done.append)
    before, after = tensors(directory), tensors(tmp_path / "b")
    assert before.keys() == after.keys()
    for name, value in BUFFERS.items():
        found = after[f"transformer.{name}"]
        assert found.dtype == np.asarray(value).dtype
        np.testing.assert_array_equal(found, value)
    index = checkpoint.read_json(tmp_path / "b" / checkpoint.INDEX)
    old = checkpoint.read_json(directory / checkpoint.INDEX)["weight_map"]
    assert index["weight_map"] == old
    assert index["metadata"]["total_size"] == sum(a.nbytes for a in after.values())
    assert sum(done) == len(after)
    opened = deployed.source_of(describe(directory), str(directory), None)
    assert deployed.count_tensors(opened) == len(after)


def test_a_second_copy_of_tied_weights_is_left_out(tmp_path):
    copy = {"lm_head.weight": np.zeros((small.TOKENS, 12), np.float16)}
    directory = source(tmp_path / "a")
    arrays = tensors(directory) | copy
    small.write_arrays(directory / "model.safetensors", arrays)
    put(directory, tmp_path / "b")
    assert arrays.keys() - tensors(tmp_path / "b").keys() == {"lm_head.weight"}


def test_what_belongs_to_the_vocabulary_is_copied_and_nothing_else(tmp_path):
    directory = source(tmp_path / "a")
    kept = {
        "generation_config.json": "{}",
        "special_tokens_map.json": "{}",
        "tokenizer_config.json": "{}",
        "merges.txt": "#",
        "tokenizer.model": "x",
        "chat_template.jinja": "{{ messages }}",
        "LICENSE": "as is",
    }
    dropped = {
        "pytorch_model.bin": "x",
        "pytorch_model.bin.index.json": "{}",
        "training_args.bin": "x",
        "adapter_config.json": "{}",
        "README.md": "---\nlicense: mit\nlanguage: xx\n---\n# Theirs\n",
    }
    for name, text in (kept | dropped).items():
        (directory / name).write_text(text)
    (directory / "additional_chat_templates").mkdir()
    (directory / "additional_chat_templates" / "tool.jinja").write_text("t")
    (directory / "onnx").mkdir()
    put(directory, tmp_path / "b")
    ours = {"model.safetensors", "config.json", "plan.json", "README.md"}
    found = {path.name for path in (tmp_path / "b").iterdir()}
    assert found == ours | {*kept, "tokenizer.json", "additional_chat_templates"}
    for name, text in kept.items():
        assert (tmp_path / "b" / name).read_text() == text
    front = (tmp_path / "b" / "README.md").read_text().split("---\n")[1]
    entries = yaml.safe_load(front)
    assert entries["license"] == "mit"
    assert "base_model" not in entries
    assert entries["library_name"] == "transformers"


def test_config_and_plan_are_those_of_the_source_but_for_the_type(tmp_path):
    directory = source(tmp_path / "a")
    plan = put(directory, tmp_path / "b", dtype="bfloat16")
    before, after = (
        json.loads((tmp_path / name / "config.json").read_text()) for name in "ab"
    )
    assert after == before | {"dtype": "bfloat16"}
    assert plans.read(tmp_path / "b" / "plan.json") == plan
    assert (tmp_path / "b" / "README.md").read_text().startswith("---\n")
    assert os.stat(tmp_path / "b").st_mode & 0o777 == 0o755


def test_the_older_name_of_the_type_is_kept(tmp_path):
    directory = source(tmp_path / "a")
    entries = json.loads((directory / "config.json").read_text())
    del entries["dtype"]
    small.write_json(directory / "config.json", entries | {"torch_dtype": "float16"})
    put(directory, tmp_path / "b")
    found = json.loads((tmp_path / "b" / "config.json").read_text())
    assert (found.get("dtype"), found["torch_dtype"]) == (None, "float32")


@pytest.mark.parametrize(("dtype", "bits"), [("bfloat16", 8), ("float16", 11)])
def test_half_types_are_the_same_weights_rounded_once_more(dtype, bits, tmp_path):
    directory = source(tmp_path / "a")
    put(directory, tmp_path / "b")
    put(directory, tmp_path / "c", dtype=dtype)
    whole, half = tensors(tmp_path / "b"), tensors(tmp_path / "c")
    for name, value in whole.items():
        assert half[name].dtype.name == dtype
        found = half[name].astype(np.float32)
        # 2^-24: the smallest step of float16
        np.testing.assert_allclose(found, value, rtol=2.0**-bits, atol=2.0**-24)


def test_what_overflows_a_half_type_is_refused_and_nothing_is_left(tmp_path):
    directory = source(tmp_path / "a")
    arrays = {n: a.astype(np.float32) for n, a in tensors(directory).items()}
    arrays["transformer.h.1.ln_1.bias"] += 1e5
    small.write_arrays(directory / "model.safetensors", arrays)
    with pytest.raises(ValueError, match=r"h\.1\.ln_1\.bias does not fit into float16"):
        put(directory, tmp_path / "deep" / "b", dtype="float16")
    assert list(tmp_path.iterdir()) == [directory]
    with pytest.raises(ValueError, match=r"dtype must be one of .*, got int8"):
        put(directory, tmp_path / "b", dtype="int8")
    assert list(tmp_path.iterdir()) == [directory]


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    directory = source(tmp_path / "a")
    put(directory, tmp_path / "b")
    before = {p.name: p.read_bytes() for p in (tmp_path / "b").iterdir()}

    def full(path, planned, data):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(streamed, "write_file", full)
    for out in ("b", "c"):
        with pytest.raises(OSError, match="No space left"):
            put(directory, tmp_path / out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert {p.name: p.read_bytes() for p in (tmp_path / "b").iterdir()} == before


def test_an_interrupt_leaves_nothing(tmp_path):
    directory = source(tmp_path / "a")

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        put(directory, tmp_path / "b", advance=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def check(directory, out, *, overwrite=False):
    opened = deployed.source_of(describe(directory), str(directory), None)
    deployed.check(opened, out, overwrite=overwrite)


def test_directories_are_replaced_only_if_they_may_be(tmp_path):
    directory = source(tmp_path / "a")
    check(directory, tmp_path / "new" / "b")
    (tmp_path / "empty").mkdir()
    check(directory, tmp_path / "empty")
    put(directory, tmp_path / "empty")
    with pytest.raises(
        ValueError, match=r"empty: holds a model already; .*--overwrite"
    ):
        check(directory, tmp_path / "empty")
    check(directory, tmp_path / "empty", overwrite=True)
    (tmp_path / "empty" / "stale.json").write_text("{}")
    put(directory, tmp_path / "empty")
    assert not (tmp_path / "empty" / "stale.json").exists()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name, expected in (
        ("thesis", "was not written by jaxdisp quantize"),
        ("file", "exists and is no directory"),
        ("link", "exists and is no directory"),
        ("a", "is the model that is read"),
    ):
        with pytest.raises(ValueError, match=expected):
            check(directory, tmp_path / name, overwrite=True)


def test_files_of_the_wrong_size_are_not_written(tmp_path):
    one = streamed.Planned(name="a", dtype="F32", shape=(2, 3))
    with pytest.raises(ValueError, match=r"a has 4 bytes, but its shape .* ask for 24"):
        streamed.write_file(tmp_path / "f", [one], [b"1234"])
    odd = streamed.Planned(name="a", dtype="F4", shape=(2,))
    with pytest.raises(ValueError, match="a: its type F4 must be one of F64"):
        streamed.size(odd)


def test_what_is_streamed_is_what_safetensors_reads(tmp_path):
    arrays = {
        "half": small.normal("a", (3, 5)).astype(np.float16),
        "mask": np.array([[True, False]]),
        "number": np.array(7, np.int64),
        "turned": small.normal("b", (4, 2)).astype(np.float32).T,
        "none": np.zeros((0, 3), np.float32),
    }
    types = {"half": "F16", "mask": "BOOL", "number": "I64"}
    planned = [
        streamed.Planned(name=name, dtype=types.get(name, "F32"), shape=array.shape)
        for name, array in arrays.items()
    ]
    data = (streamed.bytes_of(array) for array in arrays.values())
    streamed.write_file(tmp_path / "f.safetensors", planned, data)
    found = tensors(tmp_path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    with safetensors.safe_open(tmp_path / "f.safetensors", "np") as file:
        assert file.metadata() == {"format": "pt"}


def test_every_type_has_a_name_in_safetensors():
    assert set(rewritten.TYPES) == {"float32", "bfloat16", "float16"}
    assert set(rewritten.TYPES.values()) <= set(streamed.BYTES)

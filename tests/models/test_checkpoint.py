import dataclasses
import json
import re
import struct

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp import models
from jaxdisp.models import checkpoint, decoder
from jaxdisp.models.architectures import gpt2
from tests.models import small

CONFIG = gpt2.read_config(small.ENTRIES)
INDEX = "model.safetensors.index.json"


def read(directory, config=CONFIG):
    return checkpoint.read_parameters(directory, gpt2.ARCHITECTURE, config)


def assert_holds(params, arrays):
    """Every tensor of the checkpoint is where its layer and its name say."""
    for tensor in gpt2.tensors(CONFIG):
        value = decoder.leaf(params, tensor.path)
        assert isinstance(value, jax.Array)
        if tensor.stacked:
            names = [tensor.source.format(layer=n) for n in range(CONFIG.n_layers)]
            expected = np.stack([np.asarray(arrays[n], np.float32) for n in names])
        else:
            expected = np.asarray(arrays[tensor.source], np.float32)
        np.testing.assert_array_equal(value, expected)


def write_shards(directory, arrays, count=3):
    small.write(directory, arrays={"unused": np.zeros(1, np.float32)})
    (directory / "model.safetensors").unlink()
    places = {}
    for number in range(count):
        name = f"model-{number + 1:05}-of-{count:05}.safetensors"
        shard = dict(list(arrays.items())[number::count])
        small.write_arrays(directory / name, shard)
        places |= dict.fromkeys(shard, name)
    content = {"metadata": {"total_size": 1}, "weight_map": places}
    small.write_json(directory / INDEX, content)
    return directory


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16]
)
def test_every_float_type_is_read(dtype, tmp_path):
    arrays = {n: a.astype(dtype) for n, a in small.tensors(small.ENTRIES).items()}
    params = read(small.write(tmp_path, arrays=small.prefixed(arrays)))
    assert_holds(params, arrays)
    held = dtype if np.dtype(dtype).itemsize == 2 else np.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(params["blocks"])} == {
        np.dtype(held)
    }
    assert {leaf.dtype for leaf in jax.tree.leaves(params["outside"])} == {
        np.dtype(np.float32)
    }


def test_layers_of_several_types_are_held_as_float32(tmp_path):
    arrays = {
        name: array.astype(
            np.float16 if name.startswith("h.1.") else ml_dtypes.bfloat16
        )
        for name, array in small.tensors(small.ENTRIES).items()
    }
    params = read(small.write(tmp_path, arrays=small.prefixed(arrays)))
    assert_holds(params, arrays)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype(np.float32)}


def turned(config):
    """The tensors of a GPT-2 whose files have matrices outputs first, and more axes."""
    for tensor in gpt2.tensors(config):
        if tensor.role == "matrix":
            yield dataclasses.replace(tensor, transposed=True)
        elif tensor.role == "bias" and tensor.stacked:
            yield dataclasses.replace(tensor, stored=(*tensor.shape, 1))
        else:
            yield tensor


TURNED = dataclasses.replace(gpt2.ARCHITECTURE, tensors=lambda c: tuple(turned(c)))


def test_tensors_that_are_stored_otherwise(tmp_path):
    arrays = small.tensors(small.ENTRIES)
    stored = {}
    for name, array in arrays.items():
        matrix = array.ndim == 2 and name.startswith("h.")
        bias = array.ndim == 1 and name.startswith("h.") and name.endswith("bias")
        other = array.T if matrix else array[:, None] if bias else array
        stored[name] = np.ascontiguousarray(other)
    small.write(tmp_path, arrays=small.prefixed(stored))
    assert_holds(checkpoint.read_parameters(tmp_path, TURNED, CONFIG), arrays)
    opened = checkpoint.open_files(tmp_path, TURNED, CONFIG)
    for tensor in TURNED.tensors(CONFIG):
        found = checkpoint.read(opened, tensor, 2 if tensor.stacked else 0)
        expected = arrays[tensor.source.format(layer=2)]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, ml_dtypes.bfloat16])
def test_one_tensor_of_one_layer_is_read_as_it_is_stored(dtype, tmp_path):
    arrays = {n: a.astype(dtype) for n, a in small.tensors(small.ENTRIES).items()}
    write_shards(tmp_path, small.prefixed(arrays))
    opened = checkpoint.open_files(tmp_path, gpt2.ARCHITECTURE, CONFIG)
    for tensor in gpt2.tensors(CONFIG):
        for layer in range(3 if tensor.stacked else 1):
            found = checkpoint.read(opened, tensor, layer)
            assert found.dtype == dtype
            expected = arrays[tensor.source.format(layer=layer)]
            np.testing.assert_array_equal(found, expected)


def test_nothing_but_the_tensor_that_is_asked_for_is_read(tmp_path):
    # broken numbers, which nobody can have looked at
    arrays = small.tensors(small.ENTRIES)
    broken = {name: np.full_like(array, np.nan) for name, array in arrays.items()}
    broken["h.1.mlp.c_fc.bias"] = arrays["h.1.mlp.c_fc.bias"]
    small.write(tmp_path, arrays=small.prefixed(broken))
    opened = checkpoint.open_files(tmp_path, gpt2.ARCHITECTURE, CONFIG)
    (bias,) = (t for t in gpt2.tensors(CONFIG) if t.path[1:] == ("mlp", "up", "bias"))
    found = checkpoint.read(opened, bias, 1)
    np.testing.assert_array_equal(found, broken["h.1.mlp.c_fc.bias"])
    with pytest.raises(ValueError, match=r"h\.0\.mlp\.c_fc\.bias holds 48 values that"):
        checkpoint.read(opened, bias, 0)


def test_every_header_is_checked_before_any_number_is_read(tmp_path):
    arrays = small.prefixed(small.tensors(small.ENTRIES))
    arrays["transformer.h.0.ln_1.weight"] = np.full(12, np.nan, np.float32)
    arrays["transformer.ln_f.weight"] = np.ones(13, np.float32)
    with pytest.raises(ValueError, match=r"ln_f\.weight has shape \[13\]"):
        read(small.write(tmp_path, arrays=arrays))


@pytest.mark.parametrize(
    ("stored", "value"), [("float32", 7e4), ("float64", -1e5), ("bfloat16", 65600)]
)
def test_values_that_the_type_cannot_hold(stored, value, tmp_path):
    arrays = small.tensors(small.ENTRIES)
    arrays["h.2.mlp.c_fc.bias"][5] = value
    cast = {n: a.astype(jnp.dtype(stored)) for n, a in arrays.items()}
    directory = small.write(tmp_path, arrays=small.prefixed(cast))
    for dtype in ("float32", "bfloat16"):
        checkpoint.read_parameters(directory, gpt2.ARCHITECTURE, CONFIG, dtype)
    message = (
        r"model\.safetensors: h\.2\.mlp\.c_fc\.bias holds 1 values that are NaN or "
        "infinite; they overflow float16: compute in another --dtype$"
    )
    with pytest.raises(ValueError, match=message):
        checkpoint.read_parameters(directory, gpt2.ARCHITECTURE, CONFIG, "float16")


def test_names_without_the_prefix(tmp_path):
    # as the first GPT-2 on the hub has them: GPT2Model saved, not GPT2LMHeadModel
    arrays = small.tensors(small.ENTRIES)
    assert_holds(read(small.write(tmp_path, arrays=arrays)), arrays)


@pytest.mark.parametrize("prefix", ["", "transformer."])
@pytest.mark.parametrize("dtype", [np.float32, np.bool_, np.uint8])
def test_buffers_of_old_checkpoints_are_no_parameters(prefix, dtype, tmp_path):
    arrays = small.tensors(small.ENTRIES)
    found = dict(arrays) if prefix == "" else small.prefixed(arrays)
    for layer in range(3):
        name = f"{prefix}h.{layer}.attn"
        found[f"{name}.bias"] = np.tril(np.ones((1, 1, 16, 16))).astype(dtype)
        found[f"{name}.masked_bias"] = np.array(-1e4, np.float32)
    assert_holds(read(small.write(tmp_path, arrays=found)), arrays)


def test_a_tied_head_may_be_stored_again(tmp_path):
    arrays = small.tensors(small.ENTRIES)
    found = small.prefixed(arrays) | {"lm_head.weight": arrays["wte.weight"]}
    assert_holds(read(small.write(tmp_path, arrays=found)), arrays)


def test_shards_are_read_together(tmp_path):
    arrays = small.tensors(small.ENTRIES)
    assert_holds(read(write_shards(tmp_path, small.prefixed(arrays))), arrays)


def test_one_file_goes_before_shards(tmp_path):
    # as in transformers; a model written into the directory of another must be found
    write_shards(tmp_path, small.prefixed(small.tensors(small.ENTRIES, seed=1)))
    arrays = small.tensors(small.ENTRIES)
    assert_holds(read(small.write(tmp_path, arrays=small.prefixed(arrays))), arrays)


def half(value):
    """The float16 nearest to a number, by Python's own packing."""
    return struct.unpack("e", struct.pack("e", value))[0]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return tmp_path_factory.mktemp("written")


@given(
    values=st.lists(st.floats(-65504, 65504, width=32), min_size=12, max_size=12),
    layer=st.integers(0, 2),
)
def test_reading_what_was_written_gives_halves(written, values, layer):
    arrays = small.tensors(small.ENTRIES)
    arrays[f"h.{layer}.ln_2.bias"] = np.array(values, np.float32)
    params = read(small.write(written / "before", arrays=arrays))
    entries = gpt2.write_config(CONFIG) | {"bos_token_id": 0}
    checkpoint.write(written, gpt2.ARCHITECTURE, CONFIG, params, entries)
    found = read(written)
    expected = [half(value) for value in values]
    np.testing.assert_array_equal(found["blocks"]["mlp_norm"]["bias"][layer], expected)
    again = read(written)
    jax.tree.map(np.testing.assert_array_equal, found, again)


@pytest.mark.parametrize("tied", [True, False])
def test_files_that_are_written(tied, tmp_path):
    entries = small.entries(tie_word_embeddings=tied, n_inner=7)
    config = gpt2.read_config(entries)
    arrays = small.tensors(entries)
    params = read(small.write(tmp_path / "a", entries, arrays), config)
    out = tmp_path / "new" / "b"
    more = gpt2.write_config(config) | {"bos_token_id": 7, "unsloth_extra": [1]}
    checkpoint.write(out, gpt2.ARCHITECTURE, config, params, more)
    assert sorted(path.name for path in out.iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    content = json.loads((out / "config.json").read_text())
    assert gpt2.read_config(content) == config
    assert content["model_type"] == "gpt2"
    assert content["dtype"] == "float16"
    assert (content["bos_token_id"], content["unsloth_extra"]) == (7, [1])
    with safetensors.safe_open(out / "model.safetensors", "np") as file:
        assert file.metadata() == {"format": "pt"}
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    expected = small.prefixed(arrays)
    assert set(found) == set(expected)
    for name, array in found.items():
        assert array.dtype == np.float16
        np.testing.assert_array_equal(array, expected[name].astype(np.float16))


@pytest.mark.parametrize("value", [70000.0, -np.inf, np.nan])
def test_values_that_float16_cannot_hold_are_not_written(value, tmp_path):
    params = read(small.write(tmp_path / "a"))
    bias = params["blocks"]["mlp"]["up"]["bias"].at[1, 2].set(value)
    params["blocks"]["mlp"]["up"]["bias"] = bias
    with pytest.raises(ValueError, match=r"^blocks.mlp.up.bias does not fit into flo"):
        checkpoint.write(tmp_path / "b", gpt2.ARCHITECTURE, CONFIG, params, {})
    assert not (tmp_path / "b").exists()


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    checkpoint.replace(path, b"old")
    with pytest.raises(TypeError):
        checkpoint.replace(path, "not bytes")
    assert path.read_bytes() == b"old"


# --- what is refused ---------------------------------------------------------------


def change(**changed):
    """Damage: other arrays in place of, or beside, those of the model."""

    def damage(directory):
        arrays = small.prefixed(small.tensors(small.ENTRIES))
        for name, array in changed.items():
            arrays.pop(name, None)
            if array is not None:
                arrays[name] = array
        small.write_arrays(directory / "model.safetensors", arrays)

    return damage


def config(**changes):
    return lambda d: small.write_json(d / "config.json", small.entries(**changes))


def text(name, content):
    return lambda d: (d / name).write_text(content, encoding="utf-8")


def without(*names):
    return lambda d: [(d / name).unlink() for name in names]


def only_pickled(directory):
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")


def cut(size):
    def damage(directory):
        path = directory / "model.safetensors"
        content = path.read_bytes()
        path.write_bytes(content[: size if size >= 0 else len(content) + size])

    return damage


def lost_shard(directory):
    write_shards(directory, small.prefixed(small.tensors(small.ENTRIES)))
    (directory / "model-00002-of-00003.safetensors").unlink()


def empty_index(directory):
    (directory / "model.safetensors").unlink()
    small.write_json(directory / INDEX, {"weight_map": ["model.safetensors"]})


def doubled_shards(directory):
    arrays = small.prefixed(small.tensors(small.ENTRIES))
    write_shards(directory, arrays)
    again = dict(list(arrays.items())[:2])
    small.write_arrays(directory / "model-00002-of-00003.safetensors", again)


def larger_tokenizer(directory):
    path = directory / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["added_tokens"][0] |= {"id": small.TOKENS, "content": "<|extra|>"}
    path.write_text(json.dumps(content), encoding="utf-8")


BIAS = "transformer.h.1.mlp.c_fc.bias"
WEIGHT = "transformer.h.2.attn.c_attn.weight"
NAN = np.where(np.arange(48) % 24 == 5, np.nan, 1).astype(np.float32)
HUGE = np.full(48, 1e300)
COPY = "copy it again"
OTHER = "one of the two belongs to another model"

REFUSED = {
    "no config": (without("config.json"), "config.json", "no such file; is this a m"),
    "config cut": (text("config.json", '{"n_layer": 2,'), "config.json", COPY),
    "config empty": (text("config.json", ""), "config.json", COPY),
    "config a list": (text("config.json", "[1]"), "config.json", "must hold a JSON ob"),
    "config of another kind": (
        config(model_type="nonsense"),
        "config.json",
        "model_type 'nonsense' is not supported; allowed: ",
    ),
    "config of no kind": (
        config(model_type=None),
        "config.json",
        "model_type None is not supported; allowed: ",
    ),
    "config incomplete": (
        text("config.json", '{"model_type": "gpt2", "n_layer": 2}'),
        "config.json",
        "lacks n_head, n_embd, vocab_size; a GPT-2 needs them",
    ),
    "config with a word": (
        config(n_layer="three"),
        "config.json",
        "n_layer must be a whole number of at least 1, got 'three'",
    ),
    "no weights": (
        without("model.safetensors"),
        "",
        "holds no model.safetensors and no model.safetensors.index.json; save_pretr",
    ),
    "pickled": (
        only_pickled,
        "pytorch_model.bin",
        "pickled weights can run code and are not read; convert them: "
        "AutoModelForCausalLM.from_pretrained(DIR)"
        ".save_pretrained(OUT, safe_serialization=True)",
    ),
    "empty file": (cut(0), "model.safetensors", COPY),
    "half a header": (cut(100), "model.safetensors", COPY),
    "one byte short": (cut(-1), "model.safetensors", COPY),
    "half of it": (cut(20_000), "model.safetensors", "not a complete safetensors file"),
    "lost shard": (
        lost_shard,
        INDEX,
        "lists 3 files, missing: model-00002-of-00003.safetensors; download",
    ),
    "index of nothing": (empty_index, INDEX, "weight_map names no files; copy"),
    "shards overlap": (
        doubled_shards,
        "model-00002-of-00003.safetensors",
        "comes twice, with and without the prefix transformer. or in two files; keep",
    ),
    "wrong shape": (
        change(**{BIAS: np.zeros(47, np.float32)}),
        "model.safetensors",
        f"h.1.mlp.c_fc.bias has shape [47], but config.json asks for [48]; {OTHER}",
    ),
    "transposed": (
        change(**{WEIGHT: np.zeros((36, 12), np.float32)}),
        "model.safetensors",
        "c_attn.weight has shape [36, 12], but config.json asks for [12, 36]",
    ),
    "other width": (config(n_embd=24), "model.safetensors", "asks for [24]"),
    "empty tensor": (
        change(**{BIAS: np.zeros((0,), np.float32)}),
        "model.safetensors",
        "has shape [0], but config.json asks for [48]",
    ),
    "NaN": (
        change(**{BIAS: NAN}),
        "model.safetensors",
        "h.1.mlp.c_fc.bias holds 2 values that are NaN or infinite; the checkpoint is",
    ),
    "too large for float32": (
        change(**{BIAS: HUGE}),
        "model.safetensors",
        "h.1.mlp.c_fc.bias holds 48 values that are NaN or infinite",
    ),
    "missing tensor": (
        change(**{WEIGHT: None}),
        "",
        "the tensor h.2.attn.c_attn.weight is missing from the weights; is the file",
    ),
    "more layers than weights": (
        config(n_layer=4),
        "",
        "the tensor h.3.ln_1.weight is missing from the weights",
    ),
    "fewer layers than weights": (
        config(n_layer=2),
        "model.safetensors",
        f"has no place in gpt2 as config.json describes it; {OTHER}",
    ),
    "unknown tensor": (
        change(**{"transformer.h.0.attn.rotary": np.ones(3, np.float32)}),
        "model.safetensors",
        "the tensor h.0.attn.rotary has no place in gpt2 as config.json describes it",
    ),
    "integers": (
        change(**{BIAS: np.ones(48, np.int8)}),
        "model.safetensors",
        "c_fc.bias is not stored as a float; allowed: F64, F32, F16, BF16; load it in",
    ),
    "head of an untied model missing": (
        config(tie_word_embeddings=False),
        "",
        "the tensor lm_head.weight is missing from the weights",
    ),
    "no tokenizer": (
        without("tokenizer.json"),
        "",
        "no tokenizer.json, nor vocab.json with merges.txt; save the tokenizer beside",
    ),
    "damaged tokenizer": (
        text("tokenizer.json", '{"version":\n "1.0", '),
        "",
        COPY,
    ),
    "tokenizer of a larger model": (
        larger_tokenizer,
        "",
        "the tokenizer has token numbers up to 290, but the embedding has 290 rows",
    ),
    "start token outside": (
        config(bos_token_id=290),
        "config.json",
        "bos_token_id 290 is outside the embedding's 290 rows",
    ),
}


@pytest.mark.parametrize(("damage", "file", "advice"), REFUSED.values(), ids=REFUSED)
def test_refusals_are_one_line_with_the_file_and_advice(damage, file, advice, tmp_path):
    small.write(tmp_path)
    damage(tmp_path)
    with pytest.raises(ValueError, match=re.escape(advice)) as caught:
        models.load(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / file}: ")
    assert "\n" not in message


@pytest.mark.parametrize("suffix", ["bin", "pt", "pth", "ckpt", "h5", "msgpack"])
def test_no_pickled_weights_are_opened(suffix, tmp_path):
    (tmp_path / f"weights.{suffix}").write_bytes(b"\x80\x04.")
    with pytest.raises(ValueError, match=rf"weights.{suffix}: pickled weights can run"):
        checkpoint.weight_files(tmp_path)

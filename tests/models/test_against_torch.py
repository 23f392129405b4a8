"""The same logits as transformers on torch, for files that go either way."""

import contextlib
import json
import logging

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.models import checkpoint, training_run
from jaxdisp.models import model as opening
from jaxdisp.models.architectures import gpt2
from tests.models import small

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = [
    pytest.mark.torch,
    # torch and transformers warn about themselves, which is not ours to mend
    pytest.mark.filterwarnings("default"),
]

# float32 on both sides, logits of about 1: see test_gpt2.
CLOSE = {"rtol": 0, "atol": 1e-4}

VARIANTS = {
    "defaults": {},
    "untied": {"tie_word_embeddings": False},
    "one head": {"n_head": 1},
    "five heads": {"n_head": 5, "n_embd": 15},
    "gelu": {"activation_function": "gelu"},
    "relu": {"activation_function": "relu"},
    "silu": {"activation_function": "silu"},
    "swish": {"activation_function": "swish"},
    "tanh": {"activation_function": "tanh"},
    "gelu_pytorch_tanh": {"activation_function": "gelu_pytorch_tanh"},
    "large epsilon": {"layer_norm_epsilon": 1e-3},
    "by layer": {"scale_attn_by_inverse_layer_idx": True},
    "not by width": {"scale_attn_weights": False},
    "narrow": {"n_inner": 7},
    "upcast": {"reorder_and_upcast_attn": True},
    "all at once": {
        "tie_word_embeddings": False,
        "n_head": 7,
        "n_embd": 21,
        "n_inner": 5,
        "activation_function": "tanh",
        "layer_norm_epsilon": 1e-3,
        "scale_attn_by_inverse_layer_idx": True,
        "scale_attn_weights": False,
    },
}


class Log(logging.Handler):
    """Keeps what a library says above `info`."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


@contextlib.contextmanager
def said_by_transformers():
    log = Log()
    logger = logging.getLogger("transformers")
    logger.addHandler(log)
    try:
        yield log.lines
    finally:
        logger.removeHandler(log)


def random_torch_model(entries):
    """A model of transformers with the numbers of `small`, given to it by name."""
    options = {key: entry for key, entry in entries.items() if key != "model_type"}
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**options)).eval()
    arrays = small.prefixed(small.tensors(entries))
    state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    tied = entries.get("tie_word_embeddings", True)
    assert missing == (["lm_head.weight"] if tied else [])
    assert unexpected == []
    return model


def torch_logits(model, tokens):
    with torch.no_grad():
        found = model(torch.from_numpy(np.array(tokens, np.int64))).logits
    return found.float().numpy()


def saved(model, directory, **options):
    model.save_pretrained(directory, **options)
    small.write_tokenizer(directory)
    return directory


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_models_saved_by_transformers(changes, tmp_path):
    entries = small.entries(**changes)
    reference = random_torch_model(entries)
    tokens = small.tokens(entries)
    found = models.logits(models.load(saved(reference, tmp_path)), tokens)
    np.testing.assert_allclose(found, torch_logits(reference, tokens), **CLOSE)


def test_sharded_models_saved_by_transformers(tmp_path):
    reference = random_torch_model(small.ENTRIES)
    saved(reference, tmp_path, max_shard_size="8KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    tokens = small.tokens()
    found = models.logits(models.load(tmp_path), tokens)
    np.testing.assert_allclose(found, torch_logits(reference, tokens), **CLOSE)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types_saved_by_transformers(dtype, tmp_path):
    reference = random_torch_model(small.ENTRIES).to(dtype)
    saved(reference, tmp_path)
    tokens = small.tokens()
    found = models.logits(models.load(tmp_path), tokens)
    # both compute in float32 from the rounded numbers
    expected = torch_logits(reference.float(), tokens)
    np.testing.assert_allclose(found, expected, **CLOSE)


def open_in_transformers(directory):
    with said_by_transformers() as lines:
        model, info = transformers.AutoModelForCausalLM.from_pretrained(
            directory, dtype=torch.float32, output_loading_info=True
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    assert lines == []
    assert {name: list(keys) for name, keys in info.items() if keys} == {}
    return model.eval(), tokenizer


@pytest.mark.parametrize("name", ["defaults", "untied", "all at once"])
def test_models_written_for_transformers(name, tmp_path):
    entries = small.entries(**VARIANTS[name])
    config = gpt2.read_config(entries)
    params = models.load(small.write(tmp_path / "a", entries)).params
    out = tmp_path / "b"
    more = gpt2.write_config(config) | {"bos_token_id": 0, "eos_token_id": 0}
    checkpoint.write(out, gpt2.ARCHITECTURE, config, params, more)
    small.write_tokenizer(out)
    reference, _ = open_in_transformers(out)
    tokens = small.tokens(entries)
    found = models.logits(models.load(out), tokens)
    np.testing.assert_allclose(found, torch_logits(reference, tokens), **CLOSE)
    assert gpt2.read_config(reference.config.to_dict()) == config


def assert_same_numbers(model, tokenizer, texts):
    for text in texts:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert ids == model.tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids) == text
    assert tokenizer.bos_token_id == tokenizer.eos_token_id == model.start


def test_a_trained_model_opens_in_transformers(tmp_path):
    recipe, data = small.recipe(tmp_path)
    for _ in training_run.train(recipe, data, tmp_path / "out"):
        pass
    reference, tokenizer = open_in_transformers(tmp_path / "out")
    model = models.load(tmp_path / "out")
    assert_same_numbers(model, tokenizer, small.SENTENCES)
    tokens = small.tokens({"vocab_size": model.config.vocabulary})
    expected = torch_logits(reference, tokens)
    np.testing.assert_allclose(models.logits(model, tokens), expected, **CLOSE)
    assert reference.config.bos_token_id == model.start


@pytest.mark.skipif(
    not (opening.EMBEDDED / "model.safetensors").is_file(),
    reason="the embedded model is not in jaxdisp/assets/polyglot yet",
)
def test_the_embedded_model_opens_in_transformers():
    reference, tokenizer = open_in_transformers(opening.EMBEDDED)
    model = models.load()
    assert_same_numbers(model, tokenizer, small.SENTENCES)
    [ids] = [tokenizer(text)["input_ids"] for text in small.SENTENCES[:1]]
    tokens = jnp.asarray([[model.start, *ids]])
    expected = torch_logits(reference, tokens)
    # twelve layers and a head of 160 terms: logits of about 10, so ten times the error
    np.testing.assert_allclose(
        models.logits(model, tokens), expected, rtol=0, atol=1e-3
    )
    record = json.loads((opening.EMBEDDED / "training.json").read_text())
    assert model.training_bytes == record["training_bytes"]

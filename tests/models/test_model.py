import hashlib
import json

import jax.numpy as jnp
import numpy as np
import pytest
from huggingface_hub import constants

from jaxdisp import models
from jaxdisp.models import model as opening
from tests.models import small

embedded = pytest.mark.skipif(
    not (opening.EMBEDDED / "model.safetensors").is_file(),
    reason="the embedded model is not in jaxdisp/assets/polyglot yet",
)


def test_what_is_known_about_an_open_model(tmp_path):
    small.write(tmp_path, small.entries(bos_token_id=3))
    small.write_json(tmp_path / "training.json", {"training_bytes": {"fi": 12}})
    model = models.load(str(tmp_path))
    assert model.source == str(tmp_path)
    assert model.start == 3
    assert model.training_bytes == {"fi": 12}
    assert model.config.n_layers == 3
    weights = (tmp_path / "model.safetensors").read_bytes()
    assert model.hashes["weights"] == hashlib.sha256(weights).hexdigest()
    expected = sum(array.size for array in small.tensors(small.ENTRIES).values())
    assert opening.count_parameters(model) == expected


def test_training_bytes_are_empty_where_unknown(tmp_path):
    assert models.load(small.write(tmp_path)).training_bytes == {}


def test_hashes_follow_the_content(tmp_path):
    one = models.load(small.write(tmp_path / "one"))
    same = models.load(small.write(tmp_path / "same"))
    other = small.prefixed(small.tensors(small.ENTRIES, seed=1))
    different = models.load(small.write(tmp_path / "different", arrays=other))
    assert one.hashes == same.hashes
    assert one.hashes["weights"] != different.hashes["weights"]
    assert one.hashes["tokenizer"] == different.hashes["tokenizer"]


def test_digests_are_of_all_files_one_after_another(tmp_path):
    # longer than what is read at once, and named in the order in which they count
    contents = [bytes([number]) * (300_000 + number) for number in (7, 1, 4)]
    paths = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    expected = hashlib.sha256(b"".join(contents)).hexdigest()
    assert opening.digest(paths) == expected
    assert opening.digest(paths[::-1]) != expected


def test_shards_are_hashed_in_the_order_of_their_names(tmp_path):
    arrays = small.prefixed(small.tensors(small.ENTRIES))
    small.write(tmp_path, arrays={"unused": np.zeros(1, np.float32)})
    (tmp_path / "model.safetensors").unlink()
    names = ["model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors"]
    places = {}
    for number, name in enumerate(names):
        shard = dict(list(arrays.items())[number::2])
        small.write_arrays(tmp_path / name, shard)
        places |= dict.fromkeys(shard, name)
    index = {"weight_map": places}
    small.write_json(tmp_path / "model.safetensors.index.json", index)
    content = b"".join((tmp_path / name).read_bytes() for name in sorted(names))
    found = models.load(tmp_path).hashes["weights"]
    assert found == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["./nowhere", "/no/where", "~/nowhere", "a/b/c"])
def test_directories_that_do_not_exist(name):
    with pytest.raises(ValueError, match=f"^{name}: no such directory$"):
        models.load(name)


def test_a_file_is_no_directory(tmp_path):
    path = small.write(tmp_path) / "model.safetensors"
    with pytest.raises(ValueError, match="is a file; give the directory that holds it"):
        models.load(path)


def test_a_directory_has_no_revision(tmp_path):
    with pytest.raises(
        ValueError, match=r"^--revision main is for hub ids, but .* is a"
    ):
        models.load(small.write(tmp_path), revision="main")


def test_the_embedded_model_has_no_revision():
    with pytest.raises(ValueError, match=r"^--revision main needs a hub id beside it$"):
        models.load(revision="main")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of the hub, and no network."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


@pytest.mark.parametrize("name", ["nobody/nothing", "nothing"])
def test_hub_ids_that_cannot_be_had(name, hub):
    expected = (
        rf"^{name}: no such directory, and not .* hub \(HF_HUB_OFFLINE is set\): "
    )
    with pytest.raises(ValueError, match=expected) as caught:
        models.load(name)
    assert "\n" not in str(caught.value)


def test_names_that_cannot_be_hub_ids(hub):
    with pytest.raises(
        ValueError, match="no such directory, and not to be had"
    ) as caught:
        models.load("what is this?")
    assert "\n" not in str(caught.value)


def test_a_hub_id_in_the_cache_needs_no_network(hub):
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = hub / "models--somebody--small"
    small.write(repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    model = models.load("somebody/small")
    assert model.source == "somebody/small"
    assert models.load("somebody/small", revision=commit).hashes == model.hashes
    with pytest.raises(ValueError, match="not to be had from the hub"):
        models.load("somebody/small", revision="other")


def test_a_missing_embedded_model_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "EMBEDDED", tmp_path / "polyglot")
    with pytest.raises(ValueError, match=r"polyglot/config.json: no such file"):
        models.load()


def test_none_is_the_embedded_model(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "EMBEDDED", small.write(tmp_path))
    assert models.load().source == "polyglot (embedded)"


@embedded
def test_the_embedded_model_predicts_its_languages():
    model = models.load()
    record = json.loads((opening.EMBEDDED / "training.json").read_text())
    assert list(model.training_bytes) == list(record["share"])
    assert len(model.training_bytes) == 16
    ids = [model.start, *model.tokenizer.encode("In the beginning God created").ids]
    logits = np.asarray(models.logits(model, jnp.asarray([ids])))[0]
    chance = np.log(model.config.vocabulary)
    losses = [np.log(np.sum(np.exp(row))) for row in logits[:-1]]
    losses -= logits[np.arange(len(ids) - 1), ids[1:]]
    assert np.mean(losses) < chance / 2

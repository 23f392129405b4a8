"""The losses that a plan predicts, in transformers on torch, of what is written."""

import warnings

import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.measure import corpus as corpora
from jaxdisp.models.model import EMBEDDED, describe
from jaxdisp.report.plans import checked, deployed, predicted
from tests.measure import tiny
from tests.models.architectures import drawn, every, parity
from tests.report.plans import made_up_plan

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = parity.MARKS


def write(plan, source, out, dtype="float32"):
    described = describe(source)
    place = None if source is None else str(source)
    opened = deployed.source_of(described, place, None)
    deployed.write(plan, opened, out, dtype)


def torch_losses(directory, text):
    """Nats per token and per sentence of each language, one sentence at a time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = transformers.AutoModelForCausalLM.from_pretrained(
            directory, dtype=torch.float32
        ).eval()
    ours = models.load(directory)
    found = {}
    for language, sentences in zip(text.languages, text.sentences, strict=True):
        lost, n_tokens = 0.0, 0
        for sentence in sentences:
            ids = ours.tokenizer.encode(sentence, add_special_tokens=False).ids
            tokens = torch.tensor([[ours.start, *ids]])
            with torch.no_grad():
                logits = model(tokens, use_cache=False).logits[0, :-1].double()
            chosen = torch.log_softmax(logits, -1)[
                torch.arange(len(ids)), tokens[0, 1:]
            ]
            lost -= float(chosen.sum())
            n_tokens += len(ids)
        found[language] = (lost / n_tokens, lost / len(sentences))
    return found


def compare(prediction, found):
    """Within 1e-4 nats per token, which is what is promised; float32 does better."""
    for row in prediction["languages"]:
        token, sentence = found[row["language"]]
        tokens_per_sentence = row["loss_per_sentence"] / row["loss_per_token"]
        assert abs(token - row["loss_per_token"]) < checked.TOLERANCE
        assert (
            abs(sentence - row["loss_per_sentence"])
            < checked.TOLERANCE * tokens_per_sentence
        )
    # what rounding costs is far more, or nothing would be shown
    assert max(abs(row["d_sent"]) for row in prediction["languages"]) > 0.1


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bloom"])
def test_torch_loses_what_is_predicted(kind, tmp_path):
    parity.saved(kind, tmp_path / "a", **options(kind))
    text = corpora.load_corpus(tiny.write_corpus(tmp_path / "corpus"))
    model = models.load(tmp_path / "a")
    # by the engine of searches, and as a whole model: two ways to predict
    for changes in ({"exceptions": {}, "assignment": (1, 0, 2)}, {}):
        plan = made_up_plan.plan(model, **changes)
        prediction = predicted.predict(model, text, plan)
        out = tmp_path / f"out {len(plan.exceptions)}"
        write(plan, tmp_path / "a", out)
        compare(prediction, torch_losses(out, text))


def options(kind):
    found = dict(every.ENTRIES[kind])
    del found["vocab_size"]
    if kind == "gpt2":
        found["n_positions"] = 64
    if kind == "llama":
        found["max_position_embeddings"] = 64
    return {name: value for name, value in found.items() if name != "model_type"}


@pytest.mark.skipif(
    not (EMBEDDED / "model.safetensors").is_file(),
    reason="the embedded model is not in jaxdisp/assets/polyglot yet",
)
def test_torch_loses_what_is_predicted_of_the_embedded_model(tmp_path):
    model = models.load()
    text = corpora.spread(corpora.load_corpus(None, ["en", "he", "sw"]), 4)
    plan = made_up_plan.plan(
        model,
        assignment=(0, *[1] * 8, 0, 2, 0),
        exceptions={"transformer.h.3.mlp.c_proj": 0, "transformer.h.0.mlp.c_fc": 2},
    )
    prediction = predicted.predict(model, text, plan)
    write(plan, None, tmp_path / "b")
    compare(prediction, torch_losses(tmp_path / "b", text))


def test_half_types_open_in_their_own_type(tmp_path):
    entries = every.entries("gpt2")
    drawn.load(tmp_path / "a", entries)
    plan = made_up_plan.plan(describe(tmp_path / "a"))
    write(plan, tmp_path / "a", tmp_path / "b", "bfloat16")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "b")
    types = {parameter.dtype for parameter in model.parameters()}
    assert types == {torch.bfloat16}
    assert np.all([torch.isfinite(p).all().item() for p in model.parameters()])

"""Model cards: read back by the hub's own library, with one entry per language."""

import huggingface_hub
import markdown_it
import pytest
import yaml
from huggingface_hub import repocard_data

from jaxdisp.report import card
from tests.report.made_up_report import EVIL, FULL, LOST, found

READER = markdown_it.MarkdownIt("commonmark").enable("table")
PLAN = {
    "schema_version": 1,
    "kind": "jaxdisp plan",
    "model": {
        "source": None,
        "revision": None,
        "architecture": "gpt2",
        "n_layers": 3,
        "hashes": {"weights": "aa", "tokenizer": "bb"},
    },
    "quantizers": [found()["quantizer"]],
    "assignment": [0, 1, 1],
    "outside": 0,
    "exceptions": {"h.1.mlp": 0},
    "chosen": None,
    "predicted": {
        "dtype": "float32",
        "corpus": {
            "source": "embedded",
            "digest": "cc",
            "n_sentences": 2,
            "languages": list(LOST),
        },
        "languages": [
            {
                "language": name,
                "n_tokens": 100,
                "loss_per_token": 0.25,
                "full_per_token": 0.2,
                "loss_per_sentence": 12.0 + LOST[name][0],
                "d_sent": LOST[name][0],
                "d_sent_low": LOST[name][1],
                "d_sent_high": LOST[name][2],
            }
            for name in LOST
        ],
        "mean": 1.0,
        "mean_low": 0.5,
        "mean_high": 1.5,
        "worst": 2.0,
        "worst_low": 1.0,
        "worst_high": 3.0,
        "worst_language": EVIL,
        "disparity": 0.5,
        "disparity_low": None,
        "disparity_high": None,
        "disparity_measure": "difference",
    },
}


def entries(text):
    """What the hub's library reads, by language; from the metadata itself as well."""
    read = huggingface_hub.ModelCard(text).data
    index = yaml.safe_load(text.split("---\n")[1])["model-index"]
    _, again = repocard_data.model_index_to_eval_results(index)
    assert again == read.eval_results
    return read, {each.dataset_config: each for each in read.eval_results}


def shown(text):
    """Cells of the tables that a reader sees, and the kinds of what there is."""
    body = text.split("---\n", 2)[2]
    tokens = READER.parse(body)
    inline = [token for token in tokens if token.type == "inline"]
    cells = ["".join(part.content for part in token.children) for token in inline]
    kinds = {token.type for token in tokens}
    return cells, kinds | {part.type for token in inline for part in token.children}


def test_the_metadata_has_an_entry_for_every_language():
    data, by_language = entries(card.of_results(found()))
    assert list(by_language) == list(LOST)
    assert len(data.eval_results) == len(LOST)
    assert data.language == ["heb", "no"]
    for name, (lost, low, high) in LOST.items():
        entry = by_language[name]
        assert entry.metric_value == lost
        assert (entry.metric_args["low"], entry.metric_args["high"]) == (low, high)
        full = sum(FULL[name]) / 2
        assert entry.metric_args["full_precision"] == full
        assert entry.metric_args["quantized"] == full + lost
        assert entry.dataset_args == {"sentences": 2, "texts": 2}


def test_names_from_outside_are_text():
    cells, kinds = shown(card.of_results(found()))
    assert "html_block" not in kinds
    assert "html_inline" not in kinds
    assert "<b>|`x` # eng_Latn" in cells
    assert "Model: ./<b>|`x` # eng_Latn" in cells
    headings = [c for c in cells if c.startswith("What quantization")]
    assert len(headings) == 1


def test_languages_without_evidence_are_named():
    text = card.of_results(found())
    assert "**Insufficient evidence** of any change in: heb_Hebr." in text
    assert "0.500 [-0.250, 1.000]" in text


def test_the_card_of_a_plan_has_its_prediction():
    data, by_language = entries(card.of_plan(PLAN))
    assert {name: each.metric_value for name, each in by_language.items()} == {
        name: lost for name, (lost, *_) in LOST.items()
    }
    assert by_language["no"].metric_args["quantized"] == 12.25
    assert by_language["no"].metric_args["full_precision"] == 12.0
    text = card.of_plan(PLAN)
    cells, _ = shown(text)
    assert "1.000 [0.500, 1.500]" in cells
    assert "2.000 [1.000, 3.000]" in cells
    assert "Layers: 0 in full precision (of 3, from 0)" in cells
    assert "Layers: h.1.mlp in full precision" in cells
    assert "predicted" in text
    assert data.tags == ["jaxdisp", "multilingual", "quantization"]


def test_the_card_of_a_plan_without_prediction_says_so():
    text = card.of_plan(PLAN | {"predicted": None})
    assert huggingface_hub.ModelCard(text).data.eval_results is None
    assert "No losses are known: the plan has no prediction." in text


@pytest.mark.parametrize(
    ("name", "code"),
    [("en", "en"), ("eng_Latn", "eng"), ("pt-Latn", "pt"), ("English", None)],
)
def test_codes_of_languages(name, code):
    results = found()
    results["degradation"][0]["language"] = name
    results["sentence_losses"]["languages"][0] = name
    data, _ = entries(card.of_results(results))
    assert (code in data.language) == (code is not None)
    assert "code" not in (data.language or [])

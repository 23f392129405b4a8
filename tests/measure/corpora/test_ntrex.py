"""NTREX-128 as published: layout, names, articles as groups, and what can be wrong."""

import json
import pathlib

import pytest

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure import disparity
from tests.measure.corpora import published

SHARED = pathlib.Path(__file__).parents[4] / "shared" / "data" / "ntrex"


@pytest.mark.parametrize("inside", [".", "NTREX-128"])
def test_the_repository_and_its_folder_are_read(tmp_path, inside):
    place = published.ntrex(tmp_path / "copy") / inside
    found = corpora.load_corpus(f"ntrex:{place}", ["he", "en", "zh-TW"])
    assert found.languages == ("heb", "eng", "zho-TW")
    assert found.codes == ("heb_Hebr", "eng_Latn", "zho_Hant")
    texts = published.NTREX
    assert found.sentences == (texts["ref.heb"], texts["src.eng"], texts["ref.zho-TW"])
    assert found.groups == (0, 0, 1)
    assert found.source == f"ntrex:{place}"
    assert (found.facts.title, found.facts.licence) == ("NTREX-128", "CC BY-SA 4.0")
    assert found.facts.domain == "news"
    assert found.remarks == ()


def test_all_languages_are_those_of_the_files_english_first(tmp_path):
    found = corpora.load_corpus(f"ntrex:{published.ntrex(tmp_path / 'copy')}")
    assert len(found.languages) == len(published.NTREX)
    assert found.languages[0] == "eng"
    assert "heb" in found.languages  # and its second translation is not there
    assert found.n_sentences == 3


def test_the_layout_is_recognised_and_said(tmp_path):
    place = published.ntrex(tmp_path / "copy")
    found = corpora.load_corpus(place, ["en"])
    assert found.languages == ("eng",)
    assert found.remarks == (
        f"{place}: read as NTREX-128 is published, as ntrex:{place}",
    )
    assert found.facts.title == "NTREX-128"


def test_without_documents_it_is_said_that_intervals_are_too_narrow(tmp_path):
    place = published.ntrex(tmp_path / "copy", documents=None)
    found = corpora.load_corpus(f"ntrex:{place}", ["en", "he"])
    assert found.groups == (0, 1, 2)
    assert "intervals are too narrow" in found.remarks[0]


@pytest.mark.parametrize(
    ("texts", "documents", "message"),
    [
        ({"ref.heb": ("a", "b")}, "a\na\nb\n", r"heb\.txt: has 2 lines, but .*eng\.t"),
        ({"ref.heb": ("a", " ", "c")}, "a\na\nb\n", r"heb\.txt: line 2 is empty"),
        ({}, "a\nb\n", r"DOCUMENT_IDS\.tsv: lists 2 sentences, but the texts have 3"),
        ({}, "a\n\nb\n", r"DOCUMENT_IDS\.tsv: line 2 is empty"),
    ],
)
def test_damaged_copies_are_refused(tmp_path, texts, documents, message):
    place = published.ntrex(tmp_path / "copy", published.NTREX | texts, documents)
    with pytest.raises(ValueError, match=message):
        corpora.load_corpus(f"ntrex:{place}", ["en", "he"])


def test_text_that_is_not_utf8_is_refused(tmp_path):
    place = published.ntrex(tmp_path / "copy")
    path = place / "NTREX-128" / "newstest2019-ref.heb.txt"
    path.write_bytes(b"a\r\n\xff\r\nc\r\n")
    with pytest.raises(ValueError, match=r"heb\.txt: line 2 is not UTF-8"):
        corpora.load_corpus(f"ntrex:{place}", ["he"])


def test_directories_of_another_kind_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds no newstest2019-ref\.<language>\.txt"):
        corpora.load_corpus(f"ntrex:{tmp_path}")
    with pytest.raises(ValueError, match=r"^ntrex: must name a directory, as ntrex:DI"):
        corpora.load_corpus("ntrex:")
    with pytest.raises(ValueError, match=r"nowhere: no such directory; a corpus is"):
        corpora.load_corpus(f"ntrex:{tmp_path / 'nowhere'}")


def test_what_text_it_is_goes_into_a_record(tmp_path):
    found = corpora.load_corpus(f"ntrex:{published.ntrex(tmp_path / 'c')}", ["he"])
    record = json.loads(json.dumps(corpora.described(found)))
    assert record == {
        "title": "NTREX-128",
        "licence": "CC BY-SA 4.0",
        "domain": "news",
        "published": "https://github.com/MicrosoftTranslator/NTREX",
        "unit": "sentence",
        "codes": {"heb": "heb_Hebr"},
        "remarks": [],
    }


def test_a_models_training_text_is_found_under_other_codes():
    names = ("eng", "heb", "zho-CN", "swa")
    chosen = disparity.contrast(names, {"en": 900, "he": 20, "zh": 500, "sw": 10})
    assert chosen is not None
    assert chosen.high == ("zho-CN", "eng")
    assert chosen.low == ("swa", "heb")
    # what is written otherwise is not the text that the model was trained on
    assert disparity.contrast(("eng", "zho-TW"), {"en": 900, "zh": 500}) is None
    by_code = disparity.contrast(names, {}, "en")
    assert by_code is not None
    assert by_code.high == ("eng",)
    assert by_code.low == names[1:]
    assert "eng" in by_code.rule


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no data beside the project")
def test_the_real_text_in_another_layout_has_articles_as_groups():
    found = corpora.load_corpus(SHARED, ["eng", "heb_Hebr"])
    assert found.languages == ("en", "he")
    assert found.n_sentences == 1997
    assert len(set(found.groups)) == 123
    # articles are not scattered
    assert list(found.groups) == sorted(found.groups)

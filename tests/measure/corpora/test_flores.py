"""FLORES+ from a copy of its repository, and what is said where it cannot be read."""

import sys

import pytest

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure.corpora import flores
from tests.measure.corpora import published

REMOTE = flores.REPOSITORY


@pytest.fixture
def library(monkeypatch, tmp_path):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    return datasets


def test_sentences_are_aligned_by_id_and_grouped_by_article(library, tmp_path):
    place = published.flores(tmp_path / "copy")
    found = corpora.load_corpus(f"flores:dev:{place}", ["he", "en", "zh-Hans"])
    assert found.languages == ("heb_Hebr", "eng_Latn", "cmn_Hans")
    assert found.codes == ("heb_Hebr", "eng_Latn", "zho_Hans")
    assert found.sentences[1] == ("Snow.", "Sun.", "Rain.")  # ids 1, 2, 3
    assert found.sentences[2] == ("雪。", "太阳。", "雨。")
    assert found.groups == (0, 0, 1)
    assert found.facts.licence == "CC BY-SA 4.0"
    assert found.facts.title == "FLORES+"
    assert found.remarks == ()
    with pytest.raises(ValueError, match=r"zh may be cmn_Hans, cmn_Hant; name the"):
        corpora.load_corpus(f"flores:dev:{place}", ["zh"])


def test_without_articles_it_is_said_that_intervals_are_too_narrow(library, tmp_path):
    place = published.flores(tmp_path / "copy", drop=["url"])
    found = corpora.load_corpus(f"flores:dev:{place}", ["en"])
    assert found.groups == (0, 1, 2)
    assert "intervals are too narrow" in found.remarks[0]


def test_tables_that_lack_something_are_refused(library, tmp_path):
    place = published.flores(tmp_path / "copy", drop=["text"])
    with pytest.raises(ValueError, match=r"eng_Latn has no column text; it has id, "):
        corpora.load_corpus(f"flores:dev:{place}", ["en"])
    empty = published.FLORES | {"eng_Latn": ("Rain.", " ", "Sun.")}
    place = published.flores(tmp_path / "empty", empty)
    with pytest.raises(ValueError, match=r"eng_Latn has no text of id 1$"):
        corpora.load_corpus(f"flores:dev:{place}", ["en"])
    place = published.flores(tmp_path / "twice", ids=(1, 1, 2))
    with pytest.raises(ValueError, match=r"eng_Latn has two texts of id 1$"):
        corpora.load_corpus(f"flores:dev:{place}", ["en"])
    with pytest.raises(ValueError, match=r"cannot read .*twice: .*devtest"):
        corpora.load_corpus(f"flores:devtest:{place}", ["en"])


@pytest.mark.parametrize(
    ("place", "languages", "message"),
    [
        ("test", ["en"], r"^flores:test: must be flores:dev or flores:devtest$"),
        ("", ["en"], r"^flores:: must be flores:dev or flores:devtest$"),
        ("dev", None, r"^flores:dev: name languages, such as --languages en,he; there"),
        ("dev:/nowhere", ["en"], r"^flores:dev:/nowhere: /nowhere is no directory$"),
    ],
)
def test_what_cannot_be_asked_for(place, languages, message):
    with pytest.raises(ValueError, match=message):
        corpora.load_corpus(f"flores:{place}", languages)


def test_without_the_library_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match=r"^flores: needs .* 'jaxdisp\[data\]'$"):
        corpora.load_corpus("flores:dev", ["en"])


def test_without_access_it_is_said_what_to_do(library, monkeypatch):
    def gated(*_, **__):
        raise library.exceptions.DatasetNotFoundError("is gated\nlong advice")

    monkeypatch.setattr(library, "get_dataset_config_names", gated)
    with pytest.raises(
        ValueError,
        match=rf"^flores: cannot read {REMOTE}, which is gated: accept its terms at "
        r"https://\S+, then run `hf auth login`; or name a copy: flores:dev:DIR \(is "
        r"gated\)$",
    ):
        corpora.load_corpus("flores:dev", ["en"])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        ValueError, match=r"^flores: HF_HUB_OFFLINE is set and FLORES\+"
    ):
        corpora.load_corpus("flores:dev", ["en"])


def test_access_may_end_between_the_list_and_the_text(library, monkeypatch):
    def names(_):
        return ["eng_Latn", "default"]

    def refused(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(library, "get_dataset_config_names", names)
    monkeypatch.setattr(library, "load_dataset", refused)
    with pytest.raises(ValueError, match=r"hf auth login.*\(no route\)$"):
        corpora.load_corpus("flores:dev", ["eng"])


def test_sentences_that_not_all_languages_have_are_dropped_and_said():
    tables = [{1: {}, 2: {}, 4: {}}, {2: {}, 3: {}, 4: {}}]
    shared, remarks = flores._shared(["a", "b"], tables, "dev")
    assert shared == [2, 4]
    assert remarks == (
        "flores:dev: 2 of 4 sentences are in all 2 languages; the others are dropped",
    )
    with pytest.raises(ValueError, match=r"^flores:dev: a, b share no sentence$"):
        flores._shared(["a", "b"], [{1: {}}, {2: {}}], "dev")

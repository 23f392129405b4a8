"""The declaration as published: alignment by article, what is dropped, bad files."""

import dataclasses
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.measure import corpus as corpora
from jaxdisp.measure.corpora import udhr
from tests.measure.corpora.published import CLAUSES, declaration, udhr_text, udhr_xml


def write(place, **changes):
    """Three languages in XML; Hebrew's articles can be changed."""
    udhr_xml(place, "eng", "en", declaration("right"))
    udhr_xml(place, "heb", "he", declaration("zchut", **changes))
    udhr_xml(place, "cmn_hans", "zh-Hans", declaration("quan"))
    return place


@pytest.mark.parametrize("folder", [".", "xml", "data/xml"])
def test_paragraphs_are_aligned_and_articles_are_groups(tmp_path, folder):
    write(tmp_path / folder)
    found = corpora.load_corpus(f"udhr:{tmp_path}", ["en", "zh"])
    assert found.languages == ("eng", "cmn_hans")
    assert found.codes == ("eng_Latn", "zho_Hans")
    assert found.n_sentences == 2 + sum(CLAUSES.get(n, 1) for n in range(1, 31)) == 52
    assert found.sentences[0][:4] == (
        "right zero",
        "right nought",
        "right 1.1",
        "right 2.1",
    )
    assert found.sentences[1][-1] == "quan 30.1"
    assert found.groups[:5] == (0, 0, 1, 2, 2)
    assert len(set(found.groups)) == 31
    assert found.facts.unit == "paragraph"
    assert found.facts.domain == "law"
    assert found.remarks == ()


def test_articles_that_are_divided_otherwise_are_dropped_counted_and_said(tmp_path):
    write(tmp_path, a2=["both in one"], a7=[])
    found = corpora.load_corpus(f"udhr:{tmp_path}", ["en", "he", "zh-Hans"])
    assert found.n_sentences == 52 - 2 - 1
    assert not {"right 2.1", "right 7.1"} & set(found.sentences[0])
    assert found.remarks == (
        f"{tmp_path}: 49 of 52 paragraphs are in all 3 languages; dropped, since "
        "languages divide them differently or lack them: article 2, article 7",
    )
    numbers = [[line.split()[1] for line in text] for text in found.sentences]
    assert numbers[0] == numbers[1] == numbers[2]


@given(
    st.lists(
        st.dictionaries(st.integers(1, 30), st.integers(0, 4), max_size=5),
        min_size=1,
        max_size=3,
    )
)
def test_what_is_kept_is_parallel_and_what_is_dropped_is_counted(all_changes):
    texts = [
        {str(n): tuple("x" * count) for n, count in changes.items() if count}
        | {"preamble": ("x",)}
        for changes in all_changes
    ]
    names = [str(n) for n in range(len(texts))]
    kept, remarks = udhr._shared(names, texts, pathlib.Path("it"))
    for number in {n for text in texts for n in text}:
        lengths = {len(text.get(number, ())) for text in texts}
        assert (number in kept) == (len(lengths) == 1)
    every = {n: max(len(t.get(n, ())) for t in texts) for t in texts for n in t}
    left = sum(len(texts[0][number]) for number in kept)
    assert bool(remarks) == (left < sum(every.values()))
    for remark in remarks:
        assert f"{left} of {sum(every.values())} paragraphs" in remark


def test_articles_numbered_twice_are_left_out(tmp_path):
    path = write(tmp_path) / "udhr_heb.xml"
    text = path.read_text(encoding="utf-8").replace('number="15"', 'number="14"')
    path.write_text(text, encoding="utf-8")
    assert set(udhr.paragraphs(path)) == {
        "preamble",
        *(str(n) for n in range(1, 31) if n not in (14, 15)),
    }


@pytest.mark.parametrize("note", [False, True])
@pytest.mark.parametrize("step", [2, 3])
def test_plain_text_has_the_articles_of_the_xml(tmp_path, step, note):
    parts = declaration("right")
    text = udhr.paragraphs(udhr_text(tmp_path, "eng", parts, step, note=note))
    xml = udhr.paragraphs(udhr_xml(tmp_path, "eng", "en", parts))
    del xml["preamble"]
    assert text == xml


def test_wrapped_articles_of_plain_text_are_left_out(tmp_path):
    parts = declaration("right", a5=["this is", "wrapped"])
    found = udhr.paragraphs(udhr_text(tmp_path, "eng", parts))
    assert len(found) == 29
    assert "5" not in found


def test_xml_is_preferred_to_plain_text(tmp_path):
    udhr_text(tmp_path, "eng", declaration("plain"))
    udhr_xml(tmp_path, "eng", "en", declaration("marked"))
    found = corpora.load_corpus(tmp_path, ["en"])
    assert found.sentences[0][0] == "marked zero"
    assert "as udhr:" in found.remarks[0]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"p": ["only this"]}, r"heb\.xml: has no articles; leave this language out$"),
        ({}, r"heb\.xml: has no articles"),
    ],
)
def test_a_language_without_articles_is_refused(tmp_path, parts, message):
    udhr_xml(tmp_path, "eng", "en", declaration("right"))
    udhr_xml(tmp_path, "heb", "he", parts)
    with pytest.raises(ValueError, match=message):
        corpora.load_corpus(f"udhr:{tmp_path}", ["en", "he"])


def test_languages_without_a_common_article_are_refused(tmp_path):
    udhr_xml(tmp_path, "eng", "en", {"a1": ["one"]})
    udhr_xml(tmp_path, "heb", "he", {"a2": ["two"]})
    with pytest.raises(ValueError, match=r": eng, heb share no article of equal par"):
        corpora.load_corpus(f"udhr:{tmp_path}")


BOMB = (
    '<!DOCTYPE udhr [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
OUTSIDE = '<!DOCTYPE udhr [<!ENTITY a SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize("start", [BOMB, OUTSIDE, "<!DOCTYPE udhr SYSTEM 'x.dtd'>"])
def test_entities_and_document_types_are_refused(tmp_path, start):
    parts = declaration("right", a1=["&c;" if start == BOMB else "right"])
    udhr_xml(tmp_path, "eng", "en", parts, start)
    with pytest.raises(ValueError, match=r"eng\.xml: declares a document type or ent"):
        corpora.load_corpus(f"udhr:{tmp_path}", ["eng"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<udhr", r"eng\.xml: is not well-formed XML: "),
        (b"", r"eng\.xml: is not well-formed XML: "),
        (b"<udhr>\xff</udhr>", r"eng\.xml: is not well-formed XML: "),
        (b"<?xml version='1.0' encoding='nonsense'?><a/>", r"is not well-formed XML"),
        (b"<other/>", r"eng\.xml: has no articles"),
    ],
)
def test_damaged_xml_is_refused(tmp_path, content, message):
    (tmp_path / "udhr_eng.xml").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        corpora.load_corpus(f"udhr:{tmp_path}")


@pytest.mark.parametrize("content", [b"", b"a\n---\nb\n", b"---\n", b"a\nb\n"])
def test_other_plain_text_is_refused(tmp_path, content):
    (tmp_path / "udhr_eng.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"eng\.txt: 0 of 30 articles are laid out as"):
        corpora.load_corpus(f"udhr:{tmp_path}")


def test_text_counted_from_the_wrong_article_is_refused(tmp_path):
    parts = declaration("right")
    shifted = {"p": parts["p"], "a0": ["one more"]} | parts
    path = udhr_text(tmp_path, "eng", shifted)
    assert len(udhr.paragraphs(path)) == 30  # as a note before would have it
    moved = {k: v for k, v in parts.items() if k != "a30"}
    path = udhr_text(tmp_path, "eng", {"p": [], "a0": ["x"]} | moved)
    with pytest.raises(ValueError, match=r"of 30 articles are laid out as the declar"):
        udhr.paragraphs(path)


def test_directories_of_another_kind_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds no udhr_<language>\.xml or \.txt"):
        corpora.load_corpus(f"udhr:{tmp_path}")


def test_names_that_are_no_codes_are_read_by_what_the_file_says(tmp_path):
    udhr_xml(tmp_path, "pes_1", "fa", declaration("haq"))
    udhr_xml(tmp_path, "pes_2", "fa-AF", declaration("hoq"))
    udhr_xml(tmp_path, "007", "cri", declaration("direito"))
    for asked, name in (("fa", "pes_1"), ("prs", "pes_2"), ("cri", "007")):
        assert corpora.load_corpus(f"udhr:{tmp_path}", [asked]).languages == (name,)
    found = corpora.load_corpus(f"udhr:{tmp_path}")
    assert dict(zip(found.languages, found.codes, strict=True)) == {
        "007": "cri",
        "pes_1": "fas_Arab",
        "pes_2": "prs_Arab",
    }
    assert dataclasses.asdict(found.facts)["title"].startswith("Universal")

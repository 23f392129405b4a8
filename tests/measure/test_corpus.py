"""Reading parallel text, refusing what is not parallel, and the embedded corpus."""

import collections
import dataclasses
import itertools
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.measure import corpus as corpora
from tests.measure import tiny

NUMBER = re.compile(r"([0-9]+(?:[.,   ][0-9]{3})*)\s*([万만])?")


def grouped(groups):
    """A corpus of two languages whose sentences say where they stand."""
    return corpora.Corpus(
        languages=("aa", "bb"),
        sentences=tuple(
            tuple(f"{language}{place}" for place in range(len(groups)))
            for language in ("aa", "bb")
        ),
        groups=tuple(groups),
        lines=tuple(range(1, len(groups) + 1)),
        source="made up",
    )


def damaged(directory, **contents):
    """A good corpus in which some files are replaced by other bytes."""
    tiny.write_corpus(directory)
    for name, content in contents.items():
        name = "groups.tsv" if name == "groups" else f"{name}.txt"
        (directory / name).write_bytes(content)
    return directory


def test_lines_are_read_in_order_with_their_groups(tmp_path):
    found = corpora.load_corpus(tiny.write_corpus(tmp_path))
    assert found.languages == ("de", "en", "ru")
    assert found.sentences == tuple(tiny.TEXTS.values())
    assert found.groups == (0, 0, 1, 1, 1, 2, 3, 3)
    assert found.lines == (1, 2, 3, 4, 5, 6, 7, 8)
    assert found.n_sentences == 8
    assert found.source == str(tmp_path)


def test_without_groups_every_sentence_is_its_own(tmp_path):
    found = corpora.load_corpus(tiny.write_corpus(tmp_path, groups=None))
    assert found.groups == tuple(range(8))


def test_languages_are_chosen_in_the_wanted_order(tmp_path):
    found = corpora.load_corpus(tiny.write_corpus(tmp_path), ["ru", "de"])
    assert found.languages == ("ru", "de")
    assert found.sentences == (tiny.TEXTS["ru"], tiny.TEXTS["de"])


def test_text_is_composed_and_marks_and_line_ends_of_other_systems_vanish(tmp_path):
    decomposed = unicodedata.normalize("NFD", "saß für é")
    assert decomposed != "saß für é"
    content = b"\xef\xbb\xbf" + f"  {decomposed}\t\r\nzwei\r\n".encode()
    (tmp_path / "de.txt").write_bytes(content)
    (tmp_path / "en.txt").write_bytes(b"one\ntwo")  # no end of line at the end
    found = corpora.load_corpus(tmp_path)
    assert found.sentences == (("saß für é", "zwei"), ("one", "two"))


def test_digest_follows_text_languages_and_groups(tmp_path):
    one = corpora.load_corpus(tiny.write_corpus(tmp_path / "one"))
    same = corpora.load_corpus(tiny.write_corpus(tmp_path / "same"))
    assert one.digest == same.digest
    changed = tiny.TEXTS | {"ru": (*tiny.TEXTS["ru"][:-1], "Кот.")}
    others = [
        corpora.load_corpus(tiny.write_corpus(tmp_path / "text", changed)),
        corpora.load_corpus(tiny.write_corpus(tmp_path / "group", groups=None)),
        corpora.load_corpus(tmp_path / "one", ["en", "de", "ru"]),
        corpora.keep(one, range(7)),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 5


FULL = "\n".join(tiny.TEXTS["en"]).encode()
ROWS = ["line\tgroup", *(f"{n}\tx" for n in range(1, 9))]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (
            {"en": b"one\ntwo\n"},
            r"en\.txt: has 2 lines, but de\.txt has 8; line n must",
        ),
        ({"ru": FULL + b"\n\n"}, r"ru\.txt: line 9 is empty; remove it in every"),
        ({"en": FULL.replace(b"Yes.", b"")}, r"en\.txt: line 3 is empty"),
        ({"en": FULL.replace(b"Yes.", b" \t ")}, r"en\.txt: line 3 is empty"),
        ({"en": b""}, r"en\.txt: line 1 is empty"),
        ({"de": FULL.replace(b"Yes.", b"\xff")}, r"de\.txt: line 3 is not UTF-8 \("),
        ({"de": FULL.decode().encode("utf-16")}, r"de\.txt: line 1 is not UTF-8"),
        ({"groups": b""}, r"groups\.tsv: line 1 is empty"),
        ({"groups": b"\xff"}, r"groups\.tsv: line 1 is not UTF-8"),
        (
            {"groups": "\n".join(ROWS[:-1]).encode()},
            r"groups\.tsv: lists 7 sentences, but the texts have 8",
        ),
        (
            {"groups": "\n".join([*ROWS, "9\tx"]).encode()},
            r"groups\.tsv: lists 9 sentences, but the texts have 8",
        ),
        (
            {"groups": "\n".join([*ROWS[:3], "4\tx", *ROWS[4:]]).encode()},
            r"groups\.tsv: line 4 must be '3<tab>name of the group'",
        ),
        ({"groups": b"line\tgroup\n1 x\n"}, r"groups\.tsv: line 2 must be '1<tab>"),
        ({"groups": b"line\tgroup\n1\tx\ty\n"}, r"groups\.tsv: line 2 must be '1<tab>"),
    ],
)
def test_damaged_files_are_named_with_the_line(tmp_path, contents, message):
    with pytest.raises(ValueError, match=message) as caught:
        corpora.load_corpus(damaged(tmp_path, **contents))
    assert str(caught.value).startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        (["en", "xx", "yy"], r": no text in xx, yy; allowed: de, en, ru$"),
        (["en", "ru", "en"], r"^languages: en is named more than once$"),
        ([], r"^languages: none named; allowed: de, en, ru$"),
    ],
)
def test_languages_that_cannot_be_chosen(tmp_path, languages, message):
    with pytest.raises(ValueError, match=message):
        corpora.load_corpus(tiny.write_corpus(tmp_path), languages)


def test_languages_are_found_by_other_codes_under_their_own_names(tmp_path):
    found = corpora.load_corpus(tiny.write_corpus(tmp_path), ["rus_Cyrl", "eng-US"])
    assert found.languages == ("ru", "en")
    assert found.codes == ("rus_Cyrl", "eng_Latn")
    own = corpora.load_corpus(tmp_path, ["ru", "en"])
    assert own == found
    assert own.digest == found.digest


def test_documents_are_groups_where_no_groups_are_listed(tmp_path):
    tiny.write_corpus(tmp_path, groups=None)
    names = "\n".join(tiny.GROUPS)
    (tmp_path / "DOCUMENT_IDS.tsv").write_text(names + "\n", encoding="utf-8")
    assert corpora.load_corpus(tmp_path).groups == (0, 0, 1, 1, 1, 2, 3, 3)
    tiny.write_corpus(tmp_path)  # whose own list goes first
    (tmp_path / "DOCUMENT_IDS.tsv").write_text("x\n", encoding="utf-8")
    assert corpora.load_corpus(tmp_path).groups == (0, 0, 1, 1, 1, 2, 3, 3)


def test_a_directory_can_say_what_text_it_is(tmp_path):
    path = tiny.write_corpus(tmp_path) / "corpus.toml"
    path.write_text('title = "Pets"\nlicence = "CC0"\n', encoding="utf-8")
    found = corpora.load_corpus(tmp_path, ["en"])
    assert corpora.described(found) == {
        "title": "Pets",
        "licence": "CC0",
        "domain": None,
        "published": None,
        "unit": "sentence",
        "codes": {"en": "eng_Latn"},
        "remarks": [],
    }
    assert found.digest == dataclasses.replace(found, facts=corpora.Facts()).digest


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"title = ", r"corpus\.toml: is not TOML: "),
        (b"\xff", r"corpus\.toml: line 1 is not UTF-8"),
        (
            b"year = '2020'",
            r"corpus\.toml: year = '2020'; allowed: title, licence, dom",
        ),
        (b"title = 3", r"corpus\.toml: title = 3; allowed: .* in quotation marks$"),
        (b"title = ' '", r"corpus\.toml: title = ' '; allowed"),
    ],
)
def test_damaged_descriptions_are_refused(tmp_path, content, message):
    (tiny.write_corpus(tmp_path) / "corpus.toml").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        corpora.load_corpus(tmp_path)


def test_directories_without_text(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere: no such directory; a corpus is"):
        corpora.load_corpus(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r": holds no <language>\.txt$"):
        corpora.load_corpus(tmp_path)


def test_kept_sentences_stay_aligned():
    found = corpora.keep(grouped([0, 0, 1, 2]), [3, 0])
    assert found.sentences == (("aa3", "aa0"), ("bb3", "bb0"))
    assert found.groups == (2, 0)
    assert found.lines == (4, 1)


@given(
    groups=st.lists(st.integers(0, 4), min_size=1, max_size=20),
    limit=st.integers(1, 25),
)
def test_spreading_takes_from_all_groups_evenly(groups, limit):
    whole = grouped(groups)
    found = corpora.spread(whole, limit)
    assert found.n_sentences == min(limit, len(groups))
    assert list(found.lines) == sorted(set(found.lines))
    places = [line - 1 for line in found.lines]
    assert found == corpora.keep(whole, places)
    available, taken = collections.Counter(groups), collections.Counter(found.groups)
    for group, other in itertools.permutations(available, 2):
        # nobody gives two more than another who has some left
        assert taken[group] <= taken[other] + 1 or taken[other] == available[other]
    for group in available:
        own = [place for place, g in enumerate(groups) if g == group]
        assert [p for p in places if groups[p] == group] == own[: taken[group]]


@pytest.mark.parametrize("limit", [0, -3])
def test_spreading_keeps_at_least_one_sentence(limit):
    with pytest.raises(
        ValueError, match=rf"^limit must be at least 1 sentence, got {limit}$"
    ):
        corpora.spread(grouped([0]), limit)


def test_the_embedded_corpus_is_parallel_and_composed():
    found = corpora.load_corpus()
    assert found.source == "embedded"
    assert found.facts.licence == "Apache-2.0"
    assert len(found.languages) == 16
    assert found.n_sentences == 128
    assert collections.Counter(found.groups) == dict.fromkeys(range(16), 8)
    for name, lines in zip(found.languages, found.sentences, strict=True):
        raw = (corpora.EMBEDDED / f"{name}.txt").read_bytes().decode("utf-8")
        assert raw == "\n".join(lines) + "\n"  # so nothing was changed in reading
        assert raw == unicodedata.normalize("NFC", raw)
        assert all(line == line.strip() != "" for line in lines)
        repeated = [x for x, n in collections.Counter(lines).items() if n > 1]
        assert not repeated, name


def numbers(line):
    """Numbers in ASCII digits, with thousands as 30,000, 30.000, 30 000 or 3万."""
    return sorted(
        int(re.sub(r"\D", "", digits)) * (10_000 if unit else 1)
        for digits, unit in NUMBER.findall(line)
    )


def test_thousands_are_understood():
    assert (
        numbers("30,000 30.000 30 000 3万 3만 1998, 180.") == [180, 1998] + [30_000] * 5
    )


def test_the_embedded_corpus_has_the_same_numbers_in_every_language():
    found = corpora.load_corpus()
    by_line = [
        {name: numbers(text[line]) for name, text in zip(*pair, strict=True)}
        for pair in [(found.languages, found.sentences)]
        for line in range(found.n_sentences)
    ]
    different = [
        (line, numbers_of)
        for line, numbers_of in enumerate(by_line, start=1)
        if any(n != numbers_of["en"] for n in numbers_of.values())
    ]
    assert not different
    assert sum(bool(numbers_of["en"]) for numbers_of in by_line) >= 4

"""The pairs that come with the package are well formed, and others are checked."""

import collections
import unicodedata

import pytest

from jaxdisp.measure import minimal_pairs

LANGUAGES = ("ar", "de", "en", "es", "fi", "fr", "he", "hi", "ru", "sw", "tr")
SCRIPTS = {"ar": "ARABIC", "he": "HEBREW", "hi": "DEVANAGARI", "ru": "CYRILLIC"}
PUNCTUATION = {"de": ",", "fr": "'"}
HEADER = "\t".join(minimal_pairs.HEADER)


def write(directory, *lines):
    path = directory / "xx.tsv"
    path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return directory


def test_languages_are_those_with_a_file():
    assert minimal_pairs.languages_with_pairs() == LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_pairs_are_enough_and_various(language):
    pairs = minimal_pairs.load_pairs([language])
    units = minimal_pairs.unit_numbers(pairs)
    assert len(pairs) >= 40
    assert len(set(units.tolist())) >= 20
    assert len({pair.phenomenon for pair in pairs}) >= 2
    assert len({pair.prefix for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("language", LANGUAGES)
def test_attributes_have_two_values_in_balance(language):
    values = collections.defaultdict(collections.Counter)
    for pair in minimal_pairs.load_pairs([language]):
        values[pair.attribute][pair.value] += 1
    for counts in values.values():
        assert len(counts) == 2
        assert len(set(counts.values())) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_units_share_phenomenon_and_hold_both_values(language):
    pairs = minimal_pairs.load_pairs([language])
    units = collections.defaultdict(list)
    for pair, unit in zip(pairs, minimal_pairs.unit_numbers(pairs), strict=True):
        units[int(unit)].append(pair)
    for members in units.values():
        assert len({(pair.phenomenon, pair.attribute) for pair in members}) == 1
        assert len({pair.value for pair in members}) == 2
        # whatever demands a form demands it in every pair of the unit
        assert len({(pair.value, pair.correct) for pair in members}) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_is_clean_and_in_its_script(language):
    path = minimal_pairs.PAIRS / f"{language}.tsv"
    raw = path.read_text(encoding="utf-8")
    assert raw == unicodedata.normalize("NFC", raw)
    assert "  " not in raw
    assert "\r" not in raw
    script = SCRIPTS.get(language, "LATIN")
    for line in raw.rstrip("\n").split("\n")[1:]:
        prefix, correct, wrong, *_ = line.split("\t")
        assert all(cell == cell.strip() for cell in line.split("\t"))
        assert " " not in correct + wrong
        for letter in prefix + correct + wrong:
            known = unicodedata.name(letter).split()[0] == script
            assert known or letter in " " + PUNCTUATION.get(language, ""), line


def test_readme_counts_them():
    text = (minimal_pairs.PAIRS / "README.md").read_text(encoding="utf-8")
    total = [0, 0]
    for language in LANGUAGES:
        pairs = minimal_pairs.load_pairs([language])
        n_units = len(set(minimal_pairs.unit_numbers(pairs).tolist()))
        row = next(line for line in text.split("\n") if f"`{language}.tsv`" in line)
        assert row.split("|")[3:5] == [f" {len(pairs)} ", f" {n_units} "]
        total = [total[0] + len(pairs), total[1] + n_units]
    assert f"{total[0]} pairs in eleven languages, in {total[1]} mirrored units" in text


def test_units_are_of_one_language_and_two_forms(tmp_path):
    write(
        tmp_path,
        "a\tx\ty\tp\tn=1",
        "b\ty\tx\tp\tn=2",
        "c\tx\tz\tp\tn=1",
        "d\tz\tx\tp\tn=2",
    )
    (tmp_path / "yy.tsv").write_text((tmp_path / "xx.tsv").read_text())
    pairs = minimal_pairs.load_pairs(["yy", "qq", "xx"], tmp_path)
    assert [pair.language for pair in pairs] == ["yy"] * 4 + ["xx"] * 4
    assert minimal_pairs.unit_numbers(pairs).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_wrong_header_is_refused(tmp_path):
    (tmp_path / "xx.tsv").write_text("prefix\tright\twrong\n")
    with pytest.raises(ValueError, match=r"xx\.tsv: line 1 must name prefix, correct"):
        minimal_pairs.load_pairs(["xx"], tmp_path)


@pytest.mark.parametrize(
    "line", ["a\tx\ty\tp", "a\tx\tx\tp\tn=1", "a\tx\ty\tp\tn", "a\tx\ty\tp\tn=1=2"]
)
def test_a_malformed_line_is_refused(tmp_path, line):
    write(tmp_path, "a\tx\ty\tp\tn=1", line)
    with pytest.raises(ValueError, match=r"xx\.tsv: line 3 must be a prefix, two"):
        minimal_pairs.load_pairs(["xx"], tmp_path)


def test_forms_out_of_balance_are_refused(tmp_path):
    write(tmp_path, "a\tx\ty\tp\tn=1", "b\ty\tx\tp\tn=2", "c\ty\tx\tp\tn=2")
    with pytest.raises(ValueError, match=r"x and y must each be right in as many"):
        minimal_pairs.load_pairs(["xx"], tmp_path)

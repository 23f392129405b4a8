"""Codes of languages: which are the same, which a user means, and which are traps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.measure.corpora import codes
from jaxdisp.measure.corpora.chosen import choose

# ISO 639-1, ISO 639-3, the code with a script of FLORES-200, and that of NTREX-128,
# each copied from its own list by hand.
SAME = [
    ("en", "eng", "eng_Latn", "eng-US"),
    ("he", "heb", "heb_Hebr", "heb"),
    ("zh", "zho", "zho_Hans", "zho-CN"),
    ("zh-Hant", "zho_Hant", "cmn_Hant", "zho-TW"),
    ("ar", "ara", "arb_Arab", "arb"),
    ("fa", "fas", "pes_Arab", "fas"),
    ("sw", "swa", "swh_Latn", "swa"),
    ("no", "nor", "nob_Latn", "nob"),
    ("nb", "nob", "nob_Latn", "nob"),
    ("nn", "nno", "nno_Latn", "nno"),
    ("sr", "srp", "srp_Cyrl", "srp-Cyrl"),
    ("sr-Latn", "srp_Latn", "sr_Latn", "srp-Latn"),
    ("ms", "msa", "zsm_Latn", "msa"),
    ("mn", "mon", "khk_Cyrl", "mon"),
    ("lv", "lav", "lvs_Latn", "lav"),
    ("ne", "nep", "npi_Deva", "nep"),
    ("az", "aze", "azj_Latn", "aze-Latn"),
    ("uz", "uzb", "uzn_Latn", "uzb"),
    ("sq", "sqi", "als_Latn", "sqi"),
    ("yi", "yid", "ydd_Hebr", "yid"),
    ("tg", "tgk", "tgk_Cyrl", "tgk-Cyrl"),
    ("pt", "por", "por_Latn", "por-BR"),
    ("yue", "yue", "yue_Hant", "yue"),
    ("prs", "prs", "prs_Arab", "fa-AF"),
    ("iw", "heb", "heb_Hebr", "heb"),
    ("tl", "fil", "tgl_Latn", "fil"),
]
DIFFERENT = [
    ("zh", "zho-TW"),
    ("zh", "yue"),
    ("sr", "srp-Latn"),
    ("sr", "hrv"),
    ("no", "nn"),
    ("ar", "arz_Arab"),
    ("ar", "arb_Latn"),
    ("fa", "prs"),
    ("az", "azb_Arab"),
    ("ku", "ckb-Arab"),
    ("en", "de"),
    ("en", "words"),
    ("xx", "en"),
    ("und", "en"),
]
ALL = sorted({name for row in SAME for name in row})


@pytest.mark.parametrize("row", SAME, ids=lambda row: row[0])
def test_codes_of_one_language_are_the_same(row):
    for one in row:
        for other in row:
            assert codes.same_language(one, other), (one, other)
            assert codes.same_language(one.upper(), other.replace("_", "-"))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_other_languages_and_scripts_are_not(one, other):
    assert not codes.same_language(one, other)
    assert not codes.same_language(other, one)


@given(a=st.sampled_from(ALL), b=st.sampled_from(ALL), c=st.sampled_from(ALL))
def test_being_the_same_is_an_equivalence_where_scripts_are_known(a, b, c):
    assert codes.same_language(a, a)
    assert codes.same_language(a, b) == codes.same_language(b, a)
    if codes.same_language(a, b) and codes.same_language(b, c):
        assert codes.same_language(a, c)
    assert codes.same_language(a, b) == (codes.tag(a) == codes.tag(b))


@given(st.text(max_size=12))
def test_any_text_can_be_read_or_not(text):
    code = codes.read(text)
    assert codes.same_language(text, text)
    assert codes.tag(text) == text or code is not None


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("he", "heb_Hebr"),
        ("zh-CN", "zho_Hans"),
        ("zho-TW", "zho_Hant"),
        ("eng-GB", "eng_Latn"),
        ("prs", "prs_Arab"),
        ("mey", "mey"),  # CLDR does not know how it is written
        ("mey-Arab", "mey_Arab"),
        ("words", "words"),
    ],
)
def test_codes_are_written_with_their_script(name, tag):
    assert codes.tag(name) == tag


NTREX = {
    name: name
    for name in (
        *("eng", "eng-GB", "eng-US", "heb", "zho-CN", "zho-TW", "srp-Cyrl"),
        *("srp-Latn", "nob", "nno", "arb", "fas", "prs", "por", "por-BR", "mey"),
        *("deu_1901", "deu_1996", "gsw-BE"),
    )
}


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("en", "eng"),
        ("ENG", "eng"),
        ("eng_Latn", "eng"),
        ("en-AU", "eng"),
        ("en-US", "eng-US"),
        ("eng_us", "eng-US"),
        ("he", "heb"),
        ("zh-CN", "zho-CN"),
        ("zh-Hans", "zho-CN"),
        ("zho_Hant", "zho-TW"),
        ("sr-Latn", "srp-Latn"),
        ("no", "nob"),
        ("ar", "arb"),
        ("fa", "fas"),
        ("pes", "fas"),
        ("fa-AF", "prs"),
        ("pt", "por"),
        ("pt-PT", "por"),
        ("pt-BR", "por-BR"),
        ("mey_Arab", "mey"),
        ("de-1996", "deu_1996"),
    ],
)
def test_any_code_finds_the_own_name_of_a_collection(asked, meant):
    assert codes.fitting(asked, NTREX) == [meant]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("zh", ["zho-CN", "zho-TW"]),
        ("sr", ["srp-Cyrl", "srp-Latn"]),
        ("de", ["deu_1901", "deu_1996"]),
    ],
)
def test_a_code_that_may_mean_several_is_ambiguous(asked, names):
    assert codes.fitting(asked, NTREX) == names
    with pytest.raises(ValueError, match=f"^it: {asked} may be {', '.join(names)}; na"):
        choose([asked], NTREX, "it")


@pytest.mark.parametrize("asked", ["xx", "uz", "gsw-ZH", "az", "en_Cyrl", "zh-Latn"])
def test_what_is_not_there_is_not_found(asked):
    assert codes.fitting(asked, NTREX) == []


def test_of_many_languages_the_nearest_are_named():
    many = NTREX | {f"x-{n}": f"x-{n}" for n in range(20)}
    message = r"^it: no text in sr_Arab, hbe; nearest of 39: srp-Cyrl, srp-Latn, .*heb"
    with pytest.raises(ValueError, match=message):
        choose(["sr_Arab", "hbe"], many, "it")
    with pytest.raises(
        ValueError, match=r"no text in qqqqq; nearest of 39: eng, .*\.$"
    ):
        choose(["qqqqq"], many, "it")


def test_one_language_is_not_taken_twice():
    with pytest.raises(
        ValueError, match=r"^languages: eng is named more than once \(as en too\)$"
    ):
        choose(["eng", "en"], NTREX, "it")


def test_tables_are_looked_up_by_any_code():
    table = {"en": 1, "zh": 2, "pt": 3, "sr-Latn": 4, "words": 5, "no": 6}
    names = ["eng", "eng-US", "zho-CN", "zho-TW", "por-BR", "srp-Cyrl", "words", "nob"]
    found = codes.matched(table, names)
    assert found == {
        "eng": 1,
        "eng-US": 1,
        "zho-CN": 2,
        "por-BR": 3,
        "words": 5,
        "nob": 6,
    }
    assert codes.matched({"pt-BR": 1, "pt-PT": 2}, ["pt", "pt-PT", "pt_AO"]) == {
        "pt-PT": 2
    }

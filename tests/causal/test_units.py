"""Units: what is read, what is left out and said, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.causal import units
from tests.causal import drawn_units

HEADER = "language,sentence,T,A,R,D,x\n"


def written(tmp_path, text):
    path = tmp_path / "units.csv"
    path.write_text(text, encoding="utf-8")
    return path


def as_text(rows):
    names = list(rows[0])
    lines = [",".join(names)]
    lines += [",".join(str(row[name]) for name in names) for row in rows]
    return "\n".join(lines) + "\n"


def test_a_table_is_read_as_it_was_written(tmp_path):
    rows = drawn_units.table(n_languages=3, n_sentences=4)
    found = units.read_units(written(tmp_path, as_text(rows)))
    assert found.languages == ("l0", "l1", "l2")
    assert found.covariates == ("x",)
    assert found.repeated
    assert found.dropped == found.notes == ()
    for name in ("T", "A", "R", "D", "x"):
        np.testing.assert_array_equal(found.columns[name], [row[name] for row in rows])


def test_rows_with_missing_values_are_dropped_and_listed(tmp_path):
    rows = drawn_units.table(n_languages=3, n_sentences=8)
    rows[1]["A"] = ""
    rows[9]["D"] = "nan"
    rows[17]["x"] = "inf"
    found = units.read_units(written(tmp_path, as_text(rows)))
    assert len(found.language) == 21
    assert found.dropped == (
        "row 3 (l0, 1): A is missing",
        "row 11 (l1, 1): D is nan",
        "row 19 (l2, 1): x is inf",
    )


@given(st.sets(st.integers(0, 39), max_size=15))
def test_what_is_kept_and_what_is_dropped_is_all_there_is(gone):
    rows = drawn_units.table(n_languages=4, n_sentences=10)
    for place in gone:
        rows[place]["R"] = None
    found = units.make_units(rows)
    assert len(found.language) + len(found.dropped) == 40
    assert len(found.dropped) == len(gone)


def test_words_become_columns_of_zero_and_one():
    rows = drawn_units.table(n_languages=4, n_sentences=5)
    scripts = {"l0": "Latn", "l1": "Latn", "l2": "Arab", "l3": "Hebr"}
    rows = [row | {"script": scripts[row["language"]], "group": 1} for row in rows]
    found = units.make_units(rows)
    assert found.covariates == ("x", "script=Arab", "script=Hebr")
    np.testing.assert_array_equal(
        found.columns["script=Arab"], [row["script"] == "Arab" for row in rows]
    )


def test_a_constant_covariate_is_left_out_and_noted():
    rows = [row | {"tap": 6} for row in drawn_units.table(n_sentences=3)]
    found = units.make_units(rows)
    assert found.covariates == ("x",)
    assert found.notes == ("constant covariates were left out: tap",)


def test_an_optional_covariate_that_others_determine_is_left_out_and_noted():
    rows = [row | {"y": 2 * row["x"] + 1} for row in drawn_units.table(n_sentences=3)]
    found = units.make_units(rows, optional=("y",))
    assert found.covariates == ("x",)
    assert found.notes == ("y is a linear function of x and was left out",)


def test_one_sentence_per_language_is_not_repeated():
    assert not drawn_units.make(n_languages=20, n_sentences=1).repeated


def changed(**values):
    return [row | values for row in drawn_units.table(n_languages=3, n_sentences=6)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "lacks column language, sentence, T, A, R, D; needed are"),
        ([{"language": "a", "T": 1}], "lacks column sentence, A, R, D"),
        (changed(T=0.5), "T is constant (0.5) in all rows"),
        (changed(D="much"), "row 1 (l0, 0): D is 'much', not a number"),
        (changed(sentence=1), "l0 has sentence 1 twice"),
        (
            drawn_units.table(n_languages=2),
            "holds 2 languages; needed are at least 3",
        ),
        (
            drawn_units.table(n_languages=3, n_sentences=1),
            "3 rows are too few for 5 variables; needed are at least 8",
        ),
        (
            [row | {"y": 3 - 2 * row["T"]} for row in drawn_units.table()],
            "y is a linear function of T; leave one of them out",
        ),
        (
            [row | {"R": row["T"] + row["A"]} for row in drawn_units.table()],
            "R is a linear function of T, A; leave one of them out",
        ),
        (
            [row | {"w": f"w{row['sentence']}"} for row in drawn_units.table()],
            "w has 40 different words; allowed are 12",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_line(rows, message):
    with pytest.raises(ValueError, match=r"[a-z]") as caught:
        units.make_units(rows)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_of_words_where_a_number_is_needed_is_named():
    rows = drawn_units.table()
    rows[3]["A"] = "x"
    with pytest.raises(ValueError, match=r"row 4 \(l0, 3\): A is 'x', not a number"):
        units.make_units(rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("language,sentence,T,T,A,R,D\n", "column T is there twice"),
        (HEADER + "a,1,2,3\n", "line 2 has another number of fields"),
        (HEADER + "a,1,2,3,4,5,6,7\n", "line 2 has another number of fields"),
        ("", "lacks column language"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=message) as caught:
        units.read_units(path)
    assert str(caught.value).startswith(str(path))


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        units.read_units(tmp_path / "none.csv")
    path = tmp_path / "units.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="no table of comma-separated values"):
        units.read_units(path)

"""Lines for a terminal: the answer first, honest, and never wider than it."""

import pytest

from jaxdisp.report.causes import answer, lines, numbers, ways
from tests.report.causes import made_up_causes


def text(found):
    return "\n".join(lines.lines(found))


def said(found):
    return answer.answer(found).removeprefix(answer.QUESTION).strip()


def with_verdicts(*verdicts, of_mediators="inconclusive", **of_fit):
    beside = made_up_causes.confrontation(verdicts, of_mediators)
    return made_up_causes.fitted(**of_fit) | {"confrontation": beside}


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (with_verdicts("holds", "holds", "holds"), "Yes:"),
        (with_verdicts("holds", "inconclusive", "holds"), "Not shown:"),
        (with_verdicts("fails", "holds", "holds"), "No, not"),
        (with_verdicts("holds", "holds", "fails"), "No, not"),
        (with_verdicts(*3 * ["holds"], of_mediators="fails"), "No, not"),
        (with_verdicts(*3 * ["holds"], indirect=0.5), "No, not"),
        (with_verdicts(*3 * ["holds"], half=1.0), "Not shown:"),
        (with_verdicts(*3 * ["holds"], link="reciprocal"), "Not inferred:"),
        (with_verdicts(*3 * ["holds"], problems=["R-hat"]), "No answer:"),
        (made_up_causes.fitted(), "The data are compatible with it, no more:"),
        (made_up_causes.fitted(half=1.0), "Not shown:"),
        (made_up_causes.fitted(indirect=0.5), "No, not"),
    ],
)
def test_the_answer_says_no_more_than_is_known(found, word):
    assert said(found).startswith(word)


def test_one_variable_set_alone_is_not_enough_for_yes():
    found = with_verdicts("holds", "holds", "holds")
    beside = found["confrontation"]
    beside["arrows"] = [row for row in beside["arrows"] if "do(T)" in row["arrow"]]
    assert said(found).startswith("Not shown:")


def test_the_answer_names_who_said_what():
    found = with_verdicts("fails", "inconclusive", "holds", of_mediators="fails")
    assert said(found).endswith(
        "D changes as predicted: do(R); not as predicted: do(T)>A, do(T)>R, do(T), "
        "do(A)>R; undecided: do(A)."
    )
    assert "the part through A and R is not 0, -0.50 [-0.75, -0.25]" in said(found)


def test_an_effect_that_no_arrow_allows_is_not_called_none():
    found = made_up_causes.fitted()
    kept = ("total", "natural_direct", "natural_indirect", "controlled_direct")
    found["effects"] = [row for row in found["effects"] if row["name"] in kept]
    assert "no allowed path leads from T to D through A or R" in said(found)


def test_all_parts_are_there_and_fit_the_terminal():
    found = made_up_causes.everything()
    shown = lines.lines(found)
    assert max(map(len, shown)) <= lines.WIDTH
    assert len(shown) <= 65
    whole = "\n".join(shown)
    assert whole.startswith(answer.QUESTION[:60])
    for part in (
        "log link, 3 languages, 30 rows",
        "note: a note",
        "2 rows were left out: line 3: D is missing; line 9: A is missing",
        "T relative to en, A of states after 6 layers, interventions on 8 sentences",
        "proportion_mediated",
        "chains agree: R-hat at most 1.004, at least 512 effective draws",
        "priors let variables spread 0.5 to 8 times as much",
        "of the arrows into D R>D is the hardest to overturn",
        "moves both by about 0.38 SD",
        "T>R: slopes within languages and between them differ",
        "do(T) with A put back on the model",
        "share 0.25 [0.19, 0.31]",
        "no share: R was not clamped",
        "predicted no better than by the mean",
        "T+A+R and covariates 0.25 [-0.50, 0.75]",
        "as good as full on these data",
        "refused, front door: no path",
    ):
        assert part in " ".join(line.strip() for line in shown), part
    assert "do(A)>D  away from reference's sentence 0.5" in whole


def test_interventions_alone_are_shown_with_their_placebos():
    shown = lines.lines(made_up_causes.carried_out())
    assert shown[0].startswith("Change of D in nats per sentence. do(T), merge dropout")
    assert max(map(len, shown)) <= lines.WIDTH
    rows = [line for line in shown if "->" in line]
    assert len(rows) == 6
    assert rows[0].startswith("do(T)  merge dropout 0.1")
    assert rows[1].strip().startswith("other pieces")
    assert "chains agree" not in "\n".join(shown)


def test_a_fit_alone_speaks_of_no_intervention():
    shown = text(made_up_causes.fitted())
    assert "nothing was carried out that could refute it" in " ".join(shown.split())
    assert "verdict" not in shown
    assert "T relative to" not in shown


def test_nothing_is_said_of_nothing():
    assert lines.lines({}) == ["Nothing was fitted, and nothing was carried out."]


def test_disagreeing_chains_leave_no_verdict():
    found = made_up_causes.everything(
        diagnostics=made_up_causes.fitted(problems=["R-hat is 1.5"])["diagnostics"],
        refused=[{"what": "verdicts", "reason": "R-hat is 1.5"}],
    )
    shown = text(found)
    assert shown.count("R-hat is 1.5") == 1
    assert "no verdict: R-hat is 1.5" in shown
    assert "chains agree" not in shown
    assert "holds" not in shown
    assert "refused" in shown


@pytest.mark.parametrize(
    ("r2", "p_value", "word"),
    [(0.5, 0.01, "better"), (0.5, 0.03, "no better"), (-0.5, 0.01, "no better")],
)
def test_prediction_is_better_only_beyond_chance_in_all_tries(r2, p_value, word):
    # three rows are tried, so that 0.05 / 3 is asked for
    found = made_up_causes.fitted()
    found["held_out"] = made_up_causes.held_out(r2, p_value)
    assert f"are predicted {word} than by the mean" in text(found)


def test_long_lists_are_cut_and_counted():
    found = made_up_causes.fitted()
    found["dropped"] = [f"line {number}" for number in range(20)]
    found["refused"] = [{"what": str(n), "reason": "r"} for n in range(9)]
    shown = text(found)
    assert "20 rows were left out: line 0;" in shown
    assert "line 5; and 14 more" in shown
    assert "and 3 more, in results.json" in shown


def test_numbers_have_digits_for_their_size():
    def one(value):
        row = {"median": value, "low": value, "high": value}
        return numbers.written(row).split()[0]

    values = (0.0, 0.00012, 0.0123, -0.5, 9.876, 12.34, -1234.5)
    shown = ["0.00", "0.0001", "0.012", "-0.50", "9.88", "12.3", "-1234"]
    assert [one(value) for value in values] == shown
    assert numbers.written({"median": None, "low": None, "high": None}) == "-"
    tiny = {"median": -1e-9, "low": -0.25, "high": 0.5}
    assert numbers.written(tiny) == "0.00 [-0.25, 0.50]"


def test_placebos_belong_to_what_they_follow():
    way, placebo = {"placebo": False}, {"placebo": True}
    pairs = ways.paired([placebo, way, placebo, placebo, way])
    assert pairs == [(way, [placebo, placebo]), (way, [])]
    assert ways.placebo_name("random direction, as to it") == "random direction"
    assert ways.named("R", "projection, 0.9 of the variance kept", 77.0) == (
        "projection, 0.9 of the variance kept"
    )
    assert ways.named("A", "reference's mean", 0.5) == "to reference's mean 0.5"


def test_an_interval_that_holds_none_as_it_is_needs_no_cause():
    found = made_up_causes.fitted()
    found["sensitivity"]["coefficients"][-1]["robustness_value_05"] = 0.0
    assert "its interval holds 0 as it is" in " ".join(text(found).split())

import dataclasses

from jaxdisp.report.hypotheses import lines
from tests.report.hypotheses import made_up_experiments


def findings():
    found = []
    for experiment in made_up_experiments.EXPERIMENTS[1:]:
        found += experiment.run(None).findings
    made_up = found[0]
    small = dataclasses.replace(
        made_up, estimate=-0.003, interval=(-0.004, -0.002), verdict="fails"
    )
    large = dataclasses.replace(made_up, estimate=0.5, interval=None, verdict="holds")
    return [dataclasses.asdict(row) for row in (large, small, made_up)]


def test_estimates_have_digits_enough():
    assert [lines.estimate(row) for row in findings()] == [
        "0.50 [no interval]",
        "-0.0030 [-0.0040, -0.0020]",
        "-",
    ]


def test_lines_have_every_statement_verdict_and_reason():
    found = {"findings": findings(), "experiments": [], "corrected": []}
    text = "\n".join(lines.lines(found))
    assert text.count("made-up: made-up is so.") == 3
    assert "    not applicable: needs 10 layers, got 3" in text
    assert text.endswith("3 claims: 1 holds, 1 fails, 1 not applicable.")
    assert max(len(line) for line in text.split("\n")) <= lines.WIDTH


def test_what_is_lost_by_correction_is_named():
    names = ("benjamini_hochberg", "holm")
    rows = [
        {"id": "a", "verdict": "holds"} | dict(zip(names, (0.01, 0.02), strict=True)),
        {"id": "b", "verdict": "holds"} | dict(zip(names, (0.04, 0.2), strict=True)),
        {"id": "c", "verdict": "holds"} | dict(zip(names, (0.06, 0.3), strict=True)),
        {"id": "d", "verdict": "fails"} | dict(zip(names, (0.01, 0.01), strict=True)),
    ]
    assert lines.after_correction(rows) == (
        "Corrected for all 4 findings with an interval: of 3 that hold, 2 do at a "
        "false discovery rate of 5 %, 1 at a 5 % chance of any error. Lost: c."
    )
    assert lines.after_correction(rows[3:]) == ""

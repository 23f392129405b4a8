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
    text = "\n".join(lines.lines({"findings": findings(), "experiments": []}))
    assert text.count("made-up: made-up is so.") == 3
    assert "    not applicable: needs 10 layers, got 3" in text
    assert text.endswith("3 claims: 1 holds, 1 fails, 1 not applicable.")
    assert max(len(line) for line in text.split("\n")) <= lines.WIDTH

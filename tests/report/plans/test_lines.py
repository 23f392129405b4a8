"""Plans as text."""

import copy

from jaxdisp.report.plans import lines
from jaxdisp.report.plans.plan import content
from tests.report.plans import made_up_plan


def plan(**changes):
    return content(made_up_plan.plan(made_up_plan.model(), **changes))


WORST = {"worst": 2.0, "worst_low": 1.0, "worst_high": 3.0, "worst_language": "en"}
PREDICTED = made_up_plan.PREDICTED | WORST
BASE = WORST | {"worst": 4.0, "worst_language": "ru", "bytes": 4_000_000}
FULL = {
    "bytes": 5_000_000,
    "full_bytes": 9_500_000,
    "saved_worst": 2.0,
    "saved_worst_low": 1.5,
    "saved_worst_high": None,
    "unprotected": BASE,
}


def test_what_is_protected_is_named():
    assert lines.what(plan()) == (
        "layers 0 2 in 3 bits, symmetric grid, per tensor, matrices; layer 1 in full "
        "precision; 2 modules otherwise"
    )
    assert lines.what(plan(assignment=(0, 0, 0), exceptions={})) == (
        "all layers in full precision"
    )


def test_what_it_costs_is_said_with_intervals():
    assert lines.cost(PREDICTED | FULL) == (
        "5.0 MB, 4.0 MB with nothing protected, 9.5 MB in full precision. The worst "
        "language, en, loses 2.00 [1.00, 3.00] nats per sentence, of 1 sentences; with "
        "nothing protected ru loses 4.00 [1.00, 3.00], 2.00 [no interval] more."
    )
    assert lines.cost(PREDICTED).endswith("of 1 sentences.")


def test_a_run_says_how_to_deploy_it():
    said = lines.of_run(plan(chosen={"sentence": "Because."}))
    assert said[-2:] == [
        "Because.",
        "Deploy it: jaxdisp quantize --plan RUN/plan.json --out DIR",
    ]


def test_everything_is_shown():
    found = plan(predicted=PREDICTED | FULL)
    said = "\n".join(lines.shown(found))
    assert "gpt2, 3 layers" in said
    for name in found["exceptions"]:
        assert f"  {name}: " in said
    assert "unprotected" not in said
    more = copy.deepcopy(found)
    for row in more["predicted"]["languages"]:
        row |= {f"unprotected_d_sent{end}": 1.0 for end in ("", "_low", "_high")}
    assert "unprotected [95 %]" in "\n".join(lines.shown(more))
    assert "nobody measured it" in "\n".join(lines.shown(plan()))


def test_a_check_says_whether_losses_agree():
    row = {
        "language": "en",
        "loss_per_token": 2.5,
        "predicted_per_token": 2.5,
        "difference_per_token": 2e-5,
    }
    found = {
        "languages": [row],
        "largest_per_token": 2e-5,
        "largest_per_sentence": 3e-4,
        "tolerance": 1e-4,
        "agrees": True,
    }
    said = "\n".join(lines.check_lines(found))
    assert "agree with those predicted: by 2.0e-05 nats per token" in said
    assert "differ from" in "\n".join(lines.check_lines(found | {"agrees": False}))

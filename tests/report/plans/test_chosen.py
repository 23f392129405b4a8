"""Which set is recommended, and what is said of the choice."""

import functools as ft

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.cube import Evaluation
from jaxdisp.report.plans import chosen, predicted
from jaxdisp.report.plans import plan as plans
from jaxdisp.report.search_lattice import Search
from tests.models import small
from tests.report import tiny_search
from tests.search import tiny_sweep


def row(assignment, rank, n_bytes=100, *, among_best=True, rank_high=9):
    return {
        "assignment": assignment,
        "layers": [n for n, version in enumerate(assignment) if not version],
        "rank": rank,
        "rank_high": rank_high,
        "bytes": n_bytes,
        "among_best": among_best,
        "objective": 1.5,
    }


def search(*rows):
    return {"sets": list(rows), "objective": "worst", "quantizers": []}


def test_the_first_by_rank_is_recommended():
    rows = [row([0, 1], 0), row([1, 0], 2), row([0, 1], 1), row([1, 1], 3)]
    assert chosen.recommended(search(*rows)) is rows[2]


def test_of_equal_ranks_the_smaller_is_recommended():
    rows = [row([0, 1], 1, 300), row([1, 0], 1, 200)]
    assert chosen.recommended(search(*rows)) is rows[1]


def test_where_nothing_limits_the_size_the_smallest_of_the_best_is_recommended():
    rows = [
        row([0, 0], 1, 400),
        row([0, 1], 2, 300),
        row([1, 0], 3, 250),
        row([1, 1], 4, 200, among_best=False),
    ]
    assert chosen.recommended(search(*rows)) is rows[2]
    assert chosen.recommended(search(*rows[1:])) is rows[1]


def test_without_a_rank_nothing_is_recommended():
    assert chosen.recommended(search(row([0, 1], 0))) is None


N = 12
CORPUS = Corpus(
    languages=("en", "ru"),
    sentences=(("a",) * N,) * 2,
    groups=tuple(range(N)),
    lines=tuple(range(1, N + 1)),
    source="made up",
)


def losses(saved, noise=0.1):
    """Losses in which protecting saves so much, in every sentence, but for noise."""
    drawn = small.normal("noise", (2, N)) * noise
    full = 50 + small.normal("full", (2, N))
    unprotected = full + np.array([[2.0], [5.0]]) + 0 * drawn
    nll = np.stack([full, unprotected, unprotected - saved + drawn])
    ones = jnp.ones((2, N), int)
    return Evaluation(
        nll=jnp.asarray(nll.astype(np.float32)), n_tokens=ones, n_bytes=ones
    )


def described(found, lines, *rows):
    basis = chosen.Basis(searched=search(*rows), row=rows[0], lines=lines)
    return chosen.described(basis, CORPUS, found, predicted.How())


ROWS = (row([0, 1], 1, rank_high=2), row([1, 0], 2), row([1, 1], 3, among_best=False))


def test_what_is_saved_is_measured_on_other_sentences():
    found = described(losses(1.0, noise=0.0), (1, 3, 5), *ROWS)
    assert found["held_out"] == {
        "sentences": 9,
        "objective": pytest.approx(4.0, abs=1e-4),
        "unprotected": pytest.approx(5.0, abs=1e-4),
        "saved": pytest.approx(1.0, abs=1e-4),
        "saved_low": pytest.approx(1.0, abs=1e-4),
        "saved_high": pytest.approx(1.0, abs=1e-4),
    }
    expected = {"by": "worst", "from": 3, "sentences": 3, "among_best": 2, "worse": 1}
    assert expected.items() <= found.items()
    assert found["sentence"] == (
        "Protecting {0} gives the smallest loss of the worst language of 3 sets, "
        "measured on 3 sentences: 2 of them are not distinguishable from the best, and "
        "it is better above noise than 1. On the 9 sentences that had no part in the "
        "choice it is 4.00 nats per sentence instead of 5.00 with nothing protected "
        "(1.50 on those that had): +1.00 [+1.00, +1.00] saved."
    )


def test_sentences_that_it_was_chosen_by_do_not_count():
    """Where luck is planted in these alone, nothing is said to be saved."""
    found = losses(0.0)
    lucky = np.array(found.nll)
    lucky[2, :, :4] -= 30.0
    planted = Evaluation(
        nll=jnp.asarray(lucky), n_tokens=found.n_tokens, n_bytes=found.n_bytes
    )
    about = described(planted, (1, 2, 3, 4), *ROWS)
    assert abs(about["held_out"]["saved"]) < 0.2
    assert about["sentence"].endswith(
        "saved, which is not distinguishable from protecting nothing."
    )
    everywhere = described(planted, (5,), *ROWS)
    assert everywhere["held_out"]["saved"] > 5


def test_where_all_sentences_had_a_part_it_is_said():
    found = described(losses(1.0), CORPUS.lines[1:], *ROWS)
    assert found["held_out"] is None
    assert found["sentence"].endswith("lose is flattered by luck.")


def test_sets_that_cannot_be_told_apart_are_said_to_be():
    rows = (row([0, 1], 1, rank_high=2), row([1, 0], 2))
    sentence = described(losses(1.0), CORPUS.lines, *rows)["sentence"]
    assert (
        "2 of them are not distinguishable from the best, and protecting it is not "
        "distinguishable from protecting any other." in sentence
    )
    alone = described(losses(1.0), CORPUS.lines, row([0, 1], 1))["sentence"]
    assert "no other was measured" in alone
    best = (row([0, 1], 1, rank_high=1), row([1, 0], 2, among_best=False))
    clear = described(losses(1.0), CORPUS.lines, *best)["sentence"]
    assert "no other set is indistinguishable from the best, and it is" in clear


@ft.cache
def searched(search):
    return tiny_search.results(search)


def test_a_search_leads_to_a_plan_of_its_best_set():
    found = searched(Search(keep=1))
    plan = plans.parse(found["plan"])
    assert list(plan.assignment) == found["sets"][0]["assignment"]
    assert plan.outside == 1
    assert plan.quantizers[0].bits == 4
    assert plan.chosen["from"] == 3
    assert plan.chosen["held_out"] is None
    # measured on the same sentences, so the same numbers
    lost = {row["language"]: row["d_sent"] for row in plan.predicted["languages"]}
    assert lost == pytest.approx(found["sets"][0]["d_sent"], abs=1e-5)
    assert plan.predicted["worst"] == pytest.approx(found["sets"][0]["worst"])
    assert plan.predicted["bytes"] == found["sets"][0]["bytes"]
    assert plan.predicted["unprotected"]["bytes"] == found["unprotected"]["bytes"]


def test_the_same_search_gives_the_same_plan():
    wanted = Search(keep=1)
    with tiny_sweep.small_calls(tiny_search.TOKENS, shapes=1):
        assert (
            tiny_search.results.__wrapped__(wanted)["plan"] == searched(wanted)["plan"]
        )

"""Why layers look harmful: the mediant rule against what was measured."""

import numpy as np
import pytest

from jaxdisp.search import mediant
from jaxdisp.stats import bootstrap
from tests.measure.oracles import measured
from tests.search import protection_tables as tables

LOW, HIGH = list(tables.LOW), list(tables.HIGH)


def explain(added, assignments=tables.ALL_SETS):
    return mediant.explanation(
        added, tables.GROUPS, assignments, weights=tables.WEIGHTS, key=tables.KEY
    )


def sides(losses):
    return losses[..., LOW].mean(axis=-1), losses[..., HIGH].mean(axis=-1)


def test_where_losses_add_up_the_rule_is_right_and_all_gain():
    found = explain(tables.additive())
    a, b = sides(tables.ALONE)
    expected = a / b < a.sum() / b.sum()
    assert found.predicted_rises.tolist() == expected.tolist()
    assert found.rises.tolist() == expected.tolist()
    assert 0 < expected.sum() < tables.LAYERS
    assert found.agrees.all()
    assert found.bounded.all()
    # both sides gain by every layer, which the ratio hides for some
    assert found.harmful_only_in_ratio.tolist() == expected.tolist()
    np.testing.assert_allclose(found.low_change.estimate, -a, rtol=1e-6)
    np.testing.assert_allclose(found.high_change.estimate, -b, rtol=1e-6)
    after = np.log((a.sum() - a) / (b.sum() - b))
    for interval in (found.after, found.predicted_after):
        np.testing.assert_allclose(interval.estimate, after, rtol=0, atol=1e-6)
    before = np.log(a.sum() / b.sum())
    np.testing.assert_allclose(found.change.estimate, after - before, atol=1e-6)
    np.testing.assert_allclose(found.before.estimate, before, rtol=1e-6)


def test_intervals_equal_float64():
    added = tables.additive(scale=0.25)
    found = explain(added)
    counts = bootstrap.draw_counts(tables.KEY, n_clusters=tables.TEXTS)
    whole, without = tables.row(), tables.row(1)
    alone = tables.row(0, 2, 3)

    def log_ratio(losses):
        low, high = sides(losses)
        return np.log(low / high)

    cases = {
        "before": lambda x: log_ratio(x[whole]),
        "after": lambda x: log_ratio(x[without]),
        "change": lambda x: log_ratio(x[without]) - log_ratio(x[whole]),
        "predicted_after": lambda x: log_ratio(x[whole] - x[alone]),
        "low_change": lambda x: sides(x[without] - x[whole])[0],
        "high_change": lambda x: sides(x[without] - x[whole])[1],
    }
    for name, case in cases.items():

        def one(sentences, case=case):
            return round(float(case(added[sentences].mean(axis=0))), 9)

        place = () if name == "before" else 1
        interval = getattr(found, name)
        np.testing.assert_allclose(
            [interval.estimate[place], interval.low[place], interval.high[place]],
            measured(one, tables.GROUPS, counts),
            rtol=0,
            atol=1e-5,  # float32 of logarithms
            err_msg=name,
        )


def test_interactions_break_the_rule_and_harm_is_not_explained_away():
    added = tables.additive()
    a, b = sides(tables.ALONE)
    falls = int(np.argmax(a / b))
    rises = int(np.argmin(a / b))
    # protecting these does something that no layer does alone
    added[:, tables.row(falls)] += 4 * np.array([1.0, 0.0, 1.0])
    added[:, tables.row(rises), 0] -= 0.9 * added[:, tables.row(rises), 0]
    found = explain(added)
    assert found.rises[falls]
    assert not found.predicted_rises[falls]
    assert not found.harmful_only_in_ratio[falls]  # the low side loses more
    assert not found.rises[rises]
    assert found.predicted_rises[rises]
    assert found.agrees.sum() == tables.LAYERS - 2


def test_ratios_that_are_not_defined():
    added = tables.additive()
    added[:, tables.row(2), 1] = -0.5  # the high side gains
    added[:, tables.row(0, 1, 2), 1] = 100.0  # layer 3 alone loses more than all
    found = explain(added)
    assert found.bounded.tolist() == [True, True, False, False]
    assert np.isnan(found.after.estimate).tolist() == [False, False, True, False]
    for name in ("rises", "predicted_rises", "agrees", "harmful_only_in_ratio"):
        assert not getattr(found, name)[2:].any()


@pytest.mark.parametrize("layers", [(), (2,), (0, 1, 3)])
def test_rows_that_are_needed(layers):
    kept = np.setdiff1d(np.arange(16), [tables.row(*layers)])
    with pytest.raises(ValueError, match=r"^the table has no row that protects just"):
        explain(tables.additive()[:, kept], tables.ALL_SETS[kept])

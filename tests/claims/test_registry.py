import dataclasses

import numpy as np
import pytest

from jaxdisp.claims import registry
from tests.claims import subject as made
from tests.report.hypotheses import made_up_experiments


def test_ids_are_found_in_the_order_of_the_registry(monkeypatch):
    made_up_experiments.install(monkeypatch)
    whole = registry.find([])
    assert [each.id for each in whole] == ["T-901", "made-up"]
    assert registry.find(["MADE-UP", "T-901"]) == whole
    with pytest.raises(ValueError, match="no experiment T-1; allowed: T-901, made-up"):
        registry.find(["T-1"])


def test_randomness_is_the_experiments_own_and_the_seeds():
    weigh = made_up_experiments.EXPERIMENTS[0]
    other = dataclasses.replace(weigh, id="T-902")

    def drawn(experiment, seed):
        found = registry.examine(experiment, made.tiny(seed=seed))
        return found.tables["layers"][0]["value"]

    values = [drawn(weigh, 0), drawn(other, 0), drawn(weigh, 1)]
    assert len(set(values)) == 3
    np.testing.assert_equal(drawn(weigh, 0), values[0])


def test_every_experiment_states_what_would_count():
    ids = [each.id for each in registry.EXPERIMENTS]
    assert len(set(ids)) == len(ids)
    for each in registry.EXPERIMENTS:
        for text in (each.question, each.support, each.refutation, each.control):
            assert text[0].isupper(), each.id
            assert text[-1] in ".?", (each.id, text)
        assert each.passes > 0

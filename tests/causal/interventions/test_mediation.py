"""Effects taken apart by clamps: planted shares, refusals, and slow arithmetic."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxdisp.causal.interventions import mediation
from jaxdisp.causal.interventions.clamping import Clamp
from jaxdisp.causal.interventions.intervention import Intervention
from tests.models import small

KEY = jax.random.key(6)


def planted(*, direct, through, held=True):
    """D moves by `direct` and, unless the mediator is clamped, by `through`."""
    shape = (3, 16)
    before = {"D": 5 + small.normal("before", shape).astype(np.float64)}
    size = 1 + 0.1 * small.normal("size", shape).astype(np.float64)
    done = Intervention(
        target="T",
        kind="merge dropout",
        amount=0.3,
        unit="probability",
        placebo=False,
        languages=("de", "en", "ru"),
        groups=tuple(range(16)),
        before=before,
        after={"D": before["D"] + (direct + through) * size},
    )
    clamped = dataclasses.replace(done, after={"D": before["D"] + direct * size})
    clamp = Clamp(
        mediator="A",
        clamped=clamped,
        placebo=dataclasses.replace(done, placebo=True),
        left=0.0 if held else 0.7,
        held=held,
    )
    return done, clamp


@pytest.mark.parametrize(
    ("direct", "through"), [(0.0, 2.0), (2.0, 0.0), (1.0, 1.0), (2.0, -0.5)]
)
def test_a_planted_share_is_found(direct, through):
    done, clamp = planted(direct=direct, through=through)
    found = mediation.mediate(done, clamp, key=KEY)
    total = np.mean(done.after["D"] - done.before["D"])
    left = np.mean(clamp.clamped.after["D"] - done.before["D"])
    # float32 sums of sixteen numbers of about 2
    assert float(found.total.estimate) == pytest.approx(total, abs=2e-6)
    assert float(found.direct.estimate) == pytest.approx(left, abs=2e-6)
    assert float(found.indirect.estimate) == pytest.approx(total - left, abs=2e-6)
    assert float(found.elsewhere.estimate) == pytest.approx(0, abs=1e-6)
    assert found.refused == ""
    assert found.share is not None
    wanted = through / (direct + through)
    assert float(found.share.estimate) == pytest.approx(wanted, abs=1e-5)
    assert np.allclose(found.by_language["share"].estimate, wanted, atol=1e-5)
    # every sentence has this share, so that no draw has another
    assert float(found.share.high - found.share.low) == pytest.approx(0, abs=1e-5)


def test_no_share_is_given_of_nothing():
    done, clamp = planted(direct=0.0, through=0.0)
    noise = small.normal("noise", (3, 16)).astype(np.float64)
    noise -= noise.mean(axis=1, keepdims=True)
    done = dataclasses.replace(done, after={"D": done.before["D"] + noise})
    found = mediation.mediate(done, clamp, key=KEY)
    assert found.share is None
    assert found.refused == "the total effect's interval has zero in it"
    assert np.all(np.isnan(found.by_language["share"].estimate))


def test_no_share_is_given_where_the_mediator_was_not_held():
    done, clamp = planted(direct=1.0, through=1.0, held=False)
    found = mediation.mediate(done, clamp, key=KEY)
    assert found.share is None
    assert found.refused == (
        "A was not clamped: 70% of its change is left, allowed are 10%"
    )

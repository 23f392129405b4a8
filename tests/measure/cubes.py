"""Made-up losses: three configurations, four languages, twelve sentences."""

import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from jaxdisp.measure.cube import Evaluation
from tests.models import small

KEY = jax.random.key(11)
SHAPE = (3, 4, 12)
LANGUAGES = ("aa", "bb", "cc", "dd")
GROUPS = np.array([3, 3, 3, 0, 0, 5, 5, 5, 5, 8, 1, 1])
N_TOKENS = np.array([[5 + (3 * n + 5 * s) % 7 for s in range(12)] for n in range(4)])
N_BYTES = N_TOKENS * np.array([[3], [4], [5], [9]]) + np.arange(12)[None]

# eighths, so that float32 sums are exact and only the code under test can differ
ADDED = hnp.arrays(
    np.float32, SHAPE[1:], elements=st.integers(-40, 160).map(lambda n: n / 8)
)


def evaluation(nll):
    return Evaluation(
        nll=jnp.asarray(nll, jnp.float32),
        n_tokens=jnp.asarray(N_TOKENS),
        n_bytes=jnp.asarray(N_BYTES),
    )


def reference():
    """Losses in full precision: some nats per token, in eighths."""
    return jnp.asarray(2.5 * N_TOKENS + 0.125 * (N_BYTES % 5), jnp.float32)


def noise(name, scale):
    return np.round(8 * scale * small.normal(name, SHAPE[1:])) / 8


def losing(*added):
    """The evaluation in which configurations lose so much more than full precision."""
    return evaluation(np.stack([np.asarray(reference()) + x for x in added]))

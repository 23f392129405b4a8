"""Settings of every test: strict dtypes, no silent broadcasting, repeatable inputs."""

import hypothesis
import jax
import pytest

hypothesis.settings.register_profile(
    "jaxdisp", deadline=None, derandomize=True, max_examples=50
)
hypothesis.settings.load_profile("jaxdisp")

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(autouse=True)
def _strict_dtypes():
    with jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    """Drops compiled programs: a process may map only so many, and dies beyond."""
    yield
    jax.clear_caches()

"""Settings of every test: strict dtypes, no silent broadcasting, repeatable inputs."""

import importlib
import os
import pkgutil

import hypothesis
import jax
import pytest

hypothesis.settings.register_profile(
    "jaxdisp", deadline=None, derandomize=True, max_examples=50
)
hypothesis.settings.load_profile("jaxdisp")

jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_configure(config):
    """Keeps compiled programs, which many tests and the commands they start share.

    By environment, so that processes that tests start find them as well.
    """
    # one thread each: processes that divide the tests have no cores to spin on
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    kept = config.rootpath / ".pytest_cache" / "jax"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(kept))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
    directory = os.environ["JAX_COMPILATION_CACHE_DIR"]
    seconds = float(os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"])
    jax.config.update("jax_compilation_cache_dir", directory)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", seconds)


def pytest_sessionstart():
    """Loads every module, as hypothesis draws constants from those that are loaded.

    Where tests are divided among processes, these must not depend on how. Not before
    the session starts, since modules are imported with checks of shapes only then.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    import jaxdisp

    for module in pkgutil.walk_packages(jaxdisp.__path__, "jaxdisp."):
        importlib.import_module(module.name)


@pytest.fixture(autouse=True)
def _strict_dtypes():
    with jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture(autouse=True, scope="module")
def _few_programs():
    """Drops compiled programs: a process may map only so many, and dies beyond."""
    yield
    jax.clear_caches()

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp.models.parts.nonlinearity import NONLINEARITIES
from tests.models import numpy_gpt2


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_nonlinearities_equal_their_formulas(name):
    values = np.linspace(-6, 6, 49, dtype=np.float32)
    expected = [numpy_gpt2.ACTIVATIONS[name](float(value)) for value in values]
    found = NONLINEARITIES[name](jnp.asarray(values))
    # one function of values up to 6, so a few roundings of 6e-8 * 6; exact and
    # approximate gelu differ by 5e-4
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)

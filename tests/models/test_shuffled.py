import functools as ft
import pathlib
import tempfile

import jax
import numpy as np

import jaxdisp
from jaxdisp.models import decoder
from jaxdisp.models.shuffled import shuffled
from tests.models import small


@ft.cache
def model():
    with tempfile.TemporaryDirectory() as directory:
        small.write(pathlib.Path(directory), small.entries())
        return jaxdisp.models.load(directory)


def weights(found, tensor):
    value = np.asarray(decoder.leaf(found.params, tensor.path))
    return value.reshape(value.shape[0] if tensor.stacked else 1, -1)


def test_every_layer_keeps_its_numbers_in_another_order():
    other = shuffled(model(), jax.random.key(1))
    moved = 0
    for tensor in model().architecture.tensors(model().config):
        before, after = weights(model(), tensor), weights(other, tensor)
        np.testing.assert_array_equal(np.sort(after), np.sort(before))
        moved += int(np.any(after != before))
    assert moved > 10


def test_layers_and_tensors_are_ordered_independently():
    other = shuffled(model(), jax.random.key(1))
    tensor = next(t for t in model().architecture.tensors(model().config) if t.stacked)
    before, after = weights(model(), tensor), weights(other, tensor)
    orders = [
        [np.flatnonzero(row == value)[0] for value in new]
        for row, new in zip(before, after, strict=True)
        if len(set(row)) == len(row)
    ]
    assert all(orders[0] != order for order in orders[1:])


def test_the_same_key_gives_the_same_model_under_a_name_of_its_own():
    key = jax.random.key(2)
    once, again = shuffled(model(), key), shuffled(model(), key)
    jax.tree.map(np.testing.assert_array_equal, once.params, again.params)
    other = shuffled(model(), jax.random.key(3))
    names = {each.hashes["weights"] for each in (model(), once, other)}
    assert len(names) == 3
    assert once.source.endswith(", weights shuffled")

"""What a plan makes of parameters, against the rounding of single weights."""

import dataclasses
import functools as ft
import pathlib
import tempfile

import jax
import numpy as np
import pytest

from jaxdisp.models import Quantizer, decoder, modules, quantized, storage
from jaxdisp.report.plans import dequantized
from tests import oracles
from tests.models.architectures import drawn, every
from tests.report.plans import made_up_plan
from tests.report.plans.made_up_plan import COARSE, FINE


@ft.cache
def model(kind="gpt2", **changes):
    with tempfile.TemporaryDirectory() as directory:
        return drawn.load(pathlib.Path(directory), every.entries(kind) | changes)


def parameters(made):
    found = {}
    for tensor in made.architecture.tensors(made.config):
        leaf = np.asarray(decoder.leaf(made.params, tensor.path))
        names = modules.stored_names(made.architecture, tensor, made.config.n_layers)
        parts = leaf if tensor.stacked else leaf[None]
        found |= {n: (tensor, p) for n, p in zip(names, parts, strict=True)}
    return found


def expected(plan, name, tensor, value):
    """By the definition, one weight at a time."""
    module = name.rpartition(".")[0]
    numbers = [part for part in name.split(".") if part.isdecimal()]
    layer = int(numbers[0]) if numbers else None
    version = plan.outside if layer is None else plan.assignment[layer]
    version = plan.exceptions.get(module, version)
    rounded = {1: {"matrix"}, 2: {"matrix", "embedding", "head"}}
    if version == 0 or tensor.role not in rounded[version]:
        return value
    how = plan.quantizers[version - 1]
    return oracles.quantized_weight(
        value, how.bits, how.grid, how.granularity, how.group_size, tensor.channel_axis
    )


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bloom"])
def test_every_weight_is_as_its_module_says(kind):
    plan = made_up_plan.plan(model(kind))
    before = parameters(model(kind))
    after = parameters(dequantized.applied(plan, model(kind)))
    assert before.keys() == after.keys()
    changed = set()
    for name, (tensor, value) in before.items():
        # float32 against float64: a step of the grid is 0.1 and more
        np.testing.assert_allclose(
            after[name][1], expected(plan, name, tensor, value), rtol=0, atol=2e-6
        )
        if not np.array_equal(after[name][1], value):
            changed.add(name)
    kept, finer = list(plan.exceptions)
    of_layer_1 = {n for n in changed if ".1." in n}
    assert of_layer_1 == {f"{kept}.weight"}
    assert f"{finer}.weight" in changed


@pytest.mark.parametrize("kind", ["gpt2", "mamba2"])
def test_without_exceptions_a_plan_is_a_mixture_of_versions(kind):
    plan = made_up_plan.plan(model(kind), exceptions={}, assignment=(2, 0, 1))
    found = dequantized.applied(plan, model(kind)).params
    versions = [model(kind).params] + [
        quantized.quantize(model(kind), each) for each in plan.quantizers
    ]
    for layer, version in enumerate(plan.assignment):
        jax.tree.map(
            lambda a, b, layer=layer: np.testing.assert_array_equal(a[layer], b[layer]),
            found["blocks"],
            versions[version]["blocks"],
        )
    jax.tree.map(
        np.testing.assert_array_equal, found["outside"], versions[2]["outside"]
    )


def test_full_precision_is_the_same_arrays():
    plan = made_up_plan.plan(model(), exceptions={}, assignment=(0, 0, 0), outside=0)
    found = dequantized.applied(plan, model())
    for one, other in zip(
        jax.tree.leaves(found.params), jax.tree.leaves(model().params), strict=True
    ):
        assert one is other
    assert found.hashes["weights"] != model().hashes["weights"]
    assert found.hashes["tokenizer"] == model().hashes["tokenizer"]


def test_plans_that_differ_have_other_digests_and_predictions_do_not():
    plan = made_up_plan.plan(model())
    of = [
        dequantized.applied(each, model()).hashes["weights"]
        for each in (
            plan,
            dataclasses.replace(plan, chosen={"by": "worst"}),
            dataclasses.replace(plan, exceptions={}),
            dataclasses.replace(plan, quantizers=(FINE, COARSE)),
        )
    ]
    assert of[0] == of[1]
    assert len(set(of)) == 3


def test_types_are_those_that_are_computed_in():
    half = dataclasses.replace(
        model(),
        dtype="bfloat16",
        params=decoder.as_type(model().params, np.dtype("bfloat16")),
    )
    plan = made_up_plan.plan(half)
    found = dequantized.applied(plan, half)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(found.params)} == {"bfloat16"}
    whole = quantized.quantize(half, COARSE)["blocks"]["mlp"]["up"]["weight"]
    np.testing.assert_array_equal(
        found.params["blocks"]["mlp"]["up"]["weight"][0], whole[0]
    )


@pytest.mark.parametrize("quantizer", [COARSE, FINE, Quantizer(granularity="group")])
def test_bytes_are_those_of_storage(quantizer):
    plan = made_up_plan.plan(
        model(), quantizers=(quantizer,), exceptions={}, assignment=(1, 0, 1), outside=1
    )
    of_layers = storage.layer_bytes(model(), [quantizer])
    outside = storage.outside_bytes(model(), [quantizer])
    expected = sum(of_layers[n][v] for n, v in enumerate(plan.assignment)) + outside[1]
    assert dequantized.n_bytes(plan, model()) == expected
    one = made_up_plan.matrices(model(), 0)[0]
    kept = dataclasses.replace(plan, exceptions={one: 0})
    assert dequantized.n_bytes(kept, model()) > expected


def test_modules_of_every_family_hold_every_parameter_once():
    for kind in every.ENTRIES:
        made = model(kind)
        held = modules.modules(made.architecture, made.config)
        pairs = [(t.path, n) for each in held.values() for t, n in each]
        assert len(pairs) == len(set(pairs)) == len(parameters(made))

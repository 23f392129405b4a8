import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp import models
from jaxdisp.models import decoder
from jaxdisp.models.architectures import gpt2
from tests.models import numpy_gpt2, small

# Two programs for the same float32 numbers, which are about 1: see test_gpt2.
CLOSE = {"rtol": 0, "atol": 2e-5}
N_VERSIONS = 3
CONFIG = gpt2.read_config(small.ENTRIES)
ASSIGNMENTS = st.lists(st.integers(0, N_VERSIONS - 1), min_size=4, max_size=4)

# What callers do: the assignment is traced, so one program serves all of them.
run = jax.jit(ft.partial(decoder.logits, gpt2.ARCHITECTURE, CONFIG))
token_losses = jax.jit(decoder.token_losses)
moments = jax.jit(ft.partial(decoder.input_moments, gpt2.ARCHITECTURE, CONFIG))
run_with_taps = jax.jit(ft.partial(decoder.hidden_states, gpt2.ARCHITECTURE, CONFIG))


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    def version(seed):
        directory = tmp_path_factory.mktemp("version")
        arrays = small.tensors(small.ENTRIES, seed)
        return models.load(small.write(directory, arrays=small.prefixed(arrays))).params

    return tuple(version(seed) for seed in range(N_VERSIONS))


def integers(values):
    return jnp.asarray(values, jnp.int32)


def hybrid_arrays(assignment):
    """The checkpoint that an assignment stands for, tensor by tensor."""
    sources = [small.tensors(small.ENTRIES, seed) for seed in range(N_VERSIONS)]
    found = {}
    for name in sources[0]:
        layer = int(name.split(".")[1]) if name.startswith("h.") else -1
        found[name] = sources[assignment[layer]][name]
    return found


@given(assignment=ASSIGNMENTS)
def test_mixed_precision_runs_the_hybrid_model(versions, assignment):
    def layer_of(*leaves):
        picked = [leaves[version][n] for n, version in enumerate(assignment[:-1])]
        return jnp.stack(picked)

    hybrid = {
        "blocks": jax.tree.map(layer_of, *(v["blocks"] for v in versions)),
        "outside": versions[assignment[-1]]["outside"],
    }
    tokens = small.tokens()
    found = run(versions, integers(assignment), tokens)
    np.testing.assert_allclose(
        found, run((hybrid,), integers([0] * 4), tokens), **CLOSE
    )


@pytest.mark.parametrize("assignment", [[0, 1, 2, 0], [2, 0, 0, 1], [1, 1, 1, 2]])
def test_mixed_precision_equals_the_loops(versions, assignment):
    tokens = small.tokens()
    expected = numpy_gpt2.logits(small.ENTRIES, hybrid_arrays(assignment), tokens)
    found = run(versions, integers(assignment), tokens)
    np.testing.assert_allclose(found, expected, **CLOSE)


def test_a_vmap_over_assignments_is_a_loop(versions):
    assignments = integers([[0, 0, 0, 0], [1, 0, 2, 0], [2, 2, 1, 1]])
    tokens = small.tokens()
    mapped = jax.vmap(run, in_axes=(None, 0, None))(versions, assignments, tokens)
    for assignment, found in zip(assignments, mapped, strict=True):
        np.testing.assert_allclose(found, run(versions, assignment, tokens), **CLOSE)


def test_select_picks_leaf_by_leaf_under_vmap():
    versions = tuple(
        {"a": jnp.full((2, 3), 1.0 + n), "b": (integers([n, n]),)} for n in range(3)
    )
    indices = integers([2, 0, 1, 3, -1])
    found = jax.vmap(lambda index: decoder.select(index, versions))(indices)
    expected = [2, 0, 1, 0, 0]  # out of range is full precision
    np.testing.assert_array_equal(found["a"][:, 1, 2], 1.0 + np.array(expected))
    np.testing.assert_array_equal(found["b"][0], np.array(expected)[:, None] * [[1, 1]])
    assert found["a"].dtype == jnp.float32
    assert found["b"][0].dtype == jnp.int32


def test_versions_that_are_not_picked_leave_no_trace():
    versions = (jnp.ones(3), jnp.full(3, jnp.nan), jnp.full(3, jnp.inf))
    np.testing.assert_array_equal(decoder.select(jnp.int32(0), versions), np.ones(3))


@given(assignment=ASSIGNMENTS, layer=st.integers(0, 2), version=st.integers(0, 2))
def test_states_before_a_layer_do_not_depend_on_it(
    versions, assignment, layer, version
):
    tokens = small.tokens()
    changed = assignment[:layer] + [version] * (3 - layer) + assignment[-1:]
    before, _ = run_with_taps(versions, integers(assignment), tokens)
    after, _ = run_with_taps(versions, integers(changed), tokens)
    np.testing.assert_array_equal(before[: layer + 1], after[: layer + 1])


def test_taps_are_the_states_between_blocks(versions):
    assignment = [1, 2, 0, 1]
    tokens = small.tokens()
    taps, logits = run_with_taps(versions, integers(assignment), tokens)
    assert taps.shape == (4, 2, 7, 12)
    for number, sentence in enumerate(np.asarray(tokens)):
        arrays = hybrid_arrays(assignment)
        expected = numpy_gpt2.hidden_states(small.ENTRIES, arrays, sentence)
        np.testing.assert_allclose(taps[:, number], expected, **CLOSE)
    expected = run(versions, integers(assignment), tokens)
    np.testing.assert_allclose(logits, expected, **CLOSE)


@given(place=st.integers(0, 6), token=st.integers(0, small.TOKENS - 1))
def test_later_tokens_do_not_change_earlier_logits(versions, place, token):
    tokens = small.tokens()
    changed = tokens.at[0, place].set(token)
    before = run(versions, integers([0, 1, 2, 0]), tokens)
    after = run(versions, integers([0, 1, 2, 0]), changed)
    np.testing.assert_array_equal(before[0, :place], after[0, :place])
    np.testing.assert_array_equal(before[1], after[1])


def test_every_earlier_token_changes_later_logits(versions):
    # the converse of causality: nothing is masked that should be seen
    tokens = small.tokens()
    before = run(versions, integers([0] * 4), tokens)
    for place in range(7):
        changed = tokens.at[0, place].set((tokens[0, place] + 1) % small.TOKENS)
        after = run(versions, integers([0] * 4), changed)
        assert np.all(np.max(np.abs(after - before)[0, place:], axis=-1) > 1e-4)


def test_padding_on_the_right_changes_nothing(versions):
    tokens = small.tokens()
    mask = jnp.ones((2, 7), bool)
    wide = jnp.pad(tokens, ((0, 0), (0, 4)))
    wide_mask = jnp.pad(mask, ((0, 0), (0, 4)))
    assignment = integers([0] * 4)
    short, long = (run(versions, assignment, x) for x in (tokens, wide))
    np.testing.assert_allclose(long[:, :7], short, **CLOSE)
    losses = token_losses(long, wide, wide_mask)
    expected = token_losses(short, tokens, mask)
    np.testing.assert_allclose(losses[:, :6], expected, **CLOSE)
    np.testing.assert_array_equal(losses[:, 6:], 0)


def test_losses_by_hand():
    # two words with odds of 3 to 1, then 1 to 1: -log(1 / 4) and -log(1 / 2)
    logits = jnp.log(jnp.array([[[3.0, 1.0], [5.0, 5.0], [9.0, 1.0]]]))
    tokens = integers([[0, 1, 0]])
    losses = token_losses(logits, tokens, jnp.ones((1, 3), bool))
    # two roundings of a float32 of about 1
    np.testing.assert_allclose(losses, [[np.log(4), np.log(2)]], rtol=1e-6)


@given(shift=st.floats(-1e4, 1e4, width=32))
def test_losses_do_not_depend_on_a_common_shift(shift):
    logits = jnp.asarray(small.normal("logits", (1, 3, 5)))
    tokens, mask = integers([[0, 1, 4]]), jnp.ones((1, 3), bool)
    losses = token_losses(logits + jnp.float32(shift), tokens, mask)
    expected = token_losses(logits, tokens, mask)
    # adding up to 10,000 rounds each logit to a multiple of 2**-10
    np.testing.assert_allclose(losses, expected, rtol=0, atol=2**-9)


def test_leaf_inverts_assemble():
    leaves = {("blocks", "a", "b"): 1, ("blocks", "a", "c"): 2, ("outside", "d"): 3}
    params = decoder.assemble(leaves)
    assert params == {"blocks": {"a": {"b": 1, "c": 2}}, "outside": {"d": 3}}
    assert {path: decoder.leaf(params, path) for path in leaves} == leaves


# the matrices of a layer by their path, and by their name in `numpy_gpt2`
MATRICES = {
    ("blocks", "attention", "query_key_value", "weight"): "c_attn",
    ("blocks", "attention", "output", "weight"): "attn.c_proj",
    ("blocks", "mlp", "up", "weight"): "c_fc",
    ("blocks", "mlp", "down", "weight"): "mlp.c_proj",
}
MASK = np.arange(7)[None] < np.array([[7], [4]])


def outer_products(arrays, sentences, mask):
    """Sums of outer products of inputs, one counted token at a time."""
    total = {}
    for sentence, counted in zip(np.asarray(sentences), mask, strict=True):
        inputs = numpy_gpt2.matrix_inputs(small.ENTRIES, arrays, sentence)
        for path, kind in MATRICES.items():
            for layer, token in np.ndindex(inputs[kind].shape[:2]):
                if counted[token]:
                    x = inputs[kind][layer, token]
                    shape = (CONFIG.n_layers, len(x), len(x))
                    total.setdefault(path, np.zeros(shape))[layer] += np.outer(x, x)
    return total


def test_moments_of_inputs_equal_the_loops(versions):
    tokens = small.tokens()
    found = moments(versions[0], tokens, jnp.asarray(MASK))
    expected = outer_products(small.tensors(small.ENTRIES), tokens, MASK)
    assert set(found) == set(MATRICES)
    for path, total in expected.items():
        assert found[path].dtype == jnp.float32
        # sums of 11 products of numbers about 1, each as close as hidden states are
        np.testing.assert_allclose(found[path], total, rtol=0, atol=2e-4)
        assert np.abs(total).max(axis=(1, 2)).min() > 0.1  # and no layer is empty


@given(token=st.integers(0, small.TOKENS - 1), place=st.integers(4, 6))
def test_tokens_that_are_masked_do_not_count(versions, token, place):
    tokens, mask = small.tokens(), jnp.asarray(MASK)
    before = moments(versions[0], tokens, mask)
    after = moments(versions[0], tokens.at[1, place].set(token), mask)
    for path in MATRICES:
        np.testing.assert_array_equal(before[path], after[path])


def test_moments_add_up_over_sentences_and_are_symmetric(versions):
    tokens = small.tokens()
    both = moments(versions[0], tokens, jnp.asarray(MASK))
    one, other = (
        moments(versions[0], tokens, jnp.asarray(MASK & (np.arange(2) == n)[:, None]))
        for n in range(2)
    )
    none = moments(versions[0], tokens, jnp.zeros((2, 7), bool))
    for path in MATRICES:
        # eleven roundings of sums of about 20
        np.testing.assert_allclose(both[path], one[path] + other[path], atol=2e-5)
        np.testing.assert_allclose(both[path], both[path].swapaxes(1, 2), atol=2e-5)
        np.testing.assert_array_equal(none[path], 0)

"""Comparing rules: what is compared, what is said of it, and what is refused."""

import dataclasses
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp.measure import cube, language_clipping
from jaxdisp.models import Quantizer, decoder, quantized
from jaxdisp.quant.fair_noise import Fair
from jaxdisp.report import clipping
from tests.measure import clipping_oracles
from tests.report import tiny_clip

BLIND = ("absmax", "percentile", "aciq_gaussian", "aciq_laplace", "exact")
PATHS = tuple(clipping_oracles.KINDS)


def test_rules_that_are_compared():
    known = (*BLIND, "average", "minimax")
    assert clipping.rules_compared("minimax") == known
    assert clipping.rules_compared("average") == known
    for other in ("regret", "per-language"):
        assert clipping.rules_compared(other) == (*known, other)
        # full precision, and every rule
        text = tiny_clip.inputs().corpus
        assert clipping.work(text, other) == 9 * 4 * 2


def test_what_can_be_deployed():
    for name in ("average", "minimax", "regret", "per-language"):
        assert clipping.check(name, Quantizer()) == name


@pytest.mark.parametrize(
    ("deploy", "grid", "message"),
    [
        (
            "exact",
            "symmetric",
            "deploy must be one of average, minimax, regret, per-language, got exact",
        ),
        (
            "minimax",
            "affine",
            "language-aware clipping needs a grid with one threshold: symmetric, "
            "twos_complement or midrise, got affine",
        ),
    ],
)
def test_what_cannot_be_compared(deploy, grid, message):
    bare = inspect.unwrap(clipping.check)  # types are not checked outside tests
    with pytest.raises(ValueError, match=f"^{message}"):
        bare(deploy, Quantizer(grid=grid))


def test_thresholds_are_found_for_the_rules_that_need_them():
    solved = tiny_clip.solved()
    assert set(solved.fair) == {"average", "minimax"}
    assert set(solved.squares) == set(PATHS)
    squares = {path: values.shape for path, values in solved.squares.items()}
    assert squares[PATHS[0]] == (2, 2, 6)
    pooled, aware = solved.fair["average"], solved.fair["minimax"]
    for path in PATHS:
        # each is best at what it aims at; the search is among candidates
        for layer in range(2):
            mean = [float(jnp.mean(f[path].levels[layer])) for f in (pooled, aware)]
            worst = [float(jnp.max(f[path].levels[layer])) for f in (pooled, aware)]
            assert mean[0] <= mean[1] * (1 + 1e-3)
            assert worst[1] <= worst[0] * (1 + 1e-3)


@pytest.mark.parametrize("rule", ["absmax", "exact", "minimax", "average"])
def test_rounding_by_a_rule(rule):
    inputs, solved = tiny_clip.inputs(), tiny_clip.solved()
    found = clipping.rounded(inputs, solved, rule)
    if rule in BLIND:
        by_rule = dataclasses.replace(inputs.quantizer, clipping=rule)
        expected = quantized.quantize(inputs.model, by_rule)
    else:
        ranges = language_clipping.ranges_of(solved.fair[rule])
        expected = quantized.quantize(inputs.model, inputs.quantizer, ranges)
    for one, other in zip(
        jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_shared_codes_are_those_of_minimax():
    inputs, solved = tiny_clip.inputs(), tiny_clip.solved()
    shared = clipping.rounded(inputs, solved, "per-language")
    minimax = clipping.rounded(inputs, solved, "minimax")
    jax.tree.map(np.testing.assert_array_equal, shared, minimax)


def test_weights_beyond_the_layers_are_clipped_by_the_best_that_knows_no_language():
    inputs = dataclasses.replace(
        tiny_clip.inputs(), quantizer=Quantizer(bits=3, include=("all",))
    )
    found = clipping.rounded(inputs, tiny_clip.solved(), "average")
    exact = quantized.quantize(
        inputs.model, dataclasses.replace(inputs.quantizer, clipping="exact")
    )
    jax.tree.map(np.testing.assert_array_equal, found["outside"], exact["outside"])
    pair = (decoder.leaf(params, PATHS[0]) for params in (found, exact))
    assert np.abs(np.subtract(*pair)).max() > 1e-4


LEVELS = np.array([[0.01, 0.02, 0.04], [0.03, 0.03, 0.01]])
OWN = np.array([[0.01, 0.015, 0.03], [0.02, 0.031, 0.01]])  # one above its level


@jax.vmap
def fair(levels, own):
    zero = jnp.zeros(())
    return Fair(
        thresholds=jnp.ones(2),
        levels=levels,
        own=own,
        value=zero,
        bound=zero,
        gap=zero,
        mix=jnp.ones(3),
    )


def test_splits_of_inequality():
    one = fair(jnp.asarray(LEVELS, jnp.float32), jnp.asarray(OWN, jnp.float32))
    other = fair(jnp.asarray(2 * LEVELS, jnp.float32), jnp.asarray(OWN, jnp.float32))
    rows = clipping.split_rows(("aa", "bb", "cc"), {PATHS[0]: one, PATHS[1]: other})
    assert [row["language"] for row in rows] == ["aa", "bb", "cc"]
    matrices = [
        (level * factor, min(own, level * factor))
        for factor in (1, 2)
        for levels, owns in zip(LEVELS, OWN, strict=True)
        for level, own in zip(levels, owns, strict=True)
    ]
    logs = np.log(np.array(matrices)).reshape(4, 3, 2)  # matrix, language, kind
    relative = (logs - logs.mean(axis=1, keepdims=True)).mean(axis=0)
    for place, row in enumerate(rows):
        total, intrinsic = relative[place]
        # logarithms of float32 ratios
        assert row["total"] == pytest.approx(total, abs=1e-6)
        assert row["intrinsic"] == pytest.approx(intrinsic, abs=1e-6)
        assert row["regret"] == pytest.approx(total - intrinsic, abs=1e-6)
        parts = row["intrinsic"] + row["regret"]
        assert row["total"] == pytest.approx(parts, abs=1e-6)
    for name in ("total", "intrinsic", "regret"):
        assert sum(row[name] for row in rows) == pytest.approx(0, abs=1e-6)
    # a matrix of zeros, which loses nothing, does not count
    nothing = fair(jnp.zeros((2, 3)), jnp.zeros((2, 3)))
    more = {PATHS[0]: one, PATHS[1]: other, PATHS[2]: nothing}
    assert clipping.split_rows(("aa", "bb", "cc"), more) == rows


def difference(rule, against, language, flag):
    return {"rule": rule, "against": against, "language": language, "flag": flag}


def test_the_verdict_names_languages():
    rows = [
        difference("minimax", "exact", "aa", "lower"),
        difference("minimax", "exact", "bb", "not above noise"),
        difference("minimax", "exact", "cc", "lower"),
        difference("minimax", "average", "aa", "higher"),
        difference("minimax", "average", "bb", "not above noise"),
        difference("minimax", "average", "cc", "not above noise"),
    ]
    text = clipping.verdict(rows)
    sentences = text.split(". ")
    assert sentences == [
        "minimax against exact: of 3 languages 2 (aa cc) lose less and 0 lose more, "
        "above noise",
        "minimax against average: of 3 languages 0 lose less and 1 (aa) lose more, "
        "above noise",
        sentences[-1],
    ]
    assert "chance" in sentences[-1]
    # rules on weights alone are not judged
    blind = [difference("exact", "absmax", name, "lower") for name in ("aa", "bb")]
    assert "exact against" not in clipping.verdict([*blind, *rows])


def test_losses_are_those_of_the_rounded_models():
    inputs = dataclasses.replace(tiny_clip.inputs(), deploy="minimax")
    done = []
    found = clipping.compare(inputs, tiny_clip.solved(), None, done.append)
    assert sum(done) == clipping.work(inputs.corpus, "minimax")
    assert found["rules"] == list(clipping.rules_compared("minimax"))
    assert found["calibrated_on"] == "the sentences that are measured"
    rows = {(row["rule"], row["language"]): row for row in found["degradation"]}
    assert len(rows) == len(found["degradation"]) == 7 * 2
    nll = {}
    for rule in ("full", "exact", "average", "minimax"):
        params = (
            inputs.model.params
            if rule == "full"
            else clipping.rounded(inputs, tiny_clip.solved(), rule)
        )
        measured = cube.evaluate(inputs.model, inputs.corpus, [[1] * 3], [params])
        nll[rule] = np.asarray(measured.nll[0], np.float64)
    for rule in ("exact", "average", "minimax"):
        lost = (nll[rule] - nll["full"]).mean(axis=1)
        for place, language in enumerate(tiny_clip.LANGUAGES):
            # differences of float32 losses up to 90
            estimate = rows[rule, language]["d_sent"]
            assert estimate == pytest.approx(lost[place], abs=1e-4)
    check_differences(found["differences"], nll)
    check_disparity(found["disparity"], rows)


def check_differences(differences, nll):
    pairs = {(row["rule"], row["against"]) for row in differences}
    assert {("minimax", rule) for rule in (*BLIND, "average")} <= pairs
    assert not any(rule == against for rule, against in pairs)
    for row in differences:
        if (row["rule"], row["against"]) == ("minimax", "exact"):
            place = tiny_clip.LANGUAGES.index(row["language"])
            gained = (nll["minimax"] - nll["exact"])[place].mean()
            assert row["effect"] == pytest.approx(gained, abs=1e-4)
        low, high = row["effect_low"], row["effect_high"]
        flags = {"lower": high < 0, "higher": low > 0}
        assert flags.get(row["flag"], not any(flags.values()))


def check_disparity(disparity, rows):
    for row in disparity:
        lost = [rows[row["rule"], name]["d_sent"] for name in tiny_clip.LANGUAGES]
        assert row["mean"] == pytest.approx(np.mean(lost), abs=1e-5)
        assert row["worst"] == pytest.approx(max(lost), abs=1e-5)
        assert row["max_min"] == pytest.approx(max(lost) - min(lost), abs=1e-5)
        assert row["worst_language"] == tiny_clip.LANGUAGES[int(np.argmax(lost))]
        apart = rows[row["rule"], "ru"]["d_sent"] - rows[row["rule"], "de"]["d_sent"]
        assert row["difference"] == pytest.approx(apart, abs=1e-5)

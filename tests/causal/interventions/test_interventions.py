"""do(T), do(A) and clamps carried out on a tiny model, against readings by hand."""

import dataclasses
import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp.causal.interventions import (
    clamping,
    do_alignment,
    do_tokenization,
    readout_direction,
    steering,
)
from jaxdisp.causal.variables import variables
from jaxdisp.measure import convergence, cube, readings
from jaxdisp.measure import corpus as corpora
from jaxdisp.models import model as models
from jaxdisp.models.quantized import Quantizer, quantize
from tests.causal.interventions import vocabularies
from tests.measure import tiny
from tests.models import small

TAP, ENGLISH = 1, 1
KEY = jax.random.key(8)
WAYS = (("merge dropout", 0.5), ("merges undone", 1.2), ("byte fallback", 0.3))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    place = tmp_path_factory.mktemp("interventions")
    model = models.load(tiny.write_model(place / "model"))
    corpus = corpora.load_corpus(tiny.write_corpus(place / "corpus"))
    rounded = quantize(model, Quantizer(bits=3))
    encoded = cube.encode(model, corpus)
    before = readings.read(model, encoded, rounded, tap=TAP)
    return model, corpus, rounded, encoded, before


@pytest.fixture(scope="module")
def cuts(world):
    model, corpus, rounded, _, before = world
    return do_tokenization.cut_and_read(
        model,
        corpus,
        rounded,
        tap=TAP,
        key=KEY,
        reference=ENGLISH,
        before=before,
        ways=WAYS,
    )


def test_cutting_anew_changes_tokens_and_not_the_text(world, cuts):
    model, corpus, _, encoded, before = world
    assert [each.recut.kind for each in cuts[::2]] == [kind for kind, _ in WAYS]
    assert [each.intervention.placebo for each in cuts] == [False, True] * 3
    for each in cuts:
        done, recut = each.intervention, each.recut
        for own, other, text in zip(
            encoded, recut.encoded, corpus.sentences, strict=True
        ):
            for a, b, line in zip(own, other, text, strict=True):
                assert a[0] == b[0] == model.start
                assert model.tokenizer.decode(a[1:]) == line
                assert model.tokenizer.decode(b[1:]) == line
        counts = np.array([[len(s) - 1 for s in text] for text in recut.encoded])
        assert np.array_equal(recut.factor, counts / before.n_tokens)
        assert np.array_equal(done.after["T"], before.n_tokens[ENGLISH] / counts)
        if done.placebo:
            assert np.array_equal(done.after["T"], done.before["T"])
        else:
            assert np.all(done.after["T"] <= done.before["T"])
            assert np.any(done.after["T"] < done.before["T"])
    # the stated amount: half a token at most from 1.2 times as many
    undone = cuts[2].recut
    reachable = np.array([[len(s.encode()) for s in t] for t in corpus.sentences])
    wanted = np.minimum(1.2 * undone.undisturbed, reachable)
    assert np.all(np.abs(undone.factor * undone.undisturbed - wanted) <= 0.5)
    for own, placebo in zip(cuts[::2], cuts[1::2], strict=True):
        assert np.any(placebo.recut.replaced > 0)
        assert placebo.recut.replaced.sum() <= 2 * own.recut.replaced.sum() + 24


def test_what_is_read_is_what_was_cut(world, cuts):
    model, _, rounded, _, before = world
    each = cuts[4]
    alone = readings.read(model, each.recut.encoded, rounded, tap=TAP)
    after = each.intervention.after
    # batches of other shapes add up in another order: float32 losses of about 100
    assert np.allclose(after["D"], alone.rounded - alone.full, atol=1e-3)
    assert np.allclose(after["R"], alone.readout, rtol=1e-4)
    wanted = variables(alone, before, reference=ENGLISH)
    assert np.allclose(after["A"], wanted["A"], atol=1e-5)
    assert each.intervention.before["D"] == pytest.approx(before.rounded - before.full)


def test_a_sentence_is_cut_alike_in_any_company(world, cuts):
    model, corpus, *_ = world
    few = dataclasses.replace(
        corpora.keep(corpus, [3, 5]),
        languages=corpus.languages[1:],
        sentences=tuple(t for t in corpora.keep(corpus, [3, 5]).sentences[1:]),
    )
    key = jax.random.split(KEY, len(WAYS))[0]
    for found, own in zip(
        do_tokenization.recut(model, few, *WAYS[0], key=key), cuts[:2], strict=True
    ):
        for mine, theirs in zip(found.encoded, own.recut.encoded[1:], strict=True):
            assert mine == [theirs[3], theirs[5]]


def test_default_ways_suit_the_vocabulary(world):
    model, corpus, rounded, _, before = world
    ways = do_tokenization.default_ways
    assert ways(model) == do_tokenization.WAYS
    scored = dataclasses.replace(model, tokenizer=vocabularies.of_scores())
    assert ways(scored) == do_tokenization.WITHOUT_MERGES
    found = do_tokenization.carry_out(
        model, corpus, rounded, tap=TAP, key=KEY, reference=ENGLISH, before=before
    )
    assert [(each.kind, each.amount) for each in found[::2]] == list(ways(model))
    with pytest.raises(ValueError, match="kind must be one of merge dropout"):
        do_tokenization.recut(model, corpus, "shouting", 1.0, key=KEY)


def test_states_are_moved_as_if_each_language_were_alone(world):
    model, corpus, rounded, encoded, before = world
    found = do_alignment.carry_out(
        model, corpus, rounded, tap=TAP, key=KEY, reference=ENGLISH, before=before
    )
    assert [each.kind for each in found if not each.placebo] == [
        kind for kind, _ in do_alignment.WAYS
    ]
    assert all(each.languages == ("de", "ru") for each in found)
    shift = steering.towards_sentence(before.means, ENGLISH, 0.5)
    shift[:2] = 0  # Russian alone
    edit = readings.Edit(tap=TAP, shift=shift)
    alone = readings.read(model, encoded, rounded, tap=TAP, edit=edit)
    margins = convergence.margins(jnp.asarray(alone.means))
    assert np.allclose(found[0].after["A"][1], margins[2], atol=1e-5)
    assert np.allclose(
        found[0].after["D"][1], (alone.rounded - alone.full)[2], atol=1e-3
    )
    assert np.array_equal(found[0].before["T"], found[0].after["T"])


def test_alignment_goes_where_it_is_moved_and_placebos_leave_it(world):
    model, corpus, rounded, _, before = world
    found = do_alignment.carry_out(
        model, corpus, rounded, tap=TAP, key=KEY, reference=ENGLISH, before=before
    )
    for each in found:
        change = (each.after["A"] - each.before["A"]).mean(axis=1)
        if each.kind == do_alignment.SENTENCE:
            assert np.all(np.sign(change) == np.sign(each.amount))
        elif "another" not in each.kind:
            # states of size 3 in float32
            assert np.allclose(change, 0, atol=1e-5)
    uncentred = do_alignment.UNCENTRED
    (mean,) = (each for each in found if each.kind == do_alignment.MEAN)
    assert np.all(
        mean.after[uncentred].mean(axis=1) > mean.before[uncentred].mean(axis=1)
    )
    with pytest.raises(ValueError, match="must be one of reference's sentence"):
        do_alignment.carry_out(
            model,
            corpus,
            rounded,
            tap=TAP,
            key=KEY,
            reference=ENGLISH,
            before=before,
            ways=(("nowhere", 1.0),),
        )


def test_alignment_is_held_where_it_was(world, cuts):
    model, _, rounded, _, before = world
    done = cuts[4]
    found = clamping.clamp_alignment(
        model, rounded, done, tap=TAP, reference=ENGLISH, before=before
    )
    assert found.held
    assert found.left < 1e-4
    clamped = found.clamped
    assert np.allclose(clamped.after["A"], clamped.before["A"], atol=1e-5)
    assert np.array_equal(clamped.after["T"], done.intervention.after["T"])
    assert not np.allclose(found.placebo.after["A"], clamped.before["A"], atol=1e-3)
    # by hand: what the sentences have in common stays as the cut made it
    moved = before.means - done.readings.means
    shift = moved - moved.mean(axis=1, keepdims=True)
    alone = readings.read(
        model,
        done.recut.encoded,
        rounded,
        tap=TAP,
        edit=readings.Edit(tap=TAP, shift=shift),
    )
    assert np.allclose(clamped.after["D"], alone.rounded - alone.full, atol=1e-3)


def test_a_clamp_of_redundancy_says_what_it_left(world, cuts):
    model, _, rounded, _, before = world
    done = cuts[4]
    found = clamping.clamp_readout(
        model, rounded, done, tap=TAP, reference=ENGLISH, before=before
    )
    miss = np.abs(found.clamped.after["R"] - before.readout)
    disturbed = np.abs(done.readings.readout - before.readout)
    # no sentence is taken further away, and most are brought nearer
    assert np.all(miss <= disturbed + 1e-9)
    moved = disturbed > 1e-4
    assert np.mean(miss[moved] < 0.1 * disturbed[moved]) > 0.8
    wanted = np.sqrt(np.mean(miss**2) / np.mean(disturbed**2))
    assert found.left == pytest.approx(wanted, rel=1e-6)
    assert found.held == (wanted <= clamping.HELD)
    assert np.array_equal(found.clamped.after["T"], done.intervention.after["T"])


def test_the_secant_of_a_line_is_its_root():
    line = ft.partial(np.polyval, [2.0, -1.0])
    a, b = np.array([0.0, 3.0]), np.array([1.0, 3.0])
    found = clamping._secant(a, line(a), b, line(b))
    assert found.tolist() == [0.5, 3.0]  # without a slope it stays


def slow_share(gradient, states):
    """Mean of 1 / R over tokens, one token at a time."""
    found = []
    for g, h in zip(gradient, states, strict=True):
        c = [abs(float(a) * float(b)) for a, b in zip(g, h, strict=True)]
        found.append(sum(x * x for x in c) / sum(c) ** 2)
    return sum(found) / len(found)


def test_the_slope_of_a_readout_is_that_of_its_definition(world):
    _, _, _, encoded, before = world
    model = world[0]
    found = readout_direction.readout_slope(model, encoded)
    # what readings say, in another way
    assert np.allclose(found.value, 1 / before.readout, rtol=1e-4)
    g = small.normal("gradient", (5, 6)).astype(np.float32)
    h = small.normal("states", (5, 6)).astype(np.float32)
    sums = readout_direction._token_slopes(g, h).sum(axis=0)
    assert sums[0] == 5
    assert sums[1] / 5 == pytest.approx(slow_share(g, h), rel=1e-12)
    for channel in range(6):
        step = np.zeros(6)
        step[channel] = 1e-6
        up, down = (slow_share(g, h.astype(float) + s * step) for s in (1, -1))
        # central differences of a smooth function: 1e-12 / 1e-6
        assert sums[3 + channel] / 5 == pytest.approx((up - down) / 2e-6, abs=1e-6)


def test_of_two_readings_each_sentence_is_taken_whole(world, cuts):
    before, other = world[4], cuts[1].readings
    better = np.arange(24).reshape(3, 8) % 2 == 0
    found = clamping._chosen(better, other, before)
    for name in ("full", "rounded", "means", "readout"):
        for place in np.ndindex(3, 8):
            source = other if better[place] else before
            wanted = getattr(source, name)[place]
            assert np.array_equal(getattr(found, name)[place], wanted), name

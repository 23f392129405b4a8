"""T, A, R and D of made-up readings, pair by pair in float64."""

import numpy as np
import pytest
import scipy.spatial
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.causal import variables
from jaxdisp.measure.corpus import Corpus
from jaxdisp.measure.readings import Readings
from tests.models import small

LANGUAGES, SENTENCES, WIDTH = 4, 12, 6
SHAPE = LANGUAGES, SENTENCES


def made(seed=0):
    """Languages that say the same in noise, each about a mean of its own."""
    shared = small.normal("meaning", (1, SENTENCES, WIDTH), seed)
    noise = small.normal("noise", (*SHAPE, WIDTH), seed)
    place = small.normal("place", (LANGUAGES, 1, WIDTH), seed)
    drawn = np.abs(small.normal("tokens", SHAPE, seed)).astype(np.float64)
    full = 30 + 10 * drawn
    return Readings(
        full=full,
        rounded=full + small.normal("lost", SHAPE, seed).astype(np.float64),
        n_tokens=(5 + 20 * drawn).astype(int),
        means=(shared + noise + 3 * place).astype(np.float32),
        readout=5 + drawn,
    )


def changed(before, **fields):
    names = ("full", "rounded", "n_tokens", "means", "readout")
    return Readings(**{name: before[name] for name in names} | fields)


def margins(own, others):
    """Of each language of `own` against all `others` but itself."""
    found = np.zeros(SHAPE)
    for a in range(LANGUAGES):
        for b in range(LANGUAGES):
            if a == b:
                continue
            x, y = (np.asarray(z, float) for z in (own[a], others[b]))
            table = 1 - scipy.spatial.distance.cdist(
                x - x.mean(axis=0), y - y.mean(axis=0), "cosine"
            )
            for s in range(SENTENCES):
                rest = [t for t in range(SENTENCES) if t != s]
                wrong = (table[s, rest].mean() + table[rest, s].mean()) / 2
                found[a, s] += (table[s, s] - wrong) / (LANGUAGES - 1)
    return found


def test_each_variable_by_its_definition():
    before, after = made(), made(seed=1)
    found = variables.variables(after, before, reference=2)
    assert tuple(found) == variables.NAMES
    tokens = np.array(
        [
            [before.n_tokens[2, s] / after.n_tokens[n, s] for s in range(SENTENCES)]
            for n in range(LANGUAGES)
        ]
    )
    np.testing.assert_allclose(found["T"], tokens, rtol=1e-12)
    # float32 products of unit vectors
    np.testing.assert_allclose(
        found["A"], margins(after.means, before.means), atol=2e-6
    )
    np.testing.assert_array_equal(found["R"], after.readout)
    np.testing.assert_allclose(found["D"], after.rounded - after.full)
    alone = variables.variables(before, reference=2)
    np.testing.assert_allclose(
        alone["A"], margins(before.means, before.means), atol=2e-6
    )
    np.testing.assert_array_equal(alone["T"][2], 1.0)


@given(st.integers(0, LANGUAGES - 1))
def test_a_language_that_is_moved_moves_no_other(language):
    before = made()
    means = before.means.copy()
    means[language] = small.normal("elsewhere", means.shape[1:], 9)
    n_tokens = before.n_tokens.copy()
    n_tokens[language] += 7
    after = changed(before, means=means, n_tokens=n_tokens)
    still = variables.variables(before, reference=1)
    found = variables.variables(after, before, reference=1)
    for name in ("T", "A"):
        same = np.isclose(found[name], still[name], atol=1e-6).all(axis=1)
        assert same.tolist() == [each != language for each in range(LANGUAGES)]


@settings(max_examples=10)
@given(st.integers(1, 9))
def test_no_variable_knows_what_another_is_made_of(seed):
    before, other = made(), made(seed)
    sources = {
        "T": ("n_tokens",),
        "A": ("means",),
        "R": ("readout",),
        "D": ("full", "rounded"),
    }
    still = variables.variables(before, reference=0)
    for name, fields in sources.items():
        moved = changed(before, **{field: other[field] for field in fields})
        found = variables.variables(moved, reference=0)
        for each in variables.NAMES:
            assert np.array_equal(found[each], still[each]) == (each != name)


def test_alignment_of_lengths_is_taken_away():
    """States that tell nothing but how long a sentence is."""
    base = made()
    n_tokens = np.broadcast_to(base.n_tokens[0], SHAPE).copy()
    along = small.normal("length", (LANGUAGES, 1, WIDTH), 3)
    noise = small.normal("noise", (*SHAPE, WIDTH), 4)
    means = along[:1] * n_tokens[..., None] + 0.3 * noise + along
    long = changed(base, n_tokens=n_tokens, means=means.astype(np.float32))
    with_lengths = variables.variables(long, reference=0)["A"]
    without = variables.variables(long, reference=0, without_lengths=True)["A"]
    assert with_lengths.mean() > 0.8
    # 144 pairs of directions in 6 dimensions
    assert abs(without.mean()) < 0.1
    residual = np.zeros_like(means)
    for language in range(LANGUAGES):
        x = np.stack([np.ones(SENTENCES), n_tokens[0], np.log(n_tokens[0])], axis=1)
        residual[language] = means[language] - x @ np.linalg.pinv(x) @ means[language]
    np.testing.assert_allclose(without, margins(residual, residual), atol=1e-4)


def test_lengths_are_those_before_the_intervention():
    before = made()
    cut = changed(before, n_tokens=made(seed=1).n_tokens)
    found = variables.variables(cut, before, reference=0, without_lengths=True)
    still = variables.variables(before, reference=0, without_lengths=True)
    np.testing.assert_allclose(found["A"], still["A"], atol=1e-6)


def test_what_is_refused():
    before = made()
    names = ("full", "rounded", "n_tokens", "means", "readout")
    few = Readings(**{name: before[name][:, :3] for name in names})
    with pytest.raises(ValueError, match="readings are of"):
        variables.variables(before, few, reference=0)
    with pytest.raises(ValueError, match="reference must be from 0 to 3, got 4"):
        variables.variables(before, reference=4)


def corpus_of(*languages):
    return Corpus(
        languages=languages,
        sentences=(("a",),) * len(languages),
        groups=(0,),
        lines=(1,),
        source="",
    )


def test_tokens_are_relative_to_english_or_to_the_most_text():
    choose = variables.reference_language
    assert choose(corpus_of("de", "en"), {"de": 2, "en": 1}) == "en"
    assert choose(corpus_of("deu_Latn", "eng_Latn"), {}) == "eng_Latn"
    assert choose(corpus_of("de", "en-GB"), {}) == "en-GB"
    assert choose(corpus_of("de", "fr"), {"de": 1, "fr": 2}) == "fr"
    assert choose(corpus_of("de", "fr"), {"fr": 2}) == "de"
    assert choose(corpus_of("de", "en"), {}, "de") == "de"
    with pytest.raises(ValueError, match="reference xx: must be one of de, en"):
        choose(corpus_of("de", "en"), {}, "xx")

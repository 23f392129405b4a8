"""Tables of a small model against the sentences put together by hand."""

import dataclasses
import functools as ft
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.causal import estimates, language_table, measured
from jaxdisp.causal.units import make_units
from jaxdisp.causal.variables import NAMES, variables
from jaxdisp.measure import convergence, cube, redundancy, similarity, states
from jaxdisp.measure import corpus as corpora
from jaxdisp.models.quantized import Quantizer, quantize
from tests.claims.subject import model_and_corpus

QUANTIZER = Quantizer(bits=3)
N_TEXTS = 4


@ft.cache
def found():
    return measured.measure(*model_and_corpus(), QUANTIZER)


@ft.cache
def by_language():
    return language_table.languages(found(), key=jax.random.key(1))


def column(rows, name, language):
    return np.array([row[name] for row in rows if row["language"] == language])


def test_rows_are_sentences_with_their_variables():
    model, corpus = model_and_corpus()
    rows = measured.units(found())
    assert len(rows) == len(corpus.languages) * corpus.n_sentences
    assert (found().tap, found().reference) == (1, "en")
    four = variables(found().readings, reference=1)
    n_tokens, n_bytes = map(np.asarray, cube.sizes(model, corpus))
    sites = [[0] * 3, [1] * 3]
    nll = cube.evaluate(model, corpus, sites, [quantize(model, QUANTIZER)]).nll
    for place, language in enumerate(corpus.languages):
        get = ft.partial(column, rows, language=language)
        for name in NAMES:
            np.testing.assert_array_equal(get(name), four[name][place])
        np.testing.assert_allclose(get("T"), n_tokens[1] / n_tokens[place])
        np.testing.assert_allclose(get("T") * get("relative_tokens"), 1.0)
        # float32 sums over other batches
        np.testing.assert_allclose(get("D"), (nll[1] - nll[0])[place], atol=1e-4)
        np.testing.assert_array_equal(get("bytes"), n_bytes[place])
        np.testing.assert_allclose(np.exp(get("log_bytes")), n_bytes[place])
        np.testing.assert_allclose(np.exp(get("log_reference_bytes")), n_bytes[1])
        np.testing.assert_allclose(
            get("tokens_per_byte") * n_bytes[place], n_tokens[place]
        )
        np.testing.assert_allclose(
            get("loss") * n_bytes[place], nll[0][place], rtol=1e-5
        )
        np.testing.assert_array_equal(get("sentence"), corpus.lines)
        np.testing.assert_array_equal(get("group"), corpus.groups)
        training = np.log10(model.training_bytes[language])
        np.testing.assert_allclose(get("log_training_bytes"), training)
    assert {row["script"] for row in rows} == {"Latin", "Cyrillic"}


def test_every_column_is_said_to_be_something():
    said = {*NAMES, *estimates.COVARIATES, *estimates.MEASURES}
    said |= {*estimates.DESCRIPTIONS, "language", "sentence", "group"}
    assert set(measured.units(found())[0]) == said
    assert set(measured.units(found(), texts=True)[0]) == said


def test_units_take_what_is_selected():
    units = make_units(measured.selected(measured.units(found())))
    assert units.covariates == estimates.COVARIATES
    assert len(units.language) == 24
    assert not units.dropped
    named = measured.selected(measured.units(found()), ("script",))
    assert set(named[0]) == {"language", "sentence", "group", *NAMES, "script"}
    with pytest.raises(ValueError, match="covariate weather: no such column"):
        measured.selected(measured.units(found()), ("weather",))


def test_training_bytes_are_left_out_unless_all_are_known():
    model, _ = model_and_corpus()
    fewer = {name: n for name, n in model.training_bytes.items() if name != "ru"}
    less = dataclasses.replace(
        found(), model=dataclasses.replace(model, training_bytes=fewer)
    )
    rows = measured.units(less)
    assert "log_training_bytes" not in rows[0]
    kept = make_units(measured.selected(rows)).covariates
    assert kept == ("log_bytes", "log_reference_bytes")


def test_texts_are_their_sentences_put_together():
    model, corpus = model_and_corpus()
    rows = measured.units(found(), texts=True)
    assert len(rows) == 3 * N_TEXTS
    reading, groups = found().readings, np.array(corpus.groups)
    for place, (language, own) in enumerate(states.language_states(model, corpus)):
        for text in range(N_TEXTS):
            (row,) = (
                each
                for each in rows
                if (each["language"], each["group"]) == (language, text)
            )
            members = groups == text
            tokens = reading.n_tokens[place, members].sum()
            of_reference = reading.n_tokens[1, members].sum()
            lines = np.array(corpus.sentences[place])[members]
            size = sum(len(line.encode()) for line in lines)
            kept = members[own.sentence] & (own.place > 0)
            last = own.values[-1, kept]
            gradient = redundancy.readout_gradient(model, last, own.following[kept])
            loss = reading.full[place, members].sum()
            expected = {
                "T": of_reference / tokens,
                "relative_tokens": tokens / of_reference,
                "tokens_per_byte": tokens / size,
                "R": redundancy.readout_participation(gradient, last),
                "head": 1 - loss / (tokens * np.log(model.config.vocabulary)),
                "loss": loss / size,
                "bytes": size / members.sum(),
                "tokens_per_word": tokens / sum(len(x.split()) for x in lines),
                "D": (reading.rounded - reading.full)[place, members].mean(),
                "A": variables(reading, reference=1)["A"][place, members].mean(),
            }
            for name, value in expected.items():
                # R: float32 gradients in other batches
                np.testing.assert_allclose(row[name], value, rtol=1e-4, err_msg=name)


@given(
    st.lists(st.floats(0.1, 9), min_size=6, max_size=6),
    st.lists(st.floats(0.1, 9), min_size=6, max_size=6),
    st.booleans(),
)
def test_pooled_values_lie_between_those_of_sentences(values, weights, harmonic):
    x, w = np.array([values]), np.array([weights])
    groups = np.array([0, 0, 1, 1, 1, 2])
    pooled = estimates.pool(
        estimates.Pooled(values=x, weights=w, harmonic=harmonic), groups
    )
    for group in range(3):
        own = x[0, groups == group]
        assert own.min() * (1 - 1e-9) <= pooled[0, group] <= own.max() * (1 + 1e-9)
    power = -1 if harmonic else 1
    by_numpy = [
        np.average(x[0, groups == g] ** power, weights=w[0, groups == g]) ** power
        for g in range(3)
    ]
    np.testing.assert_allclose(pooled[0], by_numpy)


def test_sentences_without_a_value_do_not_count():
    found = estimates.pool(
        estimates.Pooled(
            values=np.array([[1.0, np.nan, np.nan]]), weights=np.ones((1, 3))
        ),
        np.array([0, 0, 1]),
    )
    np.testing.assert_array_equal(found, [[1.0, np.nan]])


def test_languages_have_every_estimator():
    rows, missing = by_language()
    _, corpus = model_and_corpus()
    assert [row["language"] for row in rows] == list(corpus.languages)
    json.dumps(rows, allow_nan=False)
    assert missing == {}
    means = found().readings.means
    grams = jax.vmap(similarity.gram)(jnp.asarray(means))
    centred = jax.vmap(similarity.unbiased)(grams)
    for place, row in enumerate(rows):
        # two ways to the same
        np.testing.assert_allclose(row["R"], row["R_readout"], rtol=1e-4)
        np.testing.assert_allclose(row["head"], row["R_head"], rtol=1e-5)
        np.testing.assert_allclose(row["margin_1"], row["A"], atol=1e-5)
        np.testing.assert_allclose(row["retrieval_1"], row["retrieval"], atol=1e-6)
        kernel = similarity.alignment(centred[place], centred[1])
        np.testing.assert_allclose(row["cka"], kernel, atol=1e-5)
        assert row["D_low"] < row["D"] < row["D_high"]
    assert {"margin_0", "margin_1", "margin_2", "margin_3", "R_noise"} <= set(rows[0])
    assert rows[1]["cka"] == pytest.approx(1, abs=1e-5)
    assert rows[0]["boundary_recall"] is not None


def test_alignment_is_that_of_the_tap_asked_for():
    model, corpus = model_and_corpus()
    other = measured.measure(model, corpus, QUANTIZER, tap=3, reference="de")
    assert (other.tap, other.reference) == (3, "de")
    margins = convergence.margins(jnp.asarray(other.readings.means))
    found_margins = other.estimates["A"].values
    np.testing.assert_allclose(found_margins, margins, atol=1e-6)
    np.testing.assert_array_equal(other.estimates["T"].values[0], 1.0)


def test_without_a_second_text_there_is_no_interval():
    model, corpus = model_and_corpus()
    one = corpora.keep(corpus, [2, 3, 4])
    rows, missing = language_table.languages(
        measured.measure(model, one, QUANTIZER), key=jax.random.key(0)
    )
    assert "D_low" not in rows[0]
    assert "cka" not in rows[0]
    assert set(missing) == {"R_gaussian"}
    assert rows[0]["margin_without_length"] is None

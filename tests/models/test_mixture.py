import collections
import dataclasses

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdisp.models import mixture
from tests.models import small

KEY = jax.random.key(0)


def test_a_recipe_says_what_its_file_says(tmp_path):
    recipe, _ = small.recipe(tmp_path)
    assert dataclasses.asdict(recipe) == {
        "name": "tiny",
        "layers": 2,
        "heads": 2,
        "width": 8,
        "context": 16,
        "vocabulary": 300,
        "steps": 24,
        "tokens_per_step": 96,
        "learning_rate": 0.02,
        "table_learning_rate": 0.02,
        "warmup": 4,
        "weight_decay": 0.1,
        "dropout": 0.1,
        "seed": 3,
        "sources": (
            {"name": "one", "licence": "CC0-1.0", "attribution": "Nobody."},
            {"name": "two", "licence": "CC-BY-4.0", "attribution": "Somebody."},
        ),
        # three quarters to xx, of which two thirds to the source of twice the weight
        "cells": (
            cell("one", "xx", 1, 12, 3 / 4 * 1 / 3),
            cell("two", "xx", 3, 9, 3 / 4 * 2 / 3),
            cell("one", "yy", 2, 11, 1 / 4),
        ),
    }


def cell(source, language, first, last, share):
    return {
        "source": source,
        "language": language,
        "first": first,
        "last": last,
        "share": pytest.approx(share, rel=1e-12),  # a few roundings of float64
    }


def test_the_recipe_of_the_embedded_model_is_allowed(tmp_path):
    path = small.ASSETS / "polyglot.toml"
    recipe = mixture.read_recipe(path)
    assert sum(cell.share for cell in recipe.cells) == pytest.approx(1, rel=1e-12)
    assert len({cell.language for cell in recipe.cells}) == 16


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "tiny"', "", "the entry 'name' is missing"),
        (
            "[schedule]",
            "[plan]",
            "plan: unknown in a recipe; allowed: name, model, sch",
        ),
        ("seed = 3", "", "the entry 'seed' is missing"),
        ('licence = "CC0-1.0"', "", "the entry 'licence' is missing"),
        ("seed = 3", "seed = 3\ncolour = 1", "colour: unknown in a model or schedule"),
        ("weight = 1", "weight = 1\nurl = 1", "url: unknown in a source; allowed: na"),
        ("width = 8", "width = 9", "width 9 is not divisible by heads 2"),
        ("heads = 2", "heads = 0", "heads must be a whole number of at least 1, got 0"),
        (
            "width = 8",
            'width = "8"',
            "width must be a whole number of at least 1, got '",
        ),
        ("layers = 2", "layers = 2.0", "layers must be a whole number of at least 1"),
        ("steps = 24", "steps = true", "steps must be a whole number of at least 1"),
        ("vocabulary = 300", "vocabulary = 256", "a whole number of at least 257, got"),
        ("dropout = 0.1", "dropout = 1.0", "dropout must be at least 0 and below 1"),
        ("dropout = 0.1", "dropout = nan", "dropout must be at least 0 and below 1"),
        ("decay = 0.1", "decay = -0.1", "weight_decay must be at least 0 and below 1"),
        ("warmup = 4", "warmup = 24", "warmup 24 must be below steps 24"),
        ("yy = 1", "yy = 0", "the share of yy must be a positive number, got 0"),
        ("yy = 1", "", "yy: unknown in a table of lines; allowed: xx"),
        ("yy = 1", "yy = 1\nzz = 1", "no source has lines in 'zz'"),
        ("weight = 2", "weight = -2", "the weight of two must be a positive number"),
        ("[3, 9]", "[9, 3]", r"lines of xx in two must be \[first, last\], counted f"),
        ("[3, 9]", "[0, 9]", r"lines of xx in two must be .* 1, got \[0, 9\]"),
        ("[3, 9]", "[3]", "not enough values to unpack"),
        ("[3, 9]", "9", "an entry is of the wrong kind"),
        ("[share]", "[share", "Expected ']'"),
    ],
)
def test_recipes_that_are_refused(old, new, message, tmp_path):
    assert small.RECIPE.count(old) == 1
    with pytest.raises(ValueError, match=message) as caught:
        small.recipe(tmp_path, small.RECIPE.replace(old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'tiny.toml'}: ")
    assert "\n" not in str(caught.value)


def test_cells_hold_the_lines_they_name(tmp_path):
    recipe, data = small.recipe(tmp_path)
    one, two, other = mixture.read_cells(recipe, data)
    lines = {
        (source, language): (data / source / f"{language}.txt").read_text().split("\n")
        for source, language in [("one", "xx"), ("two", "xx"), ("one", "yy")]
    }
    assert one == lines["one", "xx"][:12]
    assert two == lines["two", "xx"][2:9]
    assert other == lines["one", "yy"][1:11]
    assert (len(one), two[0].split()[0], other[-1].split()[0]) == (12, "2", "10")


def test_only_a_newline_ends_a_line(tmp_path):
    # other separators occur inside sentences; parallel files would fall out of step
    recipe, data = small.recipe(tmp_path)
    path = data / "two" / "xx.txt"
    lines = [f"{n}\u2028and\x85more\x0c" for n in range(12)]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert mixture.read_cells(recipe, data)[1] == lines[2:9]


def test_text_that_is_missing(tmp_path):
    recipe, data = small.recipe(tmp_path)
    path = data / "two" / "xx.txt"
    path.write_text("only\nfour\nlines\nhere\n")
    with pytest.raises(ValueError, match=r"xx.txt: lines 3 to 9 .*, but it has 4$"):
        mixture.read_cells(recipe, data)
    path.unlink()
    with pytest.raises(ValueError, match=r"xx.txt: no such file; --data names its gr"):
        mixture.read_cells(recipe, data)


CELL_SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=5)


@given(data=st.data(), shares=st.lists(st.floats(0.1, 1), min_size=3, max_size=3))
def test_shares_are_met_within_rounding(data, shares):
    recipe = mixture.Recipe(
        **dict.fromkeys(mixture.LEAST, 1) | {"tokens_per_step": 256},
        **dict.fromkeys(mixture.RATES, 0.1),
        name="shares",
        sources=(),
        cells=tuple(
            mixture.Cell(
                source="s", language="l", first=1, last=9, share=s / sum(shares)
            )
            for s in shares
        ),
    )
    # an é has two bytes; tokens are as many as drawn, whatever the text
    texts = [["é" * n for n in data.draw(CELL_SIZES)] for _ in shares]
    tokens = [[[0] * n for n in data.draw(CELL_SIZES)] for _ in shares]
    counts = mixture.sentences_per_block(recipe, tokens, texts)
    bytes_each = np.array([np.mean([2 * len(s) for s in cell]) for cell in texts])
    tokens_each = np.array([np.mean([len(s) for s in cell]) for cell in tokens])
    seen = counts * bytes_each
    share = np.array([cell.share for cell in recipe.cells])
    # every count is off by a half at most, unless it was raised to 1
    off = np.where(np.array(counts) == 1, 1.0, 0.5) + 1e-6
    bound = off * bytes_each + share * np.sum(off * bytes_each)
    assert np.all(np.abs(seen - share * np.sum(seen)) <= bound)
    block = mixture.BLOCK_STEPS * 256
    assert abs(np.sum(counts * tokens_each) - block) <= np.sum(off * tokens_each)
    assert min(counts) >= 1


def test_counts_by_hand(tmp_path, monkeypatch):
    monkeypatch.setattr(mixture, "BLOCK_STEPS", 5)
    recipe, _ = small.recipe(tmp_path)
    texts = [["aaaa"], ["bb", "bbbbbb"], ["éé"]]  # 4 bytes each
    tokens = [[[0] * 2], [[0] * 4, [0] * 8], [[0] * 8]]  # 2, 6 and 8 tokens on average
    # shares 1/4, 1/2, 1/4 and as many bytes each: so 1 to 2 to 1 sentences, which
    # have 2 + 12 + 8 = 22 tokens; 5 * 96 tokens hold 21.8 such groups
    assert mixture.sentences_per_block(recipe, tokens, texts) == [22, 44, 22]


@settings(max_examples=15)
@given(
    sizes=st.lists(st.sampled_from([1, 2, 5, 7]), min_size=2, max_size=2),
    counts=st.lists(st.integers(1, 9), min_size=2, max_size=2),
)
def test_every_line_of_a_cell_comes_once_before_any_repeats(sizes, counts):
    read = collections.defaultdict(list)
    for number in range(6):
        block = mixture.draw_block(KEY, number, sizes, counts)
        assert [sum(c == cell for c, _ in block) for cell in (0, 1)] == counts
        for cell, sentence in block:
            read[cell].append(sentence)
    for cell, size in enumerate(sizes):
        for start in range(0, len(read[cell]), size):
            single_pass = read[cell][start : start + size]
            assert len(set(single_pass)) == len(single_pass)
            assert set(single_pass) <= set(range(size))


def test_orders_differ_between_passes_cells_and_runs():
    def order(key, number, cell):
        block = mixture.draw_block(key, number, [20, 20], [20, 20])
        return [sentence for c, sentence in block if c == cell]

    orders = [
        order(key, number, cell)
        for key in (KEY, jax.random.key(1))
        for number in (0, 1)
        for cell in (0, 1)
    ]
    assert all(sorted(found) == list(range(20)) for found in orders)
    # 28 pairs of orders out of 20! = 2e18: equal by chance never
    assert len({tuple(found) for found in orders}) == 8


SENTENCES = st.lists(
    st.lists(st.integers(0, 99), min_size=1, max_size=16), min_size=1, max_size=20
)


@settings(max_examples=25)
@given(sentences=SENTENCES)
def test_batches_hold_every_sentence_once_and_whole(sentences):
    found = []
    for batch in mixture.batches(KEY, sentences, 40, [4, 8, 16]):
        rows, length = batch.tokens.shape
        assert batch.mask.shape == batch.tokens.shape
        assert (rows, length) in {(10, 4), (5, 8), (2, 16)}
        assert batch.tokens.dtype == np.int32
        for tokens, mask in zip(batch.tokens, batch.mask, strict=True):
            size = int(np.sum(mask))
            assert np.all(mask[:size])
            assert np.all(tokens[size:] == 0)
            if size:
                found.append(tokens[:size].tolist())
    assert sorted(found) == sorted(sentences)


def test_batches_are_no_longer_than_they_need_be():
    sentences = [[1] * 16, [2] * 3, [3] * 3, [4] * 8, [5] * 4]
    made = {b.tokens.shape[1] for b in mixture.batches(KEY, sentences, 16, [4, 8, 16])}
    # one row of 16, then two of 8 that hold 8 and 4, then four of 4
    assert made == {4, 8, 16}


def test_a_sentence_longer_than_a_step_has_a_batch_of_its_own():
    [batch] = mixture.batches(KEY, [[7] * 9], 4, [9])
    assert batch.tokens.shape == (1, 9)


def test_batches_come_in_a_random_order():
    sentences = [[n] * (n + 1) for n in range(16)]

    def order(seed):
        key = jax.random.key(seed)
        made = mixture.batches(key, sentences, 1, [16])
        return [int(batch.tokens[0, 0]) for batch in made]

    assert order(0) == order(0)
    assert order(0) != order(1)
    assert order(0) != sorted(order(0), reverse=True)

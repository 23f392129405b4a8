import json

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models as tokenizer_models
from tokenizers import processors

from jaxdisp.models import vocabulary
from tests.models import small


@given(text=st.text(max_size=30).filter(lambda text: vocabulary.START not in text))
def test_any_text_can_be_written_and_read_back(text):
    tokenizer = small.tokenizer()
    [ids] = vocabulary.encode(tokenizer, [text], 0)
    assert ids[0] == 0
    assert tokenizer.decode(ids[1:]) == text


def test_a_vocabulary_starts_with_the_start_token_and_the_bytes():
    tokenizer = vocabulary.train_vocabulary([], 300)
    assert tokenizer.get_vocab_size() == 257  # no text, so nothing to merge
    assert tokenizer.token_to_id("<|endoftext|>") == 0
    # without merges, a token is a byte
    assert len(tokenizer.encode("Käse 猫").ids) == len("Käse 猫".encode())


def test_merges_go_to_the_most_frequent_neighbours():
    tokenizer = vocabulary.train_vocabulary(["abab ab", "ab"], 258)
    assert tokenizer.get_vocab_size() == 258
    assert tokenizer.token_to_id("ab") == 257


def test_a_sentence_that_comes_twice_counts_twice():
    tokenizer = vocabulary.train_vocabulary(["xy", "cd", "cd"], 258)
    assert tokenizer.token_to_id("cd") == 257


@pytest.mark.parametrize("size", [0, 256])
def test_vocabularies_that_are_too_small(size):
    with pytest.raises(ValueError, match=f"at least 257 tokens, got {size}"):
        vocabulary.train_vocabulary(["a"], size)


def test_sentences_are_encoded_one_by_one():
    tokenizer = small.tokenizer()
    found = vocabulary.encode(tokenizer, ["", *small.SENTENCES], 5)
    assert found[0] == [5]
    for sentence, ids in zip(small.SENTENCES, found[1:], strict=True):
        assert ids == [5, *tokenizer.encode(sentence).ids]


def test_truncation_and_padding_in_the_file_are_not_obeyed(tmp_path):
    # files from training often carry both; a sentence would lose its end
    tokenizer = small.tokenizer()
    plain = vocabulary.encode(tokenizer, small.SENTENCES, 0)
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    found = vocabulary.open_vocabulary(tmp_path)
    assert vocabulary.encode(found, small.SENTENCES, 0) == plain


def test_the_older_pair_of_files_gives_the_same_numbers(tmp_path):
    small.tokenizer().model.save(str(tmp_path))
    assert isinstance(small.tokenizer().model, tokenizer_models.BPE)
    assert not (tmp_path / "tokenizer.json").exists()
    older = vocabulary.open_vocabulary(tmp_path)
    for text in [*small.SENTENCES, "  two  spaces\n", "don't 42"]:
        assert older.encode(text).ids == small.tokenizer().encode(text).ids
        assert older.decode(older.encode(text).ids) == text


@pytest.mark.parametrize("missing", ["vocab.json", "merges.txt"])
def test_half_of_the_older_pair_is_not_enough(missing, tmp_path):
    small.tokenizer().model.save(str(tmp_path))
    (tmp_path / missing).unlink()
    with pytest.raises(ValueError, match=r"no tokenizer.json, nor vocab.json with mer"):
        vocabulary.open_vocabulary(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "[", '{"a": "b"}', "null"])
def test_damaged_vocabularies_are_refused_in_one_line(content, tmp_path):
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ValueError, match="the tokenizer cannot be read") as caught:
        vocabulary.open_vocabulary(tmp_path)
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


def start(directory, **files):
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    return vocabulary.start_token(small.tokenizer(), directory, small.TOKENS)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"config": {"bos_token_id": 7}}, 7),
        ({"config": {"bos_token_id": 0}, "generation_config": {"bos_token_id": 9}}, 0),
        ({"config": {}, "generation_config": {"bos_token_id": 9}}, 9),
        ({"config": {"bos_token_id": None}}, 0),
        ({"config": {"bos_token_id": True}}, 0),
        ({"config": {"bos_token_id": [7, 8]}}, 0),
        (
            {"config": {"bos_token_id": [7]}, "generation_config": {"bos_token_id": 9}},
            9,
        ),
        ({}, 0),
    ],
)
def test_where_the_start_token_comes_from(files, expected, tmp_path):
    assert start(tmp_path, **files) == expected


def marking(template, marks):
    """The tokenizer of `small`, which puts marks around a text as told."""
    tokenizer = small.tokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=list(marks.items())
    )
    return tokenizer


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("[A] $A", 5),  # as Llama, OPT and Gemma have it
        ("[A] $A [B]", 5),
        ("[B] $A [B]", 6),
        ("$A [B]", 7),  # an end token is no start: what config.json says counts
        ("[A] [B] $A", 7),  # nor are two
        ("$A", 7),
    ],
)
def test_what_the_tokenizer_puts_before_a_text_is_the_start(
    template, expected, tmp_path
):
    tokenizer = marking(template, {"[A]": 5, "[B]": 6})
    # as XGLM's does, whose config.json has another token
    (tmp_path / "config.json").write_text('{"bos_token_id": 7}')
    found = vocabulary.start_token(tokenizer, tmp_path, small.TOKENS)
    assert found == expected
    # and it stands there once
    [ids] = vocabulary.encode(tokenizer, ["The cat"], found)
    assert ids == [expected, *small.tokenizer().encode("The cat").ids]


def test_a_tokenizer_without_the_letters_that_are_tried(tmp_path):
    tokenizer = tokenizers.Tokenizer(tokenizer_models.BPE({"b": 0, "[A]": 1}, []))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[A] $A", special_tokens=[("[A]", 1)]
    )
    (tmp_path / "config.json").write_text('{"bos_token_id": 0}')
    assert vocabulary.start_token(tokenizer, tmp_path, 2) == 0


def test_a_start_of_the_tokenizer_without_a_row(tmp_path):
    tokenizer = marking("[A] $A", {"[A]": small.TOKENS})
    message = f"the start token of the tokenizer, {small.TOKENS} is outside the emb"
    with pytest.raises(ValueError, match=message):
        vocabulary.start_token(tokenizer, tmp_path, small.TOKENS)


@pytest.mark.parametrize("number", [-1, small.TOKENS])
def test_start_tokens_without_a_row(number, tmp_path):
    with pytest.raises(ValueError, match=f"bos_token_id {number} is outside the emb"):
        start(tmp_path, generation_config={"bos_token_id": number})


def test_a_damaged_file_beside_the_tokenizer_is_named(tmp_path):
    (tmp_path / "generation_config.json").write_text("{")
    with pytest.raises(ValueError, match=r"generation_config.json: not valid JSON"):
        start(tmp_path)


def test_no_start_token_at_all(tmp_path):
    tokenizer = vocabulary.train_vocabulary([], 257)
    content = tokenizer.to_str().replace("<|endoftext|>", "<|other|>")
    with pytest.raises(ValueError, match="no start token: set bos_token_id in config"):
        vocabulary.start_token(tokenizer.from_str(content), tmp_path, 257)

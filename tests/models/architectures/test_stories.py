"""A pretrained model of another format tells the story that its publisher shows."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdisp import models
from jaxdisp.models import decoder
from tests.models import llama2_c

PLACE = pathlib.Path(__file__).parents[4] / "shared" / "data" / "weights"
STORIES = PLACE / "stories260K"

pytestmark = pytest.mark.skipif(
    not STORIES.is_dir(), reason=f"the weights are not in {STORIES}"
)


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    directory = tmp_path_factory.mktemp("stories")
    return llama2_c.convert(
        STORIES / "stories260K.bin", STORIES / "tok512.bin", directory / "model"
    )


def greedy(model, length):
    """Tokens that are each the likeliest after those before; padding is not seen."""
    tokens = np.full((1, length), 0, np.int32)
    tokens[0, 0] = model.start
    for place in range(1, length):
        following = models.logits(model, jnp.asarray(tokens))[0, place - 1]
        tokens[0, place] = int(jnp.argmax(following))
    return tokens[0, 1:].tolist()


def test_greedy_decoding_tells_the_published_story(stories):
    model = models.load(stories)
    assert model.start == llama2_c.START
    told = model.tokenizer.decode(greedy(model, 64))
    assert told.startswith("Once upon a time, there was a little girl named Lily.")


def test_a_story_is_likelier_than_its_words_in_reverse(stories):
    model = models.load(stories)
    text = "Once upon a time, there was a little girl named Lily."
    backwards = " ".join(reversed(text.split()))

    def loss(text):
        ids = [model.start, *model.tokenizer.encode(text).ids]
        tokens = jnp.array([ids])
        logits = models.logits(model, tokens)
        mask = jnp.ones(tokens.shape, bool)
        return float(jnp.sum(jax.jit(decoder.token_losses)(logits, tokens, mask)))

    assert model.tokenizer.decode(model.tokenizer.encode(text).ids) == text
    assert loss(text) < 20 < loss(backwards)

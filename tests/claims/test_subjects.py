import pytest

from jaxdisp.claims import subjects
from jaxdisp.measure import corpus as corpora
from jaxdisp.models.quantized import Quantizer
from tests.claims import subject as made


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed must be between"),
        ({"few": 0}, "limit must be at least 1"),
        ({"few": 1}, "at least 2 texts, got 1 of 1"),
        ({"quantizer": Quantizer(bits=9)}, "bits must be between 2 and 8"),
        ({"stride": 30}, "stride must be between 1 and 29"),
    ],
)
def test_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        subjects.make_subject(*made.model_and_corpus(), **changes)


def test_one_text_is_too_few():
    model, corpus = made.model_and_corpus()
    with pytest.raises(ValueError, match="at least 2 texts, got 2 of 1"):
        subjects.make_subject(model, corpora.keep(corpus, [0, 1]))


def test_opens_the_embedded():
    subject = subjects.open_subject(languages=["en", "he"], limit=16, few=4)
    assert subject.corpus.n_sentences == 16
    assert subject.few.n_sentences == 4
    assert subject.quantizer == Quantizer()

"""Random models of twelve layers with an effect planted in some of them."""

import pathlib
import tempfile

import jaxdisp
from jaxdisp.claims import subjects
from jaxdisp.measure import corpus as corpora
from tests.measure import tiny as texts
from tests.models import small

ENTRIES = texts.entries(n_layer=12)
MATRICES = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")


def subject(change, few=8):
    """A subject whose tensors were changed, by name, before they were written."""
    arrays = small.tensors(ENTRIES)
    change(arrays)
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        texts.write_corpus(directory / "corpus")
        model = small.write(directory / "model", ENTRIES, small.prefixed(arrays))
        return subjects.make_subject(
            jaxdisp.models.load(model),
            corpora.load_corpus(directory / "corpus"),
            few=few,
        )

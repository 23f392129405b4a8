import numpy as np

from jaxdisp.claims import losses, subjects
from jaxdisp.measure import cube
from tests.claims import subject as made


def test_layer_losses_are_those_of_the_cube():
    subject = made.tiny()
    found = losses.layer_losses(subject)
    n_layers = subject.model.config.n_layers
    sites = [
        [0] * n_layers,
        [1] * n_layers,
        *np.eye(n_layers, dtype=int).tolist(),
        *(1 - np.eye(n_layers, dtype=int)).tolist(),
    ]
    expected = np.asarray(
        cube.evaluate(subject.model, subject.few, sites, [subject.quantizer]).nll
    )
    joined = np.concatenate([[found.full, found.everything], found.alone, found.spared])
    np.testing.assert_allclose(joined, expected, rtol=1e-5)
    assert losses.layer_losses(subject) is found
    np.testing.assert_allclose(
        losses.evaluate(subject, np.array(sites[2:4])), expected[2:4], rtol=1e-5
    )


def test_few_sentences_are_spread_over_the_texts():
    subject = made.tiny(few=4)
    assert subject.few.n_sentences == 4
    assert len(set(subject.few.groups)) == 4
    assert subjects.FEW == 32

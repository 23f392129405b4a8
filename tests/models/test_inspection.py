"""What a checkpoint is, against its files read by others."""

import json

import numpy as np
import pytest
import safetensors.numpy
from scipy import stats

from jaxdisp import models
from jaxdisp.models import inspection
from jaxdisp.models.model import count_parameters
from tests.models import small
from tests.models.architectures import drawn, every


def checkpoint(directory, kind="llama", **changes):
    entries = every.entries(kind) | changes
    return small.write(directory, entries, drawn.arrays(entries))


def test_kurtosis_of_matrices_and_layers(tmp_path):
    facts = inspection.inspect(checkpoint(tmp_path))
    arrays = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    assert len(facts.kurtosis) == 3
    for layer in range(3):
        pooled = []
        for name, found in facts.matrices.items():
            values = arrays[name.format(layer=layer)].astype(np.float64).ravel()
            pooled.append(values)
            assert found[layer] == pytest.approx(stats.kurtosis(values), rel=1e-9)
        together = stats.kurtosis(np.concatenate(pooled))
        assert facts.kurtosis[layer] == pytest.approx(together, rel=1e-9)
    assert len(facts.matrices) == 7


@pytest.mark.parametrize("kind", ["gpt2", "llama", "mamba"])
def test_sizes(kind, tmp_path):
    facts = inspection.inspect(checkpoint(tmp_path, kind))
    model = models.load(tmp_path)
    assert facts.parameters == count_parameters(model)
    assert facts.file_bytes == (tmp_path / "model.safetensors").stat().st_size
    assert facts.types == {"F32": 4 * facts.parameters}
    config = model.config
    assert (facts.n_layers, facts.width) == (config.n_layers, config.width)
    assert (facts.vocabulary, facts.tied) == (config.vocabulary, config.tied)
    assert facts.context == (None if kind == "mamba" else 30)
    assert (facts.architecture, facts.source) == (kind, str(tmp_path))
    assert facts.start == "<|endoftext|>"
    json.dumps(facts.matrices)


def test_every_layer_is_counted(tmp_path):
    seen = []
    inspection.inspect(checkpoint(tmp_path), advance=lambda: seen.append(1))
    assert len(seen) == 3


def test_what_is_damaged_is_refused(tmp_path):
    entries = every.entries("llama")
    arrays = drawn.arrays(entries)
    arrays["layers.1.mlp.up_proj.weight"][2, 3] = np.nan
    small.write(tmp_path, entries, arrays)
    with pytest.raises(
        ValueError, match=r"layers\.1\.mlp\.up_proj\.weight holds 1 val"
    ):
        inspection.inspect(tmp_path)
    with pytest.raises(ValueError, match="no such directory"):
        inspection.inspect(tmp_path / "none")

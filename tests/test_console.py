"""What commands share: refusals, names in lists, and the cache of compiled programs."""

import dataclasses
import json

import jax
import pytest

from jaxdisp import console
from jaxdisp.models import Quantizer
from jaxdisp.report import law_thresholds, runs
from jaxdisp.report.search_lattice import Search
from tests.report import tiny_clip, tiny_search

CACHE = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")


def test_refusals_are_one_line(capsys):
    with pytest.raises(SystemExit) as end:
        console.refuse("a: is\n  wrong;\tdo b")
    captured = capsys.readouterr()
    assert end.value.code == 2
    assert (captured.out, captured.err) == ("", "jaxdisp: a: is wrong; do b\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, None), ("", ()), ("en", ("en",)), (" en, he ,,", ("en", "he"))],
)
def test_lists_of_names(text, expected):
    assert console.names(text) == expected


def test_options_become_settings():
    search = Search(keep=1, bits=(3,))
    wanted = tiny_search.settings(search, languages=("en", "ru"))
    options = {
        field.name: getattr(wanted, field.name)
        for field in dataclasses.fields(wanted)
        if field.name not in ("command", "quantizer", "languages")
    }
    of_quantizer = dataclasses.asdict(Quantizer(bits=3)) | {"include": "embeddings"}
    given = options | of_quantizer | {"languages": "en,ru"}
    found = console.settings_of("search", given)
    included = Quantizer(bits=3, include=("matrices", "embeddings"))
    assert found == dataclasses.replace(wanted, quantizer=included)


@pytest.fixture
def cache():
    """The settings of the cache, put back afterwards."""
    before = {name: getattr(jax.config, name) for name in CACHE}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def test_programs_are_kept_in_the_cache_of_the_user(cache, monkeypatch, tmp_path):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    console.keep_compiled()
    place = tmp_path / "jaxdisp" / "compiled"
    assert jax.config.jax_compilation_cache_dir == str(place)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    console.keep_compiled()
    place = tmp_path / "home" / ".cache" / "jaxdisp" / "compiled"
    assert jax.config.jax_compilation_cache_dir == str(place)


@pytest.mark.parametrize("named", ["", "elsewhere"])
def test_another_place_of_compiled_programs_is_left(cache, monkeypatch, named):
    before = jax.config.jax_compilation_cache_dir
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", named)
    console.keep_compiled()
    assert jax.config.jax_compilation_cache_dir == before


def test_laws_are_written_where_asked(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(law_thresholds, "by_kurtosis", tiny_clip.by_kurtosis)
    options = {"output": tmp_path / "law", "overwrite": False, "as_json": True}
    console.law("gaussian", 4, None, options)
    shown = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "law" / "results.json").read_bytes()) == shown
    assert not (tmp_path / "law" / runs.UNFINISHED).exists()
    with pytest.raises(SystemExit):
        console.law("gaussian", 4, None, options)
    assert "law: holds a run; choose another" in capsys.readouterr().err

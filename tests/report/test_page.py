"""The page of a run: complete, and in need of nothing beside it."""

import base64
import re

import jax
import jinja2
import pytest

from jaxdisp.report import page, search_tables, tables
from tests.report import made_up_search
from tests.report.test_tables import entries, row

ABOUT = {
    "command": "run",
    "model": "a model",
    "quantizer_in_words": "4 bits & more",
    "corpus": "embedded",
    "measured_languages": ["ru", "en"],
    "n_sentences": 8,
    "hashes": {"weights": "0123"},
}
ENVIRONMENT = {"arguments": ["run"]}
CONTRAST = {"low": ["ru"], "high": ["en", "de"], "rule": "r"}
FIT = {"context": 30, "stride": 15, "sentences": 0, "languages": {}}
LONGER = FIT | {"sentences": 2, "languages": {"en": 2, "ru": 1}}
FIGURES = {
    "figures/degradation.png": b"one",
    "figures/degradation.svg": b"<svg/>",
    "figures/layers.png": b"two",
    "figures/sets.png": b"three",
    "figures/pareto.png": b"four",
    "figures/layer_shares.png": b"five",
    "figures/interactions.png": b"six",
}


def found(**changes):
    return (
        ABOUT
        | {
            "degradation": [row(), row(language="<en>", flag="")],
            "disparity": entries() | {"contrast": CONTRAST},
            "n_groups": 4,
            "windows": FIT,
        }
        | changes
    )


def searched(**changes):
    sets = made_up_search.layer_sets(12, 3)[::10]
    found = made_up_search.search(jax.random.key(3), [(0, 9, 11), *sets])
    said = {"search_sentences": 5, "sentences": ["0 and 11 save together."]}
    return found | said | changes


def rendered(**changes):
    results = found(**changes)
    content = page.content(results, ENVIRONMENT)
    return page.render(content, FIGURES).decode()


def test_only_what_was_measured_is_shown():
    text = rendered()
    assert text.count("<img") == 1
    assert "data:image/png;base64,b25l" in text  # "one"
    assert "3.00 [2.75, 3.25]" in text
    assert "4 bits &amp; more" in text
    assert "&lt;en&gt;" in text
    assert "<en>" not in text
    assert "Low and high: ru and en, de: r." in text
    assert "over 4 texts." in text
    for absent in ("Which layers", "to protect", "windows"):
        assert absent not in text


def test_everything_that_was_measured_is_shown():
    search = searched()
    text = rendered(layers=[{}], layer_sentences=6, search=search, windows=LONGER)
    for name, data in FIGURES.items():
        shown = f"data:image/png;base64,{base64.b64encode(data).decode()}"
        assert text.count(shown) == name.endswith(".png"), name
    assert text.count("<img") == 6
    assert "Measured on 6 sentences" in text
    words = " ".join(text.split())
    n_sets = len(search["sets"])
    assert f"{n_sets} sets of layers were measured on 5 sentences" in words
    assert tables.with_bounds(search["unprotected"], "worst", 2) in text
    assert search["proposed"]["sentence"] in text
    assert search["surrogate"]["sentence"] in text
    assert "0 and 11 save together." in text
    assert search["certificates"]["sentences"][0] in text
    assert (
        "Sentences longer than the context, scored in windows of 30 tokens with stride "
        "15: 2 (en 2, ru 1).</p>"
    ) in text
    listed = search_tables.set_cells(
        search["sets"][: page.LISTED], proposed=search_tables.proposed_row(search)
    )
    for cells in listed:
        assert "".join(f"<td>{cell}</td>" for cell in cells) in text


def test_of_a_search_alone_only_that_is_shown():
    search = searched(layers=[], interactions=[], proposed=None)
    results = ABOUT | search | {"n_groups": 4, "windows": FIT, "command": "search"}
    content = page.content(results, ENVIRONMENT)
    text = page.render(content, FIGURES).decode()
    assert text.count("<img") == 2
    assert "Which layers to protect" in text
    for absent in ("What each language loses", "to blame", "What each layer is worth"):
        assert absent not in text


def test_nothing_outside_is_referred_to():
    text = rendered(layers=[{}], layer_sentences=6)
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", text)
    assert not re.findall(r"https?://|@import|url\(|<script|<link", text)


def test_a_value_that_is_missing_is_no_empty_string():
    content = page.content(found(), ENVIRONMENT)
    del content["provenance"]
    with pytest.raises(jinja2.UndefinedError, match="provenance"):
        page.render(content, FIGURES)

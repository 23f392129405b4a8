"""The report of a run: one HTML page that needs nothing beside it."""

import base64
from typing import Any

import jinja2

from jaxdisp.report import clip_tables, tables

TEMPLATE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{{ title }}</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
         padding: 0 1rem; color: #222; }
  table { border-collapse: collapse; margin: 1em 0;
          font-variant-numeric: tabular-nums; }
  th, td { padding: .15em .7em; text-align: right; white-space: nowrap; }
  th:first-child, td:first-child { text-align: left; }
  th { border-bottom: 1px solid #222; }
  tr.marked { background: #f3efe2; }
  img { max-width: 100%; }
  .note { color: #555; }
  h2 { margin-top: 2em; }
</style>
<h1>{{ title }}</h1>
<p>{{ summary }}</p>
{% macro table(header, rows) %}
<table><tr>{% for cell in header %}<th>{{ cell }}</th>{% endfor %}</tr>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% endmacro %}
<h2>What each language loses</h2>
<p><img src="{{ images["degradation"] }}" alt="degradation by language"></p>
{{ table(degradation_header, degradation) }}
<p class="note">D_sent: nats lost per parallel sentence, the unit to compare languages
by; D_byte: bits lost per byte; loss: bits per byte in full precision. Intervals: 95 %,
paired BCa bootstrap over {{ n_groups }} texts{{ left_out }}.</p>
<h2>How unequal that is</h2>
{{ table(["measure", "estimate [95 %]", "unit or remark"], disparity) }}
{% if contrast %}<p class="note">Low and high: {{ contrast }}.</p>{% endif %}
{% if layers %}
<h2>Which layers are to blame</h2>
<p><img src="{{ images["layers"] }}" alt="degradation by layer and language"></p>
<p class="note">Measured on {{ layer_sentences }} sentences per language. Left: one
layer quantized, all others in full precision. Right: everything quantized but one
layer. Intervals are pointwise: about one in twenty excludes 0 by chance alone.</p>
{% endif %}
{% if sets %}
<h2>Which {{ set_size }} layers to protect</h2>
<p>All {{ n_sets }} sets of {{ set_size }} layers were measured on {{ set_sentences }}
sentences per language; unprotected, the worst language loses {{ unprotected }}.
{{ gateway }}</p>
{{ table(set_header, sets) }}
<p class="note">Ranked by the loss of the worst language. Neighbours whose intervals
overlap this much are not told apart by so few sentences: take the list as a screening,
not as a winner.</p>
{% endif %}
{% if clipping %}
<h2>What clipping changes</h2>
<p><img src="{{ images["clipping"] }}" alt="degradation by clipping rule"></p>
{{ table(clipping.header, clipping.cells) }}
<p class="note">Measured on {{ clipping.n_sentences }} sentences per language, with
activations from {{ clipping.calibrated_on }}. absmax clips nothing; 99.9 % is a
percentile of the weights; gauss and laplace are ACIQ's; exact has the least error of
the weights; average and minimax have the least error of the outputs, averaged over
languages and in the worst one. Differences are paired; *: the interval excludes 0.</p>
<p>{{ clipping.verdict }}</p>
<p class="note">{{ clipping.split }}</p>
{% endif %}
<h2>How this was made</h2>
<p><code>jaxdisp {{ command }}</code></p>
<p class="note">{{ provenance }}</p>
</html>
"""

LISTED = 10

SET_HEADER = (
    "layers",
    "rank",
    "worst language",
    "its loss [95 %]",
    "mean [95 %]",
    "worst minus best [95 %]",
    "levelling down",
)


def content(
    summary: dict[str, str], found: dict[str, Any], chosen: dict[str, Any] | None
) -> dict[str, Any]:
    """Collects what the page shows.

    Args:
        summary: `title`, `summary`, `command` and `provenance` in words.
        found: the content of `results.json`.
        chosen: the contrast between languages, if there is one.

    Reference: our own definition.
    """
    left_out = len(found["left_out_lines"])
    sets = found.get("protection_sets", [])
    return summary | {
        "degradation_header": tables.DEGRADATION_HEADER,
        "degradation": tables.degradation_cells(found["degradation"]),
        "n_groups": found["n_groups"],
        "left_out": f"; {left_out} sentences were too long for the model's context "
        "in some language and are left out of all"
        if left_out
        else "",
        "disparity": tables.disparity_lines(found["disparity"]),
        "contrast": chosen
        and f"{', '.join(chosen['low'])} and {', '.join(chosen['high'])}: "
        f"{chosen['rule']}",
        "layers": "layers" in found,
        "layer_sentences": found.get("layer_sentences"),
        "set_header": SET_HEADER,
        "sets": set_cells(sets[:LISTED]),
        "n_sets": len(sets),
        "set_size": len(sets[0]["layers"]) if sets else 0,
        "set_sentences": found.get("set_sentences"),
        "unprotected": sets
        and tables.with_bounds(_flat(found["unprotected"]["worst"]), "worst", 3),
        "gateway": found.get("gateway", ""),
        "clipping": _clipping(found["clipping"]) if "clipping" in found else None,
    }


def _clipping(compared: dict[str, Any]) -> dict[str, Any]:
    return {
        "header": clip_tables.comparison_header(compared),
        "cells": clip_tables.comparison_cells(compared),
        "n_sentences": compared["n_sentences"],
        "calibrated_on": compared["calibrated_on"],
        "verdict": compared["verdict"],
        "split": clip_tables.split_sentence(compared),
    }


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "worst": entry["estimate"],
        "worst_low": entry["low"],
        "worst_high": entry["high"],
    }


def set_cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Writes the cells of the table of protection sets.

    Args:
        rows: as from `results.set_rows`.

    Reference: our own definition.
    """
    return [
        [
            " ".join(str(layer) for layer in row["layers"]),
            str(row["rank"]),
            row["worst_language"],
            tables.with_bounds(row, "worst", 3),
            tables.with_bounds(row, "mean", 3),
            tables.with_bounds(row, "max_min", 3),
            "yes" if row["levelling_down"] else "",
        ]
        for row in rows
    ]


def render(content: dict[str, Any], figures: dict[str, bytes]) -> bytes:
    """Writes the page, with its figures inside.

    Args:
        content: the values of the template, complete.
        figures: PNG files by their path in the run directory.

    Raises:
        jinja2.UndefinedError: if the template asks for a value that is not there.

    Reference: our own definition.
    """
    images = {
        path.split("/")[-1].removesuffix(".png"): "data:image/png;base64,"
        + base64.b64encode(data).decode()
        for path, data in figures.items()
        if path.endswith(".png")
    }
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True
    )
    page = environment.from_string(TEMPLATE).render(images=images, **content)
    return page.encode()

"""The report of a run: one HTML page that needs nothing beside it."""

import base64
from typing import Any

import jinja2

from jaxdisp.report import clip_tables, search_tables, tables
from jaxdisp.report.causes import lines as causes_lines
from jaxdisp.report.claims import lines as claim_lines
from jaxdisp.report.hypotheses import figures, lines
from jaxdisp.report.parts import part
from jaxdisp.report.registration.deviations import lines as registration_lines

TITLES = {
    "run": "What quantization costs each language",
    "search": "Which layers to protect",
    "hypotheses": "Why: hypotheses, each measured",
    "causal": "Why: causes, predicted and carried out",
    "intervene": "What interventions change",
    "claims": "Every claim, judged by data",
}

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
  table.text th, table.text td { white-space: normal; text-align: left;
                                 vertical-align: top; }
  img { max-width: 100%; }
  pre { font-size: 12px; overflow-x: auto; }
  .note { color: #555; }
  h2 { margin-top: 2em; }
</style>
<h1>{{ title }}</h1>
<p>{{ summary }}</p>
{% if windows %}<p class="note">{{ windows }}.</p>
{% endif %}
{% if registration %}<pre>{{ registration }}</pre>
{% endif %}
{% macro table(header, rows) %}
<table><tr>{% for cell in header %}<th>{{ cell }}</th>{% endfor %}</tr>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% endmacro %}
{% if degradation %}
<h2>What each language loses</h2>
<p><img src="{{ images["degradation"] }}" alt="degradation by language"></p>
{{ table(degradation_header, degradation) }}
<p class="note">D_sent: nats lost per parallel sentence, the unit to compare languages
by; D_byte: bits lost per byte; loss: bits per byte in full precision. Intervals: 95 %,
paired BCa bootstrap over {{ n_groups }} texts.</p>
<h2>How unequal that is</h2>
{{ table(["measure", "estimate [95 %]", "unit or remark"], disparity) }}
{% if contrast %}<p class="note">Low and high: {{ contrast }}.</p>{% endif %}
{% endif %}
{% if layers %}
<h2>Which layers are to blame</h2>
<p><img src="{{ images["layers"] }}" alt="degradation by layer and language"></p>
<p class="note">Measured on {{ layer_sentences }} sentences per language. Left: one
layer quantized, all others in full precision. Right: everything quantized but one
layer. Intervals are pointwise: about one in twenty excludes 0 by chance alone.</p>
{% endif %}
{% if search %}
<h2>Which layers to protect</h2>
<p>{{ search.n_sets }} sets of layers were measured on {{ search.n_sentences }}
sentences per language and ranked by {{ search.objective }}; unprotected, the worst
language loses {{ search.unprotected }}. {{ search.answer }}</p>
<p><img src="{{ images["sets"] }}" alt="sets by rank"></p>
{{ table(search.header, search.cells) }}
<p class="note">Rank: interval of each set's rank by itself, paired over texts and safe
where sets are nearly equal. {{ search.best }}</p>
{% if search.shares %}
<h3>What each layer is worth</h3>
<p><img src="{{ images["layer_shares"] }}" alt="Shapley values by layer"></p>
{% endif %}
{% if search.interactions %}
<h3>What layers are worth together</h3>
<p><img src="{{ images["interactions"] }}" alt="interactions of layers"></p>
{% for sentence in search.sentences %}<p>{{ sentence }}</p>
{% endfor %}
{% endif %}
<h3>What it costs</h3>
<p><img src="{{ images["pareto"] }}" alt="bytes against losses"></p>
<h3>What cannot be reached</h3>
{% for sentence in search.certificates %}<p>{{ sentence }}</p>
{% endfor %}
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
{% if hypotheses %}
<h2>What explains it, and what does not</h2>
<p>{{ hypotheses.tally }} {{ hypotheses.corrected }} Each experiment stated beforehand
what would count as support and as refutation; a verdict follows from the whole 95 %
interval.</p>
{{ table(hypotheses.header, hypotheses.cells) }}
{% for experiment in hypotheses.experiments %}
<h3>{{ experiment.id }}: {{ experiment.title }}</h3>
<p>{{ experiment.question }}</p>
{% if experiment.image %}<p><img src="{{ images[experiment.image] }}"
alt="{{ experiment.title }}"></p>
{% endif %}
{% for finding in experiment.findings %}
<p><b>{{ finding.id }}, {{ finding.verdict }}:</b> {{ finding.statement }}
<span class="note">{{ finding.reason }} ({{ finding.method }})</span></p>
{% endfor %}
<p class="note">Support: {{ experiment.support }}
Refutation: {{ experiment.refutation }} Control: {{ experiment.control }}</p>
{% endfor %}
{% endif %}
{% if causes %}
<h2>Causes, predicted and carried out</h2>
<p>T, how few tokens a language takes; A, how alike its states are to those of other
languages; R, over how many channels a prediction is spread; D, what quantization costs.
</p>
{% for name, image in images.items() if name.startswith("causes_") %}
<p><img src="{{ image }}" alt="{{ name.replace("_", " ") }}"></p>
{% endfor %}
<pre>{{ causes }}</pre>
{% endif %}
{% if claims %}
<h2>Every claim of the notes</h2>
<p>{{ claims.tally }}</p>
<table class="text"><tr>{% for cell in claims.header %}<th>{{ cell }}</th>{% endfor %}
</tr>
{% for row in claims.cells %}
<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>
<p class="note">{{ claims.remark }}</p>
{% endif %}
<h2>How this was made</h2>
<p><code>jaxdisp {{ command }}</code></p>
<p class="note">{{ provenance }}</p>
</html>
"""

LISTED = 10


def content(found: dict[str, Any], environment: dict[str, Any]) -> dict[str, Any]:
    """Collects what the page shows.

    Args:
        found: the content of `results.json`.
        environment: the content of `environment.json`.

    Reference: our own definition.
    """
    windows = tables.windows_sentence(found["windows"])
    searched, examined = part(found, "search"), part(found, "hypotheses")
    caused = part(found, "causes")
    chosen = found.get("disparity", {}).get("contrast")
    return {
        "title": TITLES[found["command"]],
        "summary": f"{found['model']}: {found['quantizer_in_words']}, measured on "
        f"{found['n_sentences']} parallel sentences in "
        f"{len(found['measured_languages'])} languages ({found['corpus']} corpus).",
        "command": " ".join(environment["arguments"]),
        "provenance": "; ".join(
            f"{name} {digest[:12]}" for name, digest in found["hashes"].items()
        ),
        "degradation_header": tables.DEGRADATION_HEADER,
        "degradation": tables.degradation_cells(found.get("degradation", [])),
        "n_groups": found["n_groups"],
        "windows": windows[:1].upper() + windows[1:],
        "disparity": tables.disparity_lines(found["disparity"])
        if "disparity" in found
        else [],
        "contrast": chosen
        and f"{', '.join(chosen['low'])} and {', '.join(chosen['high'])}: "
        f"{chosen['rule']}",
        "layers": "layer_sentences" in found,
        "layer_sentences": found.get("layer_sentences"),
        "search": searched and _search(searched),
        "hypotheses": examined and _examined(examined),
        "causes": caused and "\n".join(causes_lines.lines(caused)),
        "clipping": _clipping(found["clipping"]) if "clipping" in found else None,
        "registration": "\n".join(registration_lines(found["registration"]))
        if "registration" in found
        else "",
        "claims": claim_lines.in_full(found["claims"]) if "claims" in found else None,
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


def _search(found: dict[str, Any]) -> dict[str, Any]:
    rows, proposed = found["sets"], found["proposed"]
    return {
        "n_sets": len(rows),
        "n_sentences": found["search_sentences"],
        "objective": found["objective"].replace("_", "-"),
        "unprotected": tables.with_bounds(found["unprotected"], "worst", 2),
        "answer": proposed["sentence"] if proposed else "",
        "header": search_tables.SET_HEADER,
        "cells": search_tables.set_cells(
            rows[:LISTED], proposed=search_tables.proposed_row(found)
        ),
        "best": search_tables.best_sentence(rows),
        "shares": bool(found["layers"]),
        "interactions": bool(found["interactions"]),
        "sentences": [*found["sentences"], found["surrogate"]["sentence"]],
        "certificates": found["certificates"]["sentences"],
    }


def _examined(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "tally": lines.tally(found["findings"]),
        "corrected": lines.after_correction(found["corrected"]),
        "header": lines.HEADER,
        "cells": lines.cells(found["findings"]),
        "experiments": [
            experiment
            | {
                "image": figures.drawable(found, experiment["id"])
                and figures.file_name(experiment["id"]),
                "findings": figures.findings_of(found, experiment["id"]),
            }
            for experiment in found["experiments"]
        ],
    }


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

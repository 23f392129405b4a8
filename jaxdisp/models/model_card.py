"""The model card of a trained model: what it is, what it saw, whom to thank."""

from typing import Any

import jinja2

from jaxdisp.models import mixture

TEMPLATE = """\
---
language:
{%- for language in record.training_bytes %}
- {{ "'no'" if language == "no" else language }}
{%- endfor %}
license: cc-by-sa-4.0
library_name: transformers
pipeline_tag: text-generation
---

# {{ recipe.name }}

A GPT-2 of {{ recipe.layers }} layers and width {{ recipe.width }}, trained by
`jaxdisp train` for {{ recipe.steps }} steps of {{ recipe.tokens_per_step }} tokens
(seed {{ recipe.seed }}). It exists to study what quantization costs each language:
small enough to measure in seconds, and trained on deliberately unequal amounts of text.
It is no assistant, and its text means nothing.

| language | training text (bytes) | share of bytes seen |
|---|---:|---:|
{%- for language, size in record.training_bytes.items() %}
| {{ language }} | {{ size }} | {{ "%.1f" | format(100 * record.share[language]) }} % |
{%- endfor %}

`training.json` holds the recipe, the lines of each source, how often each was seen, and
the loss curve. A sentence is scored after the token `<|endoftext|>`.

## Sources and attribution
{% for source in recipe.sources %}
- **{{ source.name }}** ({{ source.licence }}): {{ source.attribution }}
{%- endfor %}

The weights were trained on this text and are shared under the terms of the strictest of
these licences.
"""


def render(recipe: mixture.Recipe, record: dict[str, Any]) -> str:
    """Writes the model card in the form that the Hugging Face hub reads.

    Args:
        recipe: the training recipe.
        record: the content of `training.json`.

    Reference: Mitchell et al. 2019, arXiv:1810.03993, in short.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    return environment.from_string(TEMPLATE).render(recipe=recipe, record=record)

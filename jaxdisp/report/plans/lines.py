"""Plans as lines of text: what they protect, what they cost, how to deploy them."""

import textwrap
from typing import Any

from jaxdisp.models.model import source_name
from jaxdisp.models.quantized import Quantizer
from jaxdisp.report import search_tables, tables
from jaxdisp.report.plans.plan import FILE
from jaxdisp.report.settings import describe

WIDTH = 110
SHOWN_HEADER = (
    "language",
    "full precision",
    "by the plan",
    "D_sent [95 %]",
    "unprotected [95 %]",
)
CHECK_HEADER = ("language", "loss per token", "predicted", "difference")


def lines(plan: dict[str, Any]) -> list[str]:
    """Writes what a plan is and what it costs, for a terminal.

    Args:
        plan: the content of `plan.json`.

    Reference: our own definition.
    """
    text = _wrapped(f"Plan: {what(plan)}.")
    if plan["predicted"] is not None:
        text += _wrapped(cost(plan["predicted"]))
    return text


def shown(plan: dict[str, Any]) -> list[str]:
    """Writes everything that a plan says, for a terminal.

    Args:
        plan: the content of `plan.json`.

    Reference: our own definition.
    """
    model = plan["model"]
    source = model["source"] or source_name(None)
    text = [f"{source}, {model['architecture']}, {model['n_layers']} layers"]
    text += lines(plan)
    for name, version in plan["exceptions"].items():
        text.append(f"  {name}: {_version(plan, version)}")
    if plan["chosen"] is not None:
        text += _wrapped(plan["chosen"]["sentence"])
    if plan["predicted"] is None:
        return [*text, "No losses are predicted: nobody measured it."]
    rows = plan["predicted"]["languages"]
    base = bool(rows) and all("unprotected_d_sent" in row for row in rows)
    header = SHOWN_HEADER if base else SHOWN_HEADER[:-1]
    cells = [
        [
            row["language"],
            f"{row['full_per_token']:.4f}",
            f"{row['loss_per_token']:.4f}",
            tables.with_bounds(row, "d_sent", 2),
            *([tables.with_bounds(row, "unprotected_d_sent", 2)] if base else []),
        ]
        for row in rows
    ]
    return [
        *text,
        "",
        tables.aligned(header, cells),
        *_wrapped(
            "Losses in nats per token; D_sent: nats lost per parallel sentence, with "
            "its paired 95 % interval over texts."
        ),
    ]


def _version(plan: dict[str, Any], version: int) -> str:
    if version == 0:
        return "full precision"
    return _in_words(plan["quantizers"][version - 1])


def of_run(plan: dict[str, Any]) -> list[str]:
    """Writes the plan that a run leads to, and how it is deployed.

    Args:
        plan: the part `plan` of its results.

    Reference: our own definition.
    """
    text = ["", *lines(plan)]
    if plan["chosen"] is not None:
        text += _wrapped(plan["chosen"]["sentence"])
    return [*text, f"Deploy it: jaxdisp quantize --plan RUN/{FILE} --out DIR"]


def what(plan: dict[str, Any]) -> str:
    """Says in words which layers are in which version.

    Args:
        plan: the content of `plan.json`.

    Reference: our own definition.
    """
    assignment = plan["assignment"]
    kept = {"layers": [n for n, v in enumerate(assignment) if v == 0]}
    said = []
    for version, quantizer in enumerate(plan["quantizers"], start=1):
        layers = [n for n, each in enumerate(assignment) if each == version]
        if layers:
            said.append(f"{_named(layers, assignment)} in {_in_words(quantizer)}")
    if kept["layers"]:
        said.append(f"{_named(kept['layers'], assignment)} in full precision")
    if plan["exceptions"]:
        number = len(plan["exceptions"])
        said.append(f"{number} module{'' if number == 1 else 's'} otherwise")
    return "; ".join(said)


def cost(predicted: dict[str, Any]) -> str:
    """Says in words what the worst language loses by a plan.

    Args:
        predicted: of a plan.

    Reference: our own definition.
    """
    number = predicted["corpus"]["n_sentences"]
    text = (
        f"The worst language, {predicted.get('worst_language')}, loses "
        f"{tables.with_bounds(predicted, 'worst', 2)} nats per sentence, of {number} "
        "sentences"
    )
    base = predicted.get("unprotected")
    if not base:
        return f"{text}."
    return (
        f"{tables.size(predicted['bytes'])}, {tables.size(base['bytes'])} with nothing "
        f"protected, {tables.size(predicted['full_bytes'])} in full precision. {text}; "
        f"with nothing protected {base['worst_language']} loses "
        f"{tables.with_bounds(base, 'worst', 2)}, "
        f"{tables.with_bounds(predicted, 'saved_worst', 2)} more."
    )


def check_lines(found: dict[str, Any]) -> list[str]:
    """Writes how a checkpoint's losses compare with those predicted.

    Args:
        found: as from `checked.check`.

    Reference: our own definition.
    """
    cells = [
        [
            row["language"],
            f"{row['loss_per_token']:.5f}",
            f"{row['predicted_per_token']:.5f}",
            f"{row['difference_per_token']:+.1e}",
        ]
        for row in found["languages"]
    ]
    verdict = "agree with" if found["agrees"] else "differ from"
    return [
        "",
        tables.aligned(CHECK_HEADER, cells),
        *_wrapped(
            f"Losses measured on the checkpoint {verdict} those predicted: by "
            f"{found['largest_per_token']:.1e} nats per token at most "
            f"({found['largest_per_sentence']:.1e} per sentence), against "
            f"{found['tolerance']:g} that roundings may make."
        ),
    ]


def _named(layers: list[int], assignment: list[int]) -> str:
    if len(layers) == len(assignment):
        return "all layers"
    row = {"layers": layers, "assignment": [0]}
    many = "layer" if len(layers) == 1 else "layers"
    return f"{many} {search_tables.set_name(row)}"


def _in_words(quantizer: dict[str, Any]) -> str:
    fields: dict[str, Any] = {**quantizer, "include": tuple(quantizer["include"])}
    return describe(Quantizer(**fields))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)

"""A model card's block on what quantization costs each language, for people and hubs.

The metadata is what the Hugging Face hub reads: one evaluation result per language.
"""

import re
from collections.abc import Sequence
from typing import Any

from jaxdisp.models.quantized import Quantizer
from jaxdisp.report import limits, markdown_text, tables
from jaxdisp.report.settings import describe

TAGS = ["jaxdisp", "multilingual", "quantization"]
METRIC = "D_sent: nats lost per parallel sentence"
CODE = re.compile(r"[a-z]{2,3}(?=([-_][A-Z][a-z]{3})?$)")
"""Names of languages that are a code of ISO 639, perhaps with a script."""
LIMITS = (
    "Losses are of text that is read: what people notice in answers can differ, and be "
    "more.",
    "Quantization is simulated by rounding weights; a kernel may compute otherwise.",
)
CITATION = "jaxdisp, CITATION.cff in its repository"


def of_plan(plan: dict[str, Any]) -> str:
    """Writes the model card of a checkpoint made by a plan.

    Args:
        plan: the content of `plan.json`; without `predicted` the card says what is
            rounded and that losses are unknown.

    Returns:
        The whole of `README.md`.

    Reference: our own definition.
    """
    model, predicted = plan["model"], plan["predicted"]
    source = "polyglot (embedded)" if model["source"] is None else model["source"]
    about = {
        "model": source + (f" at {model['revision']}" if model["revision"] else ""),
        "hashes": model["hashes"] | _digest(predicted),
        "how": [_in_words(q) for q in plan["quantizers"]],
        "layers": _layers(plan),
        "corpus": None,
        "languages": [],
        "disparity": [],
        "losses": "predicted by jaxdisp for this assignment of layers",
        "limits": LIMITS,
    }
    if predicted is not None:
        about["corpus"] = _corpus(predicted["corpus"], predicted["dtype"])
        about["languages"] = [_of_prediction(row) for row in predicted["languages"]]
        about["disparity"] = _predicted_disparity(predicted)
    title = f"# {markdown_text.escaped(source)}, quantized by jaxdisp"
    return "\n".join([metadata(about), title, "", block(about)])


def of_results(found: dict[str, Any]) -> str:
    """Writes the block of a run, for the card of the model that was measured.

    Args:
        found: the content of `results.json`, with degradation.

    Reference: our own definition.
    """
    about = {
        "model": found["model"],
        "hashes": found["hashes"],
        "how": [found["quantizer_in_words"]],
        "layers": [f"all {found['n_layers']} layers are quantized"],
        "corpus": {
            "source": found["corpus"],
            "sentences": found["n_sentences"],
            "texts": found["n_groups"],
            "dtype": found["dtype"],
        },
        "languages": _of_losses(found),
        "disparity": _measured_disparity(found["disparity"]),
        "losses": "measured by jaxdisp",
        "limits": [f"{each.about}: {each.text}" for each in limits.limits(found)],
    }
    return metadata(about) + "\n" + block(about)


def metadata(about: dict[str, Any]) -> str:
    """Writes the metadata that the Hugging Face hub reads, between its dashes.

    Args:
        about: what a card says, as `of_results` gathers it.

    Reference: the hub's model card specification, `model-index`.
    """
    import huggingface_hub

    rows = about["languages"]
    codes = list(dict.fromkeys(code for row in rows if (code := row["code"])))
    index: dict[str, Any] = {}
    if rows:
        index["eval_results"] = [_entry(row, about["corpus"]) for row in rows]
        index["model_name"] = markdown_text.CONTROL.sub(" ", about["model"])
    data = huggingface_hub.ModelCardData(
        language=codes or None, tags=list(TAGS), pipeline_tag="text-generation", **index
    )
    return f"---\n{data.to_yaml()}\n---\n"


def block(about: dict[str, Any]) -> str:
    """Writes the section of a card that people read.

    Args:
        about: what a card says, as `of_results` gathers it.

    Reference: Mitchell et al. 2019, arXiv:1810.03993, section 4.
    """
    escaped = markdown_text.escaped
    lines = ["## What quantization costs each language", ""]
    lines += [f"- Model: {escaped(about['model'])}"]
    lines += [f"- Quantizer: {escaped(how)}" for how in about["how"]]
    lines += [f"- Layers: {escaped(each)}" for each in about["layers"]]
    if about["corpus"] is not None:
        lines += [f"- Text: {escaped(_text(about))}", f"- Losses: {about['losses']}"]
    lines += [f"- SHA-256 of {k}: `{v}`" for k, v in sorted(about["hashes"].items())]
    lines += ["", *_losses(about["languages"])]
    if about["disparity"]:
        header = ("disparity", "estimate [95 %]", "remark")
        lines += markdown_text.table(header, about["disparity"], words=(0, 2))
        lines.append("")
    lines += ["Limits:", "", *(f"- {escaped(each)}" for each in about["limits"]), ""]
    lines += ["Licences of the model and of the text are those of their sources."]
    lines += [f"Cite {CITATION}."]
    return "\n".join(lines) + "\n"


def _losses(rows: Sequence[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["No losses are known: the plan has no prediction.", ""]
    header = ("language", "code", "full precision", "quantized", "D_sent [95 %]", "")
    cells = [
        [
            row["language"],
            row["code"] or "?",
            f"{row['full']:.3f}",
            f"{row['quantized']:.3f}",
            tables.with_bounds(row, "d_sent", 3),
            row["flag"],
        ]
        for row in rows
    ]
    lines = markdown_text.table(header, cells, words=(0, 1, 5))
    lines += ["", "Nats per parallel sentence; D_sent is what quantization adds, with"]
    lines += ["its paired 95 % interval over texts.", ""]
    unsure = [row["language"] for row in rows if not _above_noise(row)]
    if unsure:
        named = markdown_text.escaped(", ".join(unsure))
        lines += [f"**Insufficient evidence** of any change in: {named}.", ""]
    return lines


def _above_noise(row: dict[str, Any]) -> bool:
    low, high = row["d_sent_low"], row["d_sent_high"]
    return low is not None and high is not None and (low > 0 or high < 0)


def _entry(row: dict[str, Any], corpus: dict[str, Any]) -> Any:
    import huggingface_hub

    sizes = {name: corpus[name] for name in ("sentences", "texts") if name in corpus}
    return huggingface_hub.EvalResult(
        task_type="text-generation",
        dataset_type="parallel-text",
        dataset_name=f"{corpus['source']} ({row['language']})",
        dataset_config=row["language"],
        dataset_args=sizes,
        metric_type="quantization_loss",
        metric_name=METRIC,
        metric_value=row["d_sent"],
        metric_args={
            "low": row["d_sent_low"],
            "high": row["d_sent_high"],
            "level": 0.95,
            "full_precision": row["full"],
            "quantized": row["quantized"],
        },
    )


def _of_losses(found: dict[str, Any]) -> list[dict[str, Any]]:
    losses = found["sentence_losses"]
    places = {name: place for place, name in enumerate(losses["languages"])}
    rows = []
    for row in found["degradation"]:
        mean = {
            name: sum(losses[name][places[row["language"]]]) / len(losses["lines"])
            for name in ("full", "quantized")
        }
        rows.append(_row(row, float(f"{mean['full']:.6g}"), row["flag"]))
    return rows


def _of_prediction(row: dict[str, Any]) -> dict[str, Any]:
    lost = row["loss_per_sentence"] - row["d_sent"]
    made = _row(row, float(f"{lost:.6g}"), "")
    return made | {"quantized": row["loss_per_sentence"]}


def _row(row: dict[str, Any], full: float, flag: str) -> dict[str, Any]:
    found = CODE.match(row["language"])
    bounds = {name: row[name] for name in ("d_sent", "d_sent_low", "d_sent_high")}
    return {
        "language": row["language"],
        "code": found[0] if found else None,
        "full": full,
        "quantized": float(f"{full + row['d_sent']:.6g}"),
        "flag": flag,
        **bounds,
    }


def _measured_disparity(entries: dict[str, Any]) -> list[list[str]]:
    return tables.disparity_lines(entries)


def _predicted_disparity(predicted: dict[str, Any]) -> list[list[str]]:
    measure = predicted["disparity_measure"]
    named = {"mean": "mean", "worst": "worst", "disparity": measure}
    return [
        [
            tables.MEASURES[title],
            tables.with_bounds(predicted, name, 3),
            predicted["worst_language"] if name == "worst" else "",
        ]
        for name, title in named.items()
    ]


def _corpus(corpus: dict[str, Any], dtype: str) -> dict[str, Any]:
    return {
        "source": corpus["source"],
        "sentences": corpus["n_sentences"],
        "dtype": dtype,
    }


def _text(about: dict[str, Any]) -> str:
    corpus = about["corpus"]
    texts = f" in {corpus['texts']} texts" if "texts" in corpus else ""
    return (
        f"{corpus['source']} corpus, {corpus['sentences']} parallel sentences{texts}, "
        f"in {len(about['languages'])} languages; computed in {corpus['dtype']}"
    )


def _digest(predicted: dict[str, Any] | None) -> dict[str, str]:
    return {} if predicted is None else {"corpus": predicted["corpus"]["digest"]}


def _in_words(quantizer: dict[str, Any]) -> str:
    fields: dict[str, Any] = {**quantizer, "include": tuple(quantizer["include"])}
    return describe(Quantizer(**fields))


def _layers(plan: dict[str, Any]) -> list[str]:
    assignment = plan["assignment"]
    said = []
    for version in sorted(set(assignment)):
        layers = [str(n) for n, v in enumerate(assignment) if v == version]
        what = "in full precision" if version == 0 else f"by quantizer {version}"
        said.append(f"{' '.join(layers)} {what} (of {len(assignment)}, from 0)")
    for name, version in plan["exceptions"].items():
        what = "in full precision" if version == 0 else f"by quantizer {version}"
        said.append(f"{name} {what}")
    return said

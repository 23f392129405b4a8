"""Entries of a `config.json`: read with their kind checked, and none overlooked."""

import re
from collections.abc import Collection, Mapping
from typing import Any

HARMLESS = re.compile(
    r"_.*|architectures|auto_map|bad_words_ids|chunk_size_feed_forward|"
    r"(torch_)?dtype|(.*_)?token_id|finetuning_task|gradient_checkpointing|id2label|"
    r"is_decoder|is_encoder_decoder|add_cross_attention|init.*|keys_to_ignore_.*|"
    r"label2id|language|max_length|min_length|model_type|name_or_path|"
    r"output_attentions|output_hidden_states|output_scores|output_router_logits|"
    r"(.*_)?dropout(_.*)?|.*_pdrop|layerdrop|prefix|problem_type|pruned_heads|"
    r"return_dict.*|summary_.*|task_specific_params|tokenizer_class|torchscript|"
    r"transformers_version|unsloth.*|use_cache|use_return_dict|"
    r"do_sample|temperature|top_[kp]|num_beams|repetition_penalty|"
    r"length_penalty|typical_p|early_stopping|attn_implementation"
)
"""Entries that no logit depends on: training, generation, bookkeeping."""


def need(source: Mapping[str, Any], names: Collection[str], family: str) -> None:
    """Checks that entries are there.

    Args:
        source: the content of `config.json`.
        names: entries that the family cannot do without.
        family: its name, for the message.

    Raises:
        ValueError: if any is missing.

    Reference: our own definition.
    """
    missing = [name for name in names if name not in source]
    if missing:
        raise ValueError(f"lacks {', '.join(missing)}; a {family} needs them")


def renamed(source: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Gives entries that go by several names one of them.

    Args:
        source: the content of `config.json`.
        names: the names that are read, by the others.

    Raises:
        ValueError: if an entry comes under two names with different values.

    Reference: our own definition.
    """
    found = {k: v for k, v in source.items() if k not in names}
    for other, name in names.items():
        if (value := source.get(other)) is None:
            continue
        if found.get(name) not in (None, value):
            raise ValueError(
                f"{other} {value!r} and {name} {found[name]!r} are two names of one "
                "entry, but differ; keep the right one"
            )
        found[name] = value
    return found


def refuse_unknown(
    source: Mapping[str, Any], known: Collection[str], family: str
) -> None:
    """Checks that no entry is overlooked that might change what is computed.

    Definition: every entry must be among `known`, or match `HARMLESS`, or be null,
    false, 0 or empty, which is how an option is switched off.

    Args:
        source: the content of `config.json`.
        known: entries that the family's reader looks at.
        family: its name, for the message.

    Raises:
        ValueError: if an entry is left over.

    Reference: our own definition.
    """
    if source.get("quantization_config"):
        raise ValueError(
            "quantization_config is set: the weights are quantized already; "
            "give the full-precision checkpoint they were made from"
        )
    if source.get("is_encoder_decoder") or source.get("add_cross_attention"):
        raise ValueError(
            "is_encoder_decoder or add_cross_attention is set; "
            "only decoders alone are read"
        )
    left = [
        name
        for name, value in source.items()
        if name not in known
        and not HARMLESS.fullmatch(name)
        and value not in (None, 0, [], {}, "")  # of which 0 is also false
    ]
    if left:
        raise ValueError(
            f"the entries {', '.join(left)} mean nothing to a {family} here, and may "
            "change what it computes; take them out if you know that they do not"
        )


def count(source: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """Reads a whole number of at least 1.

    Args:
        source: the content of `config.json`.
        name: of the entry.
        default: where the entry is missing or null.

    Raises:
        ValueError: if it is anything else.

    Reference: our own definition.
    """
    value = source.get(name)
    value = default if value is None else value
    if type(value) is not int or value < 1:  # a bool is an int, too
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    return value


def flag(source: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """Reads true or false.

    Args:
        source: the content of `config.json`.
        name: of the entry.
        default: where the entry is missing.

    Raises:
        ValueError: if it is anything else.

    Reference: our own definition.
    """
    value = source.get(name, default)
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, got {value!r}")
    return value


def positive(
    source: Mapping[str, Any], name: str, default: float | None = None
) -> float:
    """Reads a positive, finite number.

    Args:
        source: the content of `config.json`.
        name: of the entry.
        default: where the entry is missing or null.

    Raises:
        ValueError: if it is anything else.

    Reference: our own definition.
    """
    value = source.get(name)
    value = default if value is None else value
    number = value if type(value) in (int, float) else None  # a bool is an int, too
    if number is None or not 0 < number < float("inf"):
        raise ValueError(f"{name} must be a positive number, got {value!r}")
    return float(number)


def choice(
    source: Mapping[str, Any], name: str, allowed: Collection[str], default: str
) -> str:
    """Reads one of several names.

    Args:
        source: the content of `config.json`.
        name: of the entry.
        allowed: the names that are implemented.
        default: where the entry is missing.

    Raises:
        ValueError: if it is anything else.

    Reference: our own definition.
    """
    value = source.get(name, default)
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(
            f"{name} {value!r} is not supported; allowed: {', '.join(allowed)}"
        )
    return value


def heads(width: int, n_heads: int, names: tuple[str, str]) -> int:
    """Returns the channels of one head.

    Args:
        width: numbers per token.
        n_heads: heads that divide them.
        names: of the two entries, for the message.

    Raises:
        ValueError: if the width is not divisible.

    Reference: our own definition.
    """
    if width % n_heads:
        raise ValueError(f"{names[0]} {width} is not divisible by {names[1]} {n_heads}")
    return width // n_heads

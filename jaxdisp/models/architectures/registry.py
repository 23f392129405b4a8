"""Which families of decoders are read, and which are refused, and why."""

from collections.abc import Mapping
from typing import Any

from jaxdisp.models import decoder
from jaxdisp.models.architectures import (
    bloom,
    gemma,
    gpt2,
    gpt_neox,
    llama,
    mamba,
    mamba2,
    opt,
    xglm,
)

ARCHITECTURES: dict[str, decoder.Architecture] = {
    "bloom": bloom.ARCHITECTURE,
    "gpt2": gpt2.ARCHITECTURE,
    "opt": opt.ARCHITECTURE,
    "xglm": xglm.ARCHITECTURE,
    "gpt_neox": gpt_neox.ARCHITECTURE,
    "llama": llama.LLAMA,
    "mistral": llama.MISTRAL,
    "qwen2": llama.QWEN2,
    "qwen3": llama.QWEN3,
    "gemma2": gemma.GEMMA2,
    "gemma3_text": gemma.GEMMA3,
    "mamba": mamba.ARCHITECTURE,
    "mamba2": mamba2.ARCHITECTURE,
}
"""By the `model_type` of `config.json`."""

MIXTURES = """
    dbrx deepseek_v2 deepseek_v3 ernie4_5_moe glm4_moe gpt_oss granitemoe jamba jetmoe
    llama4 llama4_text minimax mixtral nllb-moe olmoe phimoe qwen2_moe qwen3_moe
    qwen3_next switch_transformers
"""
ENCODER_DECODERS = """
    bart blenderbot fsmt led longt5 m2m_100 marian mbart mt5 mvp pegasus plbart
    prophetnet seamless_m4t speech_to_text t5 umt5 whisper xlm-prophetnet
"""
ENCODERS = """
    albert bert camembert canine convbert deberta deberta-v2 distilbert electra ernie
    modernbert mpnet rembert roberta roformer xlm xlm-roberta xlm-roberta-xl
"""
WITH_PICTURES = """
    gemma3 idefics3 llava mistral3 mllama paligemma qwen2_5_vl qwen2_vl
"""
REASONS = {
    "is a mixture of experts: which weights a token meets depends on it": MIXTURES,
    "is an encoder with a decoder: it scores translations": ENCODER_DECODERS,
    "is an encoder: it fills gaps and gives no probability of a text": ENCODERS,
    "reads pictures beside text; only decoders of text alone are read": WITH_PICTURES,
}


def find(source: Mapping[str, Any]) -> decoder.Architecture:
    """Finds the family of a checkpoint.

    Args:
        source: the content of `config.json`.

    Raises:
        ValueError: if it is of no family that is read.

    Reference: our own definition.
    """
    kind = source.get("model_type")
    if isinstance(kind, str) and kind in ARCHITECTURES:
        return ARCHITECTURES[kind]
    allowed = f"allowed: {', '.join(ARCHITECTURES)}"
    for reason, kinds in REASONS.items():
        if kind in kinds.split():
            raise ValueError(f"model_type {kind!r} {reason}; {allowed}")
    raise ValueError(f"model_type {kind!r} is not supported; {allowed}")

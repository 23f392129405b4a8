"""Names of modules written by hand, and plans for models that have them."""

import pathlib

from jaxdisp.models.architectures import registry
from jaxdisp.models.quantized import Quantizer
from jaxdisp.report.plans import plan as plans
from jaxdisp.report.plans import skeleton
from tests.models import small
from tests.models.architectures import drawn, every

LAYERS = 12
WITHIN = {
    "gpt2": ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
    "bloom": (
        "self_attention.query_key_value",
        "self_attention.dense",
        "mlp.dense_h_to_4h",
        "mlp.dense_4h_to_h",
    ),
    "llama": (
        *(f"self_attn.{part}_proj" for part in "qkvo"),
        *(f"mlp.{part}_proj" for part in ("gate", "up", "down")),
    ),
}
BEFORE = {"gpt2": "transformer.h", "bloom": "transformer.h", "llama": "model.layers"}
OUTSIDE = {
    "gpt2": ("transformer.wte", "transformer.wpe", "lm_head"),
    "bloom": ("transformer.word_embeddings", "lm_head"),
    "llama": ("model.embed_tokens", "lm_head"),
}
FAMILIES = tuple(WITHIN)
FOUR = Quantizer(bits=4, granularity="channel")
EIGHT = Quantizer(bits=8, granularity="channel")


def entries(family, n_layers=LAYERS, **changes):
    count = "num_hidden_layers" if family in ("llama", "mistral") else "n_layer"
    return every.entries(family) | {count: n_layers} | changes


def of_layers(family, layers):
    return {
        f"{BEFORE[family]}.{layer}.{part}"
        for layer in layers
        for part in WITHIN[family]
    }


def every_name(family, n_layers=LAYERS):
    return of_layers(family, range(n_layers)) | set(OUTSIDE[family])


def opened(given):
    """A skeleton that needs no files."""
    architecture = registry.find(given)
    return skeleton.Skeleton(
        source="somewhere",
        revision=None,
        directory=pathlib.Path("no such directory"),
        architecture=architecture,
        config=architecture.read_config(given),
    )


def plan(model, quantizers, assignment, outside=0, exceptions=None):
    return plans.Plan(
        model=plans.Target(
            source=model.source,
            revision=None,
            architecture=model.architecture.name,
            n_layers=model.config.n_layers,
            hashes={"weights": "w", "tokenizer": "t"},
        ),
        quantizers=tuple(quantizers),
        assignment=tuple(assignment),
        outside=outside,
        exceptions=exceptions or {},
    )


def keeping(model, layers, quantizer=FOUR):
    """A plan that keeps some layers in full precision."""
    chosen = [int(n not in layers) for n in range(model.config.n_layers)]
    return plan(model, [quantizer], chosen)


def write(directory, family, n_layers=LAYERS):
    given = entries(family, n_layers)
    return small.write(directory, given, drawn.arrays(given))

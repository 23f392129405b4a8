"""A small checkpoint of every family that is read, with its options in use."""

from tests.models import small

SIZES = {
    "vocab_size": small.TOKENS,
    "hidden_size": 16,
    "intermediate_size": 20,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 30,
    "bos_token_id": 0,
}
GROUPED = SIZES | {"num_key_value_heads": 2}
WINDOWS = {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}
GEMMA = GROUPED | {"head_dim": 6, "sliding_window": 4, "query_pre_attn_scalar": 5}
ENTRIES = {
    "bloom": {
        "vocab_size": small.TOKENS,
        "hidden_size": 18,
        "n_layer": 3,
        "n_head": 3,
        "seq_length": 30,
        "bos_token_id": 0,
    },
    "gemma2": GEMMA,
    "gemma3_text": GEMMA | {"sliding_window_pattern": 2},
    "gpt2": small.entries(n_positions=30),
    "gpt_neox": SIZES | {"rotary_pct": 0.5},
    "llama": GROUPED | {"attention_bias": True},
    "mamba": {
        "vocab_size": small.TOKENS,
        "hidden_size": 8,
        "num_hidden_layers": 3,
        "state_size": 4,
        "bos_token_id": 0,
    },
    "mamba2": {
        "vocab_size": small.TOKENS,
        "hidden_size": 8,
        "num_hidden_layers": 3,
        "state_size": 4,
        "num_heads": 4,
        "head_dim": 4,
        "n_groups": 2,
        "chunk_size": 8,
        "bos_token_id": 0,
    },
    "mistral": GROUPED | {"sliding_window": 4},
    "opt": {
        "vocab_size": small.TOKENS,
        "hidden_size": 16,
        "ffn_dim": 20,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": 30,
        "word_embed_proj_dim": 12,
        "bos_token_id": 0,
    },
    "qwen2": GROUPED | WINDOWS,
    "qwen3": GROUPED | WINDOWS | {"head_dim": 6},
    "xglm": {
        "vocab_size": small.TOKENS,
        "d_model": 16,
        "ffn_dim": 20,
        "num_layers": 3,
        "attention_heads": 4,
        "max_position_embeddings": 30,
        "bos_token_id": 0,
    },
}
"""By `model_type`: three layers, a context of 30 tokens where there is one."""


def entries(kind):
    return {"model_type": kind} | ENTRIES[kind]

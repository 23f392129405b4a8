"""The format of llama2.c, version 0, turned into a directory of Hugging Face's format.

A file holds seven integers and then float32 tensors one after the other, those of all
layers together. Queries and keys turn neighbouring channels there, and channels half a
head apart here, so that their rows are put into another order.
"""

import json
import struct

import numpy as np
import safetensors.numpy
import tokenizers
from tokenizers import decoders, models, normalizers

FIELDS = ("width", "inner", "n_layers", "n_heads", "n_groups", "vocabulary", "context")
UNKNOWN, START, END = 0, 1, 2
SPECIAL = {UNKNOWN: "<unk>", START: "<s>", END: "</s>"}


def convert(weights, vocabulary, directory):
    """Writes `config.json`, `model.safetensors` and `tokenizer.json`."""
    shape, arrays = read_weights(weights)
    tied = "lm_head.weight" not in arrays
    directory.mkdir(parents=True, exist_ok=True)
    safetensors.numpy.save_file(arrays, directory / "model.safetensors")
    config = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": shape["width"],
        "intermediate_size": shape["inner"],
        "num_hidden_layers": shape["n_layers"],
        "num_attention_heads": shape["n_heads"],
        "num_key_value_heads": shape["n_groups"],
        "vocab_size": shape["vocabulary"],
        "max_position_embeddings": shape["context"],
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": tied,
        "bos_token_id": START,
        "eos_token_id": END,
    }
    (directory / "config.json").write_text(json.dumps(config))
    pieces = read_pieces(vocabulary, shape["vocabulary"])
    tokenizer(pieces).save(str(directory / "tokenizer.json"))
    return directory


def read_weights(path):
    """The sizes, and the tensors by their names in transformers."""
    content = path.read_bytes()
    header = 4 * len(FIELDS)
    shape = dict(zip(FIELDS, struct.unpack("<7i", content[:header]), strict=True))
    own_head, shape["vocabulary"] = shape["vocabulary"] < 0, abs(shape["vocabulary"])
    width, inner, n_layers = shape["width"], shape["inner"], shape["n_layers"]
    channels = width // shape["n_heads"]
    answering = channels * shape["n_groups"]
    rest = np.frombuffer(content, "<f4", offset=header)

    def take(*sizes):
        nonlocal rest
        number = int(np.prod(sizes))
        found, rest = rest[:number].reshape(sizes), rest[number:]
        return np.array(found)

    arrays = {"model.embed_tokens.weight": take(shape["vocabulary"], width)}
    layers = {
        "input_layernorm": take(n_layers, width),
        "self_attn.q_proj": take(n_layers, width, width),
        "self_attn.k_proj": take(n_layers, answering, width),
        "self_attn.v_proj": take(n_layers, answering, width),
        "self_attn.o_proj": take(n_layers, width, width),
        "post_attention_layernorm": take(n_layers, width),
        "mlp.gate_proj": take(n_layers, inner, width),
        "mlp.down_proj": take(n_layers, width, inner),
        "mlp.up_proj": take(n_layers, inner, width),
    }
    for name, stacked in layers.items():
        for layer, array in enumerate(stacked):
            turned = name[-6:] in ("q_proj", "k_proj")
            arrays[f"model.layers.{layer}.{name}.weight"] = (
                halves(array, channels) if turned else array
            )
    arrays["model.norm.weight"] = take(width)
    take(2, shape["context"], channels // 2)  # cosines and sines
    if own_head:
        arrays["lm_head.weight"] = take(shape["vocabulary"], width)
    assert rest.size == 0, f"{rest.size} numbers are left over"
    return shape, arrays


def halves(rows, channels):
    """Rows `0, 1, 2, 3, ...` of every head in the order `0, 2, ..., 1, 3, ...`."""
    heads = rows.reshape(-1, channels // 2, 2, rows.shape[-1])
    return np.ascontiguousarray(heads.transpose(0, 2, 1, 3)).reshape(rows.shape)


def read_pieces(path, number):
    """Each token's bytes and score."""
    content = path.read_bytes()
    found, place = [], 4  # after the length of the longest
    for _ in range(number):
        score, size = struct.unpack_from("<fi", content, place)
        place += 8
        found.append((content[place : place + size].decode(), score))
        place += size
    assert place == len(content)
    return found


def tokenizer(pieces):
    """Byte pairs, merged in the order of their scores; what is no piece becomes bytes.

    SentencePiece keeps no merges: any two pieces that make up a third may be merged.
    """
    names = [
        SPECIAL.get(number, piece if piece.startswith("<0x") else piece_name(piece))
        for number, (piece, _) in enumerate(pieces)
    ]
    numbers = {name: number for number, name in enumerate(names)}
    assert len(numbers) == len(names)
    merges = [
        (pieces[number][1], name[:cut], name[cut:])
        for name, number in numbers.items()
        if number not in SPECIAL and not name.startswith("<0x")
        for cut in range(1, len(name))
        if name[:cut] in numbers and name[cut:] in numbers
    ]
    merges.sort(key=lambda merge: -merge[0])
    made = tokenizers.Tokenizer(
        models.BPE(
            vocab=numbers,
            merges=[(left, right) for _, left, right in merges],
            unk_token=SPECIAL[UNKNOWN],
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    made.add_special_tokens(list(SPECIAL.values()))
    return made


def piece_name(piece):
    return piece.replace(" ", "▁")

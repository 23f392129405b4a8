"""GPT-2 in float64 NumPy, one sentence, one token and one head at a time."""

import math

import numpy as np


def _gelu_new(x):
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


ACTIVATIONS = {
    "gelu_fast": _gelu_new,
    "gelu_new": _gelu_new,
    "gelu_pytorch_tanh": _gelu_new,
    "gelu": lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))),
    "relu": lambda x: max(x, 0.0),
    "relu2": lambda x: max(x, 0.0) ** 2,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "swish": lambda x: x / (1 + math.exp(-x)),
    "tanh": math.tanh,
}


def layer_norm(x, arrays, name, entries):
    """Mean 0 and variance 1, then a gain and a shift."""
    mean = sum(x) / len(x)
    variance = sum((value - mean) ** 2 for value in x) / len(x)
    deviation = math.sqrt(variance + entries.get("layer_norm_epsilon", 1e-5))
    scaled = np.array([(value - mean) / deviation for value in x])
    return scaled * arrays[f"{name}.weight"] + arrays[f"{name}.bias"]


def linear(x, arrays, name):
    """Every output is a sum over the inputs, plus its bias."""
    weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
    return np.array([x @ weight[:, out] + bias[out] for out in range(len(bias))])


def attention(states, arrays, layer, entries):
    """What each token reads from itself and from those before it, projected."""
    name = f"h.{layer}.attn.c_proj"
    return [linear(x, arrays, name) for x in reads(states, arrays, layer, entries)]


def reads(states, arrays, layer, entries):
    """What each token reads from itself and from those before it, head by head."""
    name = f"h.{layer}.attn"
    width = entries["n_embd"]
    size = width // entries["n_head"]
    fused = [linear(x, arrays, f"{name}.c_attn") for x in states]
    found = []
    for now in range(len(states)):
        read = np.zeros(width)
        for head in range(entries["n_head"]):
            own = slice(head * size, (head + 1) * size)
            query = fused[now][:width][own]
            scores = []
            for before in range(now + 1):
                score = query @ fused[before][width : 2 * width][own]
                if entries.get("scale_attn_weights", True):
                    score /= math.sqrt(size)
                if entries.get("scale_attn_by_inverse_layer_idx", False):
                    score /= layer + 1
                scores.append(score)
            shares = [math.exp(score - max(scores)) for score in scores]
            for before, share in enumerate(shares):
                value = fused[before][2 * width :][own]
                read[own] += share / sum(shares) * value
        found.append(read)
    return found


def mlp(x, arrays, layer, entries):
    inner = activated(x, arrays, layer, entries)
    return linear(inner, arrays, f"h.{layer}.mlp.c_proj")


def activated(x, arrays, layer, entries):
    """The inner values of the feed-forward part."""
    activation = ACTIVATIONS[entries.get("activation_function", "gelu_new")]
    inner = linear(x, arrays, f"h.{layer}.mlp.c_fc")
    return np.array([activation(value) for value in inner])


def hidden_states(entries, arrays, sentence):
    """The state of every token of one sentence before and after every layer."""
    arrays = {name: np.asarray(a, np.float64) for name, a in arrays.items()}
    states = [
        arrays["wte.weight"][token] + arrays["wpe.weight"][position]
        for position, token in enumerate(sentence)
    ]
    found = [np.array(states)]
    for layer in range(entries["n_layer"]):
        normed = [layer_norm(x, arrays, f"h.{layer}.ln_1", entries) for x in states]
        reads = attention(normed, arrays, layer, entries)
        states = [x + read for x, read in zip(states, reads, strict=True)]
        normed = [layer_norm(x, arrays, f"h.{layer}.ln_2", entries) for x in states]
        updates = [mlp(x, arrays, layer, entries) for x in normed]
        states = [x + update for x, update in zip(states, updates, strict=True)]
        found.append(np.array(states))
    return np.array(found)


def matrix_inputs(entries, arrays, sentence):
    """What the four matrices of every layer are applied to, `[layer, token, input]`."""
    states = hidden_states(entries, arrays, sentence)
    arrays = {name: np.asarray(a, np.float64) for name, a in arrays.items()}
    found = {"c_attn": [], "attn.c_proj": [], "c_fc": [], "mlp.c_proj": []}
    for layer in range(entries["n_layer"]):
        first = states[layer]
        before = [layer_norm(x, arrays, f"h.{layer}.ln_1", entries) for x in first]
        read = reads(before, arrays, layer, entries)
        added = [linear(x, arrays, f"h.{layer}.attn.c_proj") for x in read]
        middle = [x + update for x, update in zip(first, added, strict=True)]
        normed = [layer_norm(x, arrays, f"h.{layer}.ln_2", entries) for x in middle]
        inner = [activated(x, arrays, layer, entries) for x in normed]
        for kind, inputs in zip(found, (before, read, normed, inner), strict=True):
            found[kind].append(np.array(inputs))
    return {kind: np.array(layers) for kind, layers in found.items()}


def logits(entries, arrays, sentences):
    """The logits after every token of every sentence."""
    tied = entries.get("tie_word_embeddings", True)
    head = np.asarray(arrays["wte.weight" if tied else "lm_head.weight"], np.float64)
    found = []
    for sentence in np.asarray(sentences):
        last = hidden_states(entries, arrays, sentence)[-1]
        found.append([head @ layer_norm(x, arrays, "ln_f", entries) for x in last])
    return np.array(found)


def token_losses(logits, sentences, mask):
    """Nats of each token but the first, 0 where the mask says so."""
    found = np.zeros((logits.shape[0], logits.shape[1] - 1))
    for s, sentence in enumerate(np.asarray(sentences)):
        for t in range(1, len(sentence)):
            if mask[s][t]:
                total = sum(math.exp(value) for value in logits[s, t - 1])
                found[s, t - 1] = math.log(total) - logits[s, t - 1, sentence[t]]
    return found

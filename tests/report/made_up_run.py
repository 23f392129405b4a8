"""Results of a run with numbers written by hand, for any number of languages."""

import numpy as np

BITS = 4


def names(number):
    return [f"l{place:02d}" for place in range(number)]


def found(languages, sentences=8):
    """`languages` by name, hardest hit first; losses grow with the sentence's place."""
    n = len(languages)
    lost = [n - place for place in range(n)]
    return {
        "command": "run",
        "model": "m",
        "quantizer": {"bits": BITS},
        "quantizer_in_words": f"{BITS} bits",
        "seed": 3,
        "vocabulary": 16,
        "measured_languages": list(languages),
        "degradation": [
            {
                "language": name,
                "training_bytes": 1000 * (place + 1) ** 2,
                "d_sent": float(value),
                "d_sent_low": value - 1.5,
                "d_sent_high": value + 1.0,
                "flag": "not above noise" if value < 1.5 else "",
            }
            for place, (name, value) in enumerate(zip(languages, lost, strict=True))
        ],
        "disparity": disparity(languages),
        "sentence_losses": sentence_losses(languages, lost, sentences),
        "hypotheses": hypotheses(languages),
        "weights": weights(),
    }


def disparity(languages):
    units = dict.fromkeys(
        ("mean", "worst", "max_min", "difference"), "nats per sentence"
    )
    units |= {"gini": "", "log_ratio": ""}
    entries = {
        name: {"estimate": 0.5, "low": 0.25, "high": 1.0, "unit": unit, "reason": ""}
        for name, unit in units.items()
    }
    entries["log_ratio"] |= {"estimate": None, "low": None, "high": None}
    half = len(languages) // 2
    sides = {"low": list(languages[:half]), "high": list(languages[half:])}
    return entries | {"contrast": sides | {"rule": "halves"}}


def sentence_losses(languages, lost, sentences):
    full = np.full((len(languages), sentences), 8.0)
    spread = np.arange(sentences) - 1.0  # the first gains
    n_tokens = 2 * np.arange(1, len(languages) + 1)[:, None] * np.ones(sentences, int)
    return {
        "languages": list(languages),
        "lines": list(range(1, sentences + 1)),
        "groups": [place // 2 for place in range(sentences)],
        "n_tokens": n_tokens.tolist(),
        "n_bytes": (4 * n_tokens).tolist(),
        "n_words": dict.fromkeys(languages[1:], 4 * sentences) | {languages[0]: None},
        "full": full.tolist(),
        "quantized": (full + np.array(lost)[:, None] * spread).tolist(),
    }


def hypotheses(languages):
    curves = [
        {"measure": measure, "language": name, "bits": bits, "collapsed": 0}
        | {"value": value / 4**bits, "low": (value - 2) / 4**bits}
        | {"high": (value + 2) / 4**bits}
        for measure in ("loss", "divergence")
        for value, name in enumerate(languages, 1)
        for bits in (3, 4, 8)
    ]
    redundancy = [
        {"language": name, "gaussian": 1 / value, "readout": 64.0 + value}
        | {"degradation": 2.0 * value + (-1) ** value}
        | {"degradation_low": 2.0 * value - 2, "degradation_high": 2.0 * value + 2}
        for value, name in enumerate(languages, 1)
    ]
    traced = [
        {"language": name, "direction": "restored", "site": site, "layer": layer}
        | {"all": None if value == 0 else (layer - 1) / 4 + value / 64}
        for site in ("state", "update")
        for value, name in enumerate(languages)
        for layer in range(4)
    ]
    tables = {
        "T-010": {"curves": curves},
        "redundancy": {"languages": redundancy},
        "causal-tracing": {"languages": traced, "gateways": traced[:1]},
    }
    return {
        "findings": [finding(*each) for each in FINDINGS],
        "experiments": [
            {"id": name, "title": name, "question": "", "tables": table}
            for name, table in tables.items()
        ],
        "corrected": [],
    }


FINDINGS = (
    ("T-001", "rank correlation", 0.5, "holds"),
    ("T-001b", "minus the rank correlation over layers", -0.25, "inconclusive"),
    ("T-006", "what is left of 0.1 from the typical correlation", 0.1, "holds"),
    ("T-002", "nats per sentence", 2.0, "fails"),
    ("T-003", "rank correlation", 0.0, "not applicable"),
)


def finding(name, unit, estimate, verdict):
    return {
        "id": name,
        "unit": unit,
        "estimate": estimate,
        "interval": [estimate - 0.25, estimate + 0.25],
        "bound": 0.0,
        "n": 12,
        "verdict": verdict,
        # not of an experiment that is drawn
        "statement": "",
        "reason": "",
        "method": "",
        "source": "",
    }


def weights():
    """Two kinds of matrices whose weights are 0.1 and 2.1 deviations, or 1.1."""
    counts = {"attention": {0.0: 60, 2.0: 20}, "mlp": {1.0: 40}}
    return {
        "histogram": [
            {"matrix": kind, "low": low, "high": low + 0.2, "count": count}
            for kind, bins in counts.items()
            for low, count in bins.items()
        ],
        "matrices": [
            {"matrix": kind, "layer": 0, "sigma": 0.5, "largest": 4.0}
            for kind in counts
        ],
    }

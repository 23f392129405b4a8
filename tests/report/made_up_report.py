"""Results of a small run, written by hand, with names that must be shown as text."""

EVIL = "<b>|`x`\n# eng_Latn"
ENVIRONMENT = {
    "arguments": ["run", "--output", "a`b"],
    "packages": {"jaxdisp": "0.1.0"},
    "python": "3.11",
}
LOST = {EVIL: (2.0, 1.0, 3.0), "heb_Hebr": (0.5, -0.25, 1.0), "no": (0.25, 0.125, 0.5)}
FULL = {EVIL: (10.0, 14.0), "heb_Hebr": (8.0, 8.0), "no": (9.0, 11.0)}


def _row(language):
    lost, low, high = LOST[language]
    bounds = {
        f"{name}{end}": value / scale
        for name, scale in (("d_sent", 1), ("d_byte", 10), ("d_tok", 4))
        for end, value in (("", lost), ("_low", low), ("_high", high))
    }
    return {
        "language": language,
        "training_bytes": None,
        "tokens_per_byte": 0.25,
        "loss": 2.0,
        **bounds,
        "n_tokens": 100,
        "n_bytes": 400,
        "flag": "not above noise" if low < 0 else "",
    }


def _entry(estimate, **more):
    unit = {"unit": "nats per sentence", "reason": ""}
    low, high = estimate - 0.5, estimate + 0.5
    return {"estimate": estimate, "low": low, "high": high, **unit, **more}


def found():
    nothing = {"estimate": None, "low": None, "high": None, "unit": "", "reason": "no"}
    return {
        "schema_version": 2,
        "command": "run",
        "model": f"./{EVIL}",
        "architecture": "gpt2",
        "n_layers": 3,
        "parameters": 100,
        "dtype": "float32",
        "quantizer": {
            "bits": 4,
            "grid": "symmetric",
            "granularity": "tensor",
            "group_size": 64,
            "include": ["matrices"],
            "clipping": "absmax",
        },
        "quantizer_in_words": "4 bits, symmetric grid, per tensor, matrices",
        "seed": 0,
        "corpus": "<i>corpus</i>",
        "measured_languages": sorted(LOST),
        "hashes": {"weights": "aa", "tokenizer": "bb", "corpus": "cc"},
        "n_sentences": 2,
        "n_groups": 2,
        "windows": {"context": 8, "stride": 4, "sentences": 0, "languages": {}},
        "degradation": [_row(language) for language in LOST],
        "disparity": {
            "mean": _entry(1.0),
            "worst": _entry(2.0, language=EVIL),
            "max_min": _entry(1.75),
            "gini": _entry(0.5, unit=""),
            "difference": nothing,
            "log_ratio": nothing,
            "contrast": None,
        },
        "sentence_losses": {
            "languages": list(FULL),
            "lines": [1, 2],
            "groups": [0, 1],
            "n_tokens": [[50, 50]] * 3,
            "n_bytes": [[200, 200]] * 3,
            "full": [list(FULL[name]) for name in FULL],
            "quantized": [[x + LOST[name][0] for x in FULL[name]] for name in FULL],
        },
    }

"""Results of a run with every part, by hand, and figures that are quickly drawn."""

import functools

import jax
import matplotlib as mpl
import matplotlib.figure

from jaxdisp.report import drawing, results
from jaxdisp.report.illustration import Illustration
from tests.report import made_up_search
from tests.report.causes.made_up_causes import everything as causes
from tests.report.test_clip_tables import compared
from tests.report.test_headline import QUANTIZER

LANGUAGES = ("ru", "de", "en")
HASHES = {"weights": "0123abcd", "tokenizer": "4567", "corpus": "89ef"}
ENVIRONMENT = {
    "arguments": ["run", "--corpus", "a directory", "--limit", "8"],
    "finished": "2026-01-02T03:04:05+00:00",
    "wall_seconds": 61.5,
    "python": "3.11.7",
    "platform": "Linux",
    "devices": ["cpu"],
    "backend": "cpu",
    "packages": {"jaxdisp": "0.1.0", "jax": "0.10.2"},
    "hashes": HASHES,
}
WINDOWS = {"context": 30, "stride": 15, "sentences": 2, "languages": {"en": 2}}


def bounds(name, value, half=0.25):
    return {name: value, f"{name}_low": value - half, f"{name}_high": value + half}


def language(name, value, flag=""):
    return {
        "language": name,
        "training_bytes": 1000,
        "tokens_per_byte": 0.25,
        "loss": 1.5,
        **bounds("d_sent", value),
        **bounds("d_byte", value / 10, 0.01),
        **bounds("d_tok", value / 4),
        "n_tokens": 10,
        "n_bytes": 40,
        "flag": flag,
    }


def measure(estimate, unit="nats per sentence", **changes):
    entry = {"estimate": estimate, "low": estimate - 0.25, "high": estimate + 0.25}
    return entry | {"unit": unit, "reason": ""} | changes


def about(command="run", **changes):
    return {
        "schema_version": 2,
        "command": command,
        "model": "a model",
        "architecture": "gpt2",
        "n_layers": 2,
        "parameters": 4_800_000,
        "dtype": "float32",
        "quantizer": QUANTIZER,
        "quantizer_in_words": "4 bits & more",
        "seed": 3,
        "corpus": "embedded",
        "measured_languages": list(LANGUAGES),
        "hashes": HASHES,
        "n_sentences": 8,
        "n_groups": 4,
        "windows": WINDOWS,
    } | changes


def measured(languages=LANGUAGES):
    first, second, third = languages
    contrast = {"low": [first], "high": [second, third], "rule": "as they came"}
    return {
        "degradation": [
            language(first, 3.0),
            language(second, 2.0),
            language(third, 0.125, results.NOISE),
        ],
        "disparity": {
            "mean": measure(2.0),
            "worst": measure(3.0, language=first),
            "max_min": measure(2.875),
            "gini": measure(0.25, unit=""),
            "difference": measure(1.5),
            "log_ratio": measure(0.75, unit=""),
            "contrast": contrast,
        },
    }


def layers(languages=LANGUAGES):
    rows = [
        {"treatment": treatment, "layer": layer, "language": name}
        | bounds("effect", sign * (1 + layer + place), 0.5 + 2 * place)
        for treatment, sign in (("quantized", 1), ("protected", -1))
        for layer in range(2)
        for place, name in enumerate(languages)
    ]
    return {"layer_sentences": 6, "layers": rows}


@functools.cache
def search():
    sets = made_up_search.layer_sets(12, 3)[::10]
    made = made_up_search.search(jax.random.key(3), [(0, 9, 11), *sets])
    return made | {"search_sentences": 5, "sentences": ["0 and 11 save together."]}


def plan():
    return {
        "kind": "jaxdisp plan",
        "quantizers": [QUANTIZER],
        "assignment": [0, 1],
        "outside": 0,
        "exceptions": {"transformer.h.1.mlp.c_proj": 0},
        "chosen": {"by": "worst", "sentence": "Layer 0 is kept."},
        "predicted": predicted(),
    }


def predicted():
    of_language = bounds("d_sent", 1.0) | bounds("unprotected_d_sent", 3.0)
    of_language |= bounds("saved", 2.0) | {"language": "ru"}
    measures = bounds("mean", 0.5) | bounds("worst", 1.0) | bounds("disparity", 0.75)
    base = bounds("mean", 2.0) | bounds("worst", 3.0) | bounds("disparity", 1.5)
    named = {"worst_language": "ru", "disparity_measure": "difference"}
    return {
        "corpus": {"n_sentences": 8},
        "languages": [of_language | {"loss_per_token": 2.5, "full_per_token": 2.25}],
        **measures,
        **bounds("saved_mean", 1.5),
        **bounds("saved_worst", 2.125),
        **named,
        "bytes": 2_000_000,
        "full_bytes": 4_000_000,
        "unprotected": base | named | {"bytes": 1_000_000},
    }


def hypotheses():
    def finding(name, verdict, estimate):
        return {
            "id": name,
            "statement": f"{name} is so.",
            "source": "notes",
            "estimate": estimate,
            "unit": "nats",
            "interval": None if estimate is None else [estimate - 1, estimate + 1],
            "n": 4,
            "method": "counting",
            "verdict": verdict,
            "reason": "it was counted",
            "bound": 0.0,
        }

    def experiment(name):
        stated = dict.fromkeys(("support", "refutation", "control"), "More of it.")
        return {
            "id": name,
            "title": "Counting",
            "question": "Is it so?",
            "tables": {},
        } | (stated)

    corrected = {"id": "T-001", "verdict": "holds", "p_value": 1e-6}
    corrected |= dict.fromkeys(("holm", "benjamini_hochberg"), 0.03)
    return {
        "findings": [
            finding("T-001", "holds", 2.0),
            finding("T-001b", "inconclusive", 0.5),
            finding("redundancy", "not applicable", None),
        ],
        "experiments": [experiment("T-001"), experiment("redundancy")],
        "corrected": [corrected | {"benjamini_yekutieli": None}],
    }


def claims():
    def claim(name, verdict, said, estimate=None):
        data = {"statement": f"{name} here.", "estimate": estimate, "unit": "nats"}
        data |= {"interval": [1, 2], "reason": f"because of {name}", "n": 3}
        return {
            "id": name,
            "statement": f"{name} everywhere.",
            "source": "notes",
            "correct": f"{name} nowhere.",
            "check": "by hand",
            "verdict": verdict,
            "ground": "theorem",
            "values": [],
            "test": "t",
            "data_verdict": said,
            "data": data | {"method": "counting"},
        }

    return [
        claim("A1", "holds", "holds", 1.5),
        claim("A2", "fails", "inconclusive"),
        claim("B1", "fails", "fails", 0.25),
    ]


def registration():
    return {
        "sha256": "feed" * 16,
        "registered": "2026-01-01T00:00:00+00:00",
        "title": "A plan",
        "primary_outcome": {"name": "disparity.worst", "estimate": 3.0}
        | {"interval": [2.75, 3.25], "unit": "nats", "verdict": None, "reason": ""},
        "hypotheses": [{"id": "T-001", "expected": None, "verdict": "holds"}],
        "exploratory": ["redundancy"],
        "deviations": [{"what": "--limit", "registered": None, "actual": [8, 9]}],
    }


PARTS = {
    "layers": layers,
    "search": lambda: {"search": search()},
    "plan": lambda: {"plan": plan()},
    "clipping": lambda: {"clipping": compared()},
    "hypotheses": lambda: {"hypotheses": hypotheses()},
    "causes": lambda: {"causes": causes()},
    "claims": lambda: {"claims": claims()},
    "registration": lambda: {"registration": registration()},
}
FIGURES = {
    "degradation": ("degradation", ""),
    "layers": ("layers", ""),
    "sets": ("search", ""),
    "pareto": ("search", ""),
    "clipping": ("clipping", ""),
    "t_001": ("hypotheses", "T-001"),
    "causes_effects": ("causes", ""),
}
"""Names of figures, with their section and experiment."""


def found(parts=tuple(PARTS)):
    made = about() | measured()
    for name in parts:
        made |= PARTS[name]()
    return made


def figures(names=tuple(FIGURES), text="text"):
    """Figures that hold a text, with the files of all, and a table beside each."""
    drawn, files = [], {}
    made, svg = _drawn(text)
    for name in names:
        section, experiment = FIGURES[name]
        one = Illustration(
            name=name,
            section=section,
            title=f"Caption of {name}",
            alt=f"{text} in {name}",
            tables=(name,),
            figure=made,
            experiment=experiment,
        )
        drawn.append(one)
        files[f"figures/{name}.svg"] = svg
        files[f"figures/{name}.png"] = files[f"figures/{name}.pdf"] = b"binary"
        files[f"tables/{name}.csv"] = f"language,{name}\nru,1\n".encode()
    return drawn, files


@functools.cache
def _drawn(text):
    with mpl.rc_context(drawing.SETTINGS):
        made = matplotlib.figure.Figure(figsize=(3, 2))
        made.subplots().set_title(text)
    return made, drawing.drawn("x", made)["figures/x.svg"]

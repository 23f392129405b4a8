"""What documented commands name: models, texts and files, all of them tiny."""

import functools as ft
import pathlib
import tempfile

from tests.measure import tiny
from tests.measure.corpora import published
from tests.models import small

TEXTS = {
    "de": tiny.TEXTS["de"],
    "en": tiny.TEXTS["en"],
    "he": (
        "חתול.",
        "הכלב ראה חתול.",
        "כן.",
        "החתול ישב.",
        "הכלב ראה?",
        "החתול ראה.",
        "לא, הוא ישב.",
        "הכלב.",
    ),
    "sw": (
        "Paka.",
        "Mbwa alimwona paka kwenye mkeka.",
        "Ndiyo.",
        "Paka alikaa kwenye mkeka.",
        "Je, mbwa aliona mkeka?",
        "Paka alimwona mbwa.",
        "Hapana, alikaa.",
        "Mbwa.",
    ),
}
LAYERS = 12
"""As many as the embedded model has, as documented sets name its layers."""
TRAINING_BYTES = {"de": 900, "en": 9000, "he": 500, "sw": 100}

REGISTERED = """title: What this study is about
hypotheses:
  - {id: T-002, expected: holds}
primary_outcome: disparity.max_min
corpus: CORPUS
seeds: [0, 1]
analysis:
  model: MODEL
  languages: [en, he, sw]
  limit: 4
  layer_limit: 4
  set_limit: 4
  clip_limit: 0
  protect: 1
  causes: false
  claims: false
"""


@ft.cache
def folder():
    """Where all of it is: made once in a process, gone at its end."""
    kept = tempfile.TemporaryDirectory()
    made = pathlib.Path(kept.name)
    small.write(made / "model", tiny.entries(n_layer=LAYERS, n_positions=96))
    content = {"training_bytes": TRAINING_BYTES}
    small.write_json(made / "model" / "training.json", content)
    tiny.write_corpus(made / "corpus", TEXTS)
    small.recipe(made)
    names = {"src.eng": "en", "ref.heb": "he", "ref.swa": "sw"}
    texts = {name: TEXTS[language] for name, language in names.items()}
    published.ntrex(made / "ntrex", texts, "a\na\nb\nb\nb\nc\nc\nd\n")
    for name, word in (("eng", "Cat"), ("heb", "חתול"), ("swh", "Paka")):
        parts = published.declaration(word)
        published.udhr_xml(made / "udhr", name, name, parts)
    return kept, made


def place():
    return folder()[1]


def units(path):
    """A table of units: four languages, as many sentences as there are lines."""
    rows = ["language,sentence,T,A,R,D"]
    for i, language in enumerate(TEXTS):
        for j in range(8):
            t, noise = 0.4 + 0.1 * i + 0.02 * j, (7 * i + 3 * j) % 5 / 10
            a, r = 0.5 * t + noise, 3 + t + (5 * j + i) % 7 / 10
            rows.append(
                f"{language},{j},{t:.3f},{a:.3f},{r:.3f},{4 - r / 3 + noise:.3f}"
            )
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def plan(path):
    """A study that is carried out in seconds."""
    text = REGISTERED.replace("MODEL", str(place() / "model"))
    path.write_text(text.replace("CORPUS", str(place() / "corpus")), encoding="utf-8")


FILES = {"units.csv": units, "plan.yaml": plan}
"""Files that documented commands read, written beside them when they are named."""

PLACEHOLDERS = {
    "DIR_OR_HUB_ID": "model",
    "MODEL": "model",
    "CORPUS": "corpus",
    "NTREX": "ntrex",
    "udhr": "udhr",
    "RECIPE": "tiny.toml",
    "RECIPE.toml": "tiny.toml",
}
"""Words of documented commands, and what of the folder stands for them."""
BY_OPTION = {"--corpus": "corpus", "--model": "model", "--data": "data"}
"""What a `DIR` is after an option."""


def filled(words, directory):
    """Words of a command with inputs in the place of placeholders."""
    found = []
    for before, word in zip(["", *words], words, strict=False):
        if word in FILES and not (directory / word).exists():
            FILES[word](directory / word)
        if before in ("--output", "--out"):
            found.append(word)
        elif word == "DIR" and before in BY_OPTION:
            found.append(str(place() / BY_OPTION[before]))
        else:
            prefix, _, name = word.rpartition(":")
            known = PLACEHOLDERS.get(name)
            kept = f"{prefix}:" if prefix else ""
            found.append(word if known is None else f"{kept}{place() / known}")
    return found

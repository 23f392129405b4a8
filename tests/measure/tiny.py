"""A corpus of eight short lines in three languages, and models it fits into."""

from tests.models import small

TEXTS = {
    "de": (
        "Eine Katze.",
        "Der Hund sah die Katze auf der Matte.",
        "Ja.",
        "Die Katze saß auf der Matte.",
        "Sah der Hund die Matte?",
        "Die Katze sah den Hund an.",
        "Nein, er saß.",
        "Der Hund.",
    ),
    "en": (
        "A cat.",
        "The dog looked at the cat on the mat.",
        "Yes.",
        "The cat sat on the mat.",
        "Did the dog see the mat?",
        "The cat looked at the dog.",
        "No, he sat.",
        "The dog.",
    ),
    "ru": (
        "Кошка.",
        "Собака на коврике.",
        "Да.",
        "Кошка смотрела.",
        "И собака?",
        "Кошка и собака.",
        "Нет, сидела.",
        "Собака.",
    ),
}
GROUPS = ("pets", "pets", "mat", "mat", "mat", "look", "end", "end")
CONTEXT = 30
"""No multiple of 8, so that padding must not go beyond it."""
TRAINING_BYTES = {"de": 500, "en": 9000, "ru": 100}


LONG = {
    "de": (*TEXTS["de"][:3], "Er saß und saß " * 5, *TEXTS["de"][4:]),
    "en": (*TEXTS["en"][:6], "No, he sat" + " and sat" * 9 + ".", TEXTS["en"][7]),
    "ru": (*TEXTS["ru"][:3], "Собака смотрела, " * 4, *TEXTS["ru"][4:]),
}
"""Lines 4 and 7 are longer than the context, line 7 in English alone."""


def entries(**changes):
    return small.entries(**{"n_positions": CONTEXT} | changes)


def write_corpus(directory, texts=TEXTS, groups=GROUPS):
    """Writes aligned files, and `groups.tsv` unless there are no groups."""
    directory.mkdir(parents=True, exist_ok=True)
    for language, lines in texts.items():
        path = directory / f"{language}.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if groups is not None:
        rows = [f"{line}\t{group}" for line, group in enumerate(groups, start=1)]
        text = "\n".join(["line\tgroup", *rows]) + "\n"
        (directory / "groups.tsv").write_text(text, encoding="utf-8")
    return directory


def write_model(directory, **changes):
    """Writes a random model that knows how much text it was trained on."""
    small.write(directory, entries(**changes))
    content = {"training_bytes": TRAINING_BYTES}
    small.write_json(directory / "training.json", content)
    return directory

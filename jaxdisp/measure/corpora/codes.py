"""Codes of languages: which of them mean the same language in the same script.

`en`, `eng`, `eng_Latn` and `en-US` are ways to write one thing. They are compared by
language and script, as Unicode's CLDR data have them in `langcodes`: the code of a
macrolanguage and that of the language usually meant by it are the same (`ar` and
`arb`, `fa` and `pes`, `zh` and `cmn`), a script that is not said is the likely one.
"""

import dataclasses
import difflib
import functools as ft
from collections.abc import Mapping, Sequence
from typing import TypeVar

import langcodes
from langcodes.data_dicts import LIKELY_SUBTAGS
from langcodes.tag_parser import LanguageTagError

Value = TypeVar("Value")

NEAREST = 4
"""So many names are proposed for one that is not known."""
LISTED = 24
"""So many names are listed in full."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Code:
    """A language and its script, None if nobody knows, and what else was said of it.

    `written` is whether script or region were said, and not only likely.
    """

    language: str
    script: str | None
    written: bool
    region: str | None
    variants: tuple[str, ...]


@ft.cache
def read(name: str) -> Code | None:
    """Reads a code of a language in any of the common spellings.

    Definition: ISO 639-1 or 639-3, then script, region and variants, parted by `-` or
    `_`. None where it is not laid out so, or the language is not one of ISO 639.

    Args:
        name: such as `he`, `heb`, `heb_Hebr` or `zho-CN`.

    Reference: BCP 47 (RFC 5646); Unicode CLDR's aliases and likely subtags.
    """
    written = name.strip().replace("_", "-")
    try:
        found = langcodes.Language.get(written)
    except LanguageTagError:
        return None
    if not langcodes.Language.make(language=found.language).is_valid():
        return None
    return _code(found, written.partition("-")[0].lower())


def _code(found: langcodes.Language, first: str) -> Code | None:
    region, usual = found.territory, found.prefer_macrolanguage()
    language, script = usual.language, found.script
    if language is None or language == "und":
        return None
    if language in LIKELY_SUBTAGS:  # for others, maximize would say Latin
        script = usual.maximize().script
    if first == "prs" or (language, region) == ("fa", "AF"):
        # CLDR takes Dari for the Persian of Afghanistan; ISO 639-3 keeps them apart
        language, region = "prs", None
    if language == "no":
        language = "nb"  # what is called Norwegian without more is Bokmål
    return Code(
        language=language,
        script=script,
        written=found.script is not None or found.territory is not None,
        region=region,
        variants=tuple(found.variants or ()),
    )


def tag(name: str) -> str:
    """Writes a code as ISO 639-3 and script, such as `heb_Hebr`; else as it is.

    Args:
        name: a code of a language.

    Reference: ISO 639-3, ISO 15924; the form is that of FLORES-200.
    """
    code = read(name)
    if code is None:
        return name
    language = langcodes.Language.make(language=code.language).to_alpha3()
    return language if code.script is None else f"{language}_{code.script}"


def same_language(one: str, other: str) -> bool:
    """Whether two codes mean the same language in the same script.

    Definition: equal as they stand, or languages are equal and so are scripts, where
    both are known. Regions do not matter: `pt` and `pt-BR` are the same, `zh` and
    `zh-TW` are not, since their scripts differ.

    Args:
        one: a code.
        other: another.

    Reference: our own definition, on Unicode CLDR.
    """
    if one == other:
        return True
    a, b = read(one), read(other)
    if a is None or b is None or a.language != b.language:
        return False
    return None in (a.script, b.script) or a.script == b.script


def matched(table: Mapping[str, Value], names: Sequence[str]) -> dict[str, Value]:
    """Looks names up in a table whose names may be other codes of the same languages.

    Names that are not in the table, or that several of its entries fit equally well,
    are left out.

    Args:
        table: by code of a language.
        names: codes to look up.

    Reference: our own definition.
    """
    known = {name: name for name in table}
    found = {}
    for name in names:
        best = [name] if name in table else _closest(name, known)
        if len(best) == 1:
            found[name] = table[best[0]]
    return found


def fitting(name: str, known: Mapping[str, str]) -> list[str]:
    """Finds the languages of a collection that a code may mean.

    Definition: the collection's own name, in whatever case; else those of the same
    code (`same_language`) that differ least in region and variant, and in none that
    both say; where the code says neither script nor region, those in other scripts,
    too, for `zh` and `sr` may be either. Several mean that it is ambiguous.

    Args:
        name: any code, or the collection's own name.
        known: codes of the collection's languages by its own names.

    Reference: our own definition.
    """
    if name in known:
        return [name]
    plain = {_plain(each): each for each in known}
    if _plain(name) in plain:
        return [plain[_plain(name)]]
    found = [each for each in _closest(name, known) if _apart(name, known[each]) < 4]
    code = read(name)
    if found and code is not None and not code.written:
        others = [each for each in _scripts(code, known) if each not in found]
        found += [each for each in others if not same_language(name, known[each])]
    return found


def nearest(names: Sequence[str], known: Mapping[str, str]) -> str:
    """Says which languages a user may have meant: all, or of many the nearest.

    Args:
        names: that are not known.
        known: codes by name.

    Reference: our own definition; likeness of names as in Python's difflib.
    """
    if len(known) <= LISTED:
        return f"allowed: {', '.join(known)}"
    near: list[str] = []
    for name in names:
        code = read(name)
        near += [] if code is None else _scripts(code, known)[:NEAREST]
        near += difflib.get_close_matches(name, list(known), NEAREST, 0.5)
    shown = list(dict.fromkeys(near)) or [*list(known)[:NEAREST], "..."]
    return f"nearest of {len(known)}: {', '.join(shown)}"


def _closest(name: str, known: Mapping[str, str]) -> list[str]:
    """Names of the same language that differ least in region and variant."""
    same = [each for each in known if same_language(name, known[each])]
    distances = [_apart(name, known[each]) for each in same]
    least = min(distances, default=0)
    return [each for each, d in zip(same, distances, strict=True) if d == least]


def _apart(one: str, other: str) -> int:
    """Counts what only one of two codes says; what they say differently weighs 4."""
    a, b = read(one), read(other)
    if a is None or b is None:
        return 0
    pairs = ((a.region, b.region), (a.variants, b.variants))
    return sum(0 if x == y else 4 if x and y else 1 for x, y in pairs)


def _scripts(code: Code, known: Mapping[str, str]) -> list[str]:
    """Names of the same language, in any script."""
    read_as = {name: read(each) for name, each in known.items()}
    return [
        name
        for name, each in read_as.items()
        if each is not None and each.language == code.language
    ]


def _plain(name: str) -> str:
    return name.replace("_", "-").lower()

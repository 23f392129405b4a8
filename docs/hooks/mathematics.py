"""Formulas between dollars become MathML when the site is built.

So that they are shown without a script, without a font and without a network. The pages
keep the notation that GitHub shows.
"""

import html
import re
import unicodedata
from typing import Any

import latex2mathml.converter
from mkdocs.exceptions import PluginError

FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\(?P<open>[(\[])(?P<latex>.*?)\\[)\]]'
    r"</(?P=tag)>",
    re.DOTALL,
)
OTHER_WORDS = (
    (re.compile(r"\\lbrace(?![A-Za-z])"), r"\\{"),
    (re.compile(r"\\rbrace(?![A-Za-z])"), r"\\}"),
    (re.compile(r"\\arg(?![A-Za-z])"), r"\\operatorname{arg}"),
    (re.compile(r"\\tag\{([^}]*)\}"), r"\\qquad\\text{(\1)}"),
)
"""What the converter does not know, in words that it does."""
STYLED = re.compile(r'<mi mathvariant="(double-struck|script)">([A-Z])</mi>')
"""Letters by a style that browsers no longer draw, and Unicode has."""
NORM = "<mo>&#x02016;</mo>"
FLAT_NORM = '<mo stretchy="false">&#x02016;</mo>'
"""As tall as a letter, also at an exponent."""


def _letter(match: re.Match[str]) -> str:
    style, letter = match.groups()
    words = "DOUBLE-STRUCK" if style == "double-struck" else "SCRIPT"
    try:
        found = unicodedata.lookup(f"{words} CAPITAL {letter}")
    except KeyError:
        found = unicodedata.lookup(f"MATHEMATICAL {words} CAPITAL {letter}")
    return f"<mi>{found}</mi>"


def mathml(latex: str, *, display: bool) -> str:
    """Converts a formula; one with a command that is not known is an error.

    Args:
        latex: as between the dollars.
        display: whether it stands on lines of its own.

    Raises:
        ValueError: if the converter left a command as it was.
    """
    for known, other in OTHER_WORDS:
        latex = known.sub(other, latex)
    way = "block" if display else "inline"
    found = latex2mathml.converter.convert(latex, display=way)
    found = STYLED.sub(_letter, found).replace(NORM, FLAT_NORM)
    found = re.sub(r">\\([{}])<", r">\1<", found)  # braces of a given size
    if left := re.search(r"\\\S\w*", found):
        raise ValueError(f"{left[0]} is not known in {latex!r}")
    return found


def on_page_content(text: str, *, page: Any, **_: Any) -> str:
    """Replaces every formula of a page."""

    def replaced(match: re.Match[str]) -> str:
        display = match["open"] == "["
        try:
            found = mathml(html.unescape(match["latex"]), display=display)
        except Exception as error:
            raise PluginError(f"{page.file.src_uri}: {error}") from error
        return f'<div class="formula">{found}</div>' if display else found

    return FORMULA.sub(replaced, text)

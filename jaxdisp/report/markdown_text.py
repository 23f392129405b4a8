"""Markdown: text that is data shown as it is, tables and links."""

import re
from collections.abc import Sequence

SPECIAL = re.compile(
    r"[\\`*<>|&#~$]"  # what means something anywhere
    r"|\](?=[(\[:])"  # only a bracket closed so makes a link; an interval is none
    r"|(?<![^\W_])_|_(?![^\W_])"  # within a word an underscore means nothing
    r"|^[-+=](?=\s|$|[-=])|:(?=//)|(?<=\bwww)\."
)
IN_BRACKETS = re.compile(SPECIAL.pattern + r"|[\[\]]")
NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")


def escaped(text: str) -> str:
    r"""Writes text from outside so that Markdown shows it as it is, on one line.

    Definition: punctuation that means something gets a backslash; line breaks and other
    control characters become one space.

    Args:
        text: such as the name of a language or a model.

    Reference: CommonMark 0.31.2, section 2.4; tables and links of GitHub's dialect.
    """
    return _with_backslashes(SPECIAL, text)


def _with_backslashes(marks: re.Pattern[str], text: str) -> str:
    line = marks.sub(lambda found: "\\" + found[0], CONTROL.sub(" ", text).strip())
    return NUMBERED.sub(r"\1\\\2", line)


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, words: Sequence[int] = (0,)
) -> list[str]:
    """Writes a table: columns of words to the left, the others to the right.

    Args:
        header: names of columns, as text.
        rows: cells, as text.
        words: places of the columns that hold words.

    Reference: GitHub Flavored Markdown, section 4.10.
    """
    marks = [":---" if place in words else "---:" for place in range(len(header))]
    lines = [[escaped(cell) for cell in header], marks]
    lines += [[escaped(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def image(title: str, path: str) -> str:
    """Writes a figure that lies beside the text.

    Args:
        title: what there is to see, as text.
        path: from the text, of letters that a link may hold.

    Reference: CommonMark 0.31.2, section 6.4.
    """
    return f"![{_with_backslashes(IN_BRACKETS, title)}]({path})"


def fenced(lines: Sequence[str]) -> list[str]:
    """Writes lines that are shown letter by letter, such as a terminal's.

    Definition: fenced by one backtick more than there are in a row inside.

    Args:
        lines: as text; control characters become spaces.

    Reference: CommonMark 0.31.2, section 4.5.
    """
    kept = [CONTROL.sub(" ", line) for line in lines]
    fence = "`" * max(3, 1 + _longest_run("\n".join(kept)))
    return [fence, *kept, fence]


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def code(text: str) -> str:
    """Writes a line that is shown letter by letter, such as a command.

    Definition: fenced by one backtick more than there are in a row inside.

    Args:
        text: of one line; line breaks become spaces.

    Reference: CommonMark 0.31.2, section 6.1.
    """
    line = CONTROL.sub(" ", text).strip()
    fence = "`" * (1 + _longest_run(line))
    inner = f" {line} " if line.startswith("`") or line.endswith("`") else line
    return f"{fence}{inner}{fence}"

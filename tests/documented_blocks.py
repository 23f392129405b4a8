"""Blocks of code of a page, and the commands in them with what they print.

A block of code, fenced or indented, with lines that begin with `$ ` holds commands and
what they print; without such lines, those that begin with a program are commands.
`<!-- output: exact -->` above a block says that the command prints exactly this, and
`<!-- output: shape: WHY -->` that only the heads of its tables are compared.
"""

import dataclasses
import itertools
import re

PROGRAMS = (
    *("jaxdisp", "make", "pip", "python", "pytest", ".venv/", ".ci/", "export", "srun"),
    *("sbatch", "jq", "git", "xdg-open"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Documented:
    """A command as it is written, and what is shown of its output, if anything.

    `how` is how that is compared: `exact`, or `shape`; `lines` are where it stands in
    the page, counted from 0, the end excluded; `marked` is whether the page says `how`.
    """

    page: str
    line: int
    text: str
    shown: tuple[str, ...] = ()
    how: str = "shape"
    lines: tuple[int, int] = (0, 0)
    marked: bool = False


MARK = re.compile(r"<!-- output: (exact|shape: .+) -->")
SHELLS = ("", "console", "sh", "bash", "text")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block:
    """A block of code: its language, number of its first line, lines without indent.

    `mark` is what the comment above it says of outputs. Indented blocks have no
    language; one below an item of a list is a block, too.
    """

    language: str
    first: int
    lines: list[str]
    mark: str | None


def blocks(text):
    """Every block of code of a page, in order."""
    lines, number, mark = text.split("\n"), 0, None
    while number < len(lines):
        line = lines[number]
        if line.startswith("```"):
            language, first = line[3:].strip(), number + 1
            inside = list(
                itertools.takewhile(lambda each: each[:3] != "```", lines[first:])
            )
            number = first + len(inside)
        elif (
            line.startswith("    ") and not "".join(lines[number - 1 : number]).strip()
        ):
            language, first = "", number
            inside = list(itertools.takewhile(_is_indented, lines[first:]))
            number = first + len(inside) - 1
            inside = [each[4:] for each in inside]
        else:
            found = MARK.search(line)
            mark = found[1] if found else mark if not line.strip() else None
            number += 1
            continue
        yield Block(language=language, first=first, lines=inside, mark=mark)
        number, mark = number + 1, None


def _is_indented(line):
    return line.startswith("    ") or not line.strip()


def commands(page, text):
    """Every command of a page, in order."""
    found = []
    for block in blocks(text):
        if block.language not in SHELLS:
            continue
        prompt = "$ " if any(line.startswith("$ ") for line in block.lines) else ""
        begin = (prompt,) if prompt else PROGRAMS
        starts = [n for n, line in enumerate(block.lines) if line.startswith(begin)]
        for start, end in itertools.pairwise([*starts, len(block.lines)]):
            found.append(_command(page, block, prompt, start, end))
    return found


def _command(page, block, prompt, start, end):
    """The command at a line of a block, and what is printed up to the next."""
    last = start
    while block.lines[last].endswith("\\"):
        last += 1
    words = " ".join(
        line.rstrip("\\").strip() for line in block.lines[start : last + 1]
    )
    shown = block.lines[last + 1 : end] if prompt else []
    while shown and not shown[-1].strip():
        shown = shown[:-1]
    first = block.first + last + 1
    return Documented(
        page=page,
        line=block.first + start + 1,
        text=re.split(r" +# ", words.removeprefix(prompt))[0],
        shown=tuple(shown),
        how=(block.mark or "shape").split(":")[0],
        lines=(first, first + len(shown)),
        marked=block.mark is not None,
    )


def inline(text):
    """Commands named within prose, which must exist with the options they name."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    joined = re.sub(r"(?<=\S)\n(?=\S)", " ", prose)
    return re.findall(r"(?<!`)`(jaxdisp [^`]+)`(?!`)", joined)

"""What pages are made of: texts, lists, tables, figures and folds, in sections."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal

Kind = Literal["name", "number", "words", "code"]
"""Of a column: text from outside, numbers, words of ours, or code."""
Column = tuple[str, Kind]
"""A column's name and kind."""


@dataclasses.dataclass(frozen=True)
class Text:
    """A paragraph; `note` is set small, `lede` large."""

    text: str
    role: Literal["plain", "note", "lede"] = "plain"
    template: str = dataclasses.field(default="text", init=False)


@dataclasses.dataclass(frozen=True)
class Items:
    """A list of sentences."""

    items: tuple[str, ...]
    template: str = dataclasses.field(default="items", init=False)


@dataclasses.dataclass(frozen=True)
class Terms:
    """Names and what is said of each."""

    pairs: tuple[tuple[str, str], ...]
    outside: bool = False
    template: str = dataclasses.field(default="terms", init=False)


@dataclasses.dataclass(frozen=True)
class Code:
    """Text to copy."""

    text: str
    template: str = dataclasses.field(default="code", init=False)


@dataclasses.dataclass(frozen=True)
class Table:
    """A table: its caption, the names and kinds of columns, and cells.

    The first column names the rows; `marked` are the places of rows that stand out.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()
    template: str = dataclasses.field(default="table", init=False)


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure, by the name of its files."""

    name: str
    template: str = dataclasses.field(default="figure", init=False)


@dataclasses.dataclass(frozen=True)
class Fold:
    """Details that a reader opens."""

    summary: str
    blocks: tuple["Block", ...]
    template: str = dataclasses.field(default="fold", init=False)


@dataclasses.dataclass(frozen=True)
class Heading:
    """The heading of what follows, within a section."""

    text: str
    id: str
    template: str = dataclasses.field(default="heading", init=False)


Block = Text | Items | Terms | Code | Table | Figure | Fold | Heading


@dataclasses.dataclass(frozen=True)
class Section:
    """A section: the anchor it is reached by, its heading, and what is in it."""

    id: str
    title: str
    blocks: tuple[Block, ...]


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    marked: Iterable[int] = (),
) -> Table:
    """Makes a table; a column without anything in it is left out.

    Args:
        caption: what the table is of.
        columns: their names and kinds.
        rows: cells, as many as columns.
        marked: places of rows that stand out.

    Reference: our own definition.
    """
    cells = [tuple(row) for row in rows]
    kept = [n for n in range(len(columns)) if n == 0 or any(row[n] for row in cells)]
    return Table(
        caption=caption,
        columns=tuple(columns[n] for n in kept),
        rows=tuple(tuple(row[n] or "-" for n in kept) for row in cells),
        marked=frozenset(marked),
    )


def section(id: str, title: str, blocks: Iterable[Block | None]) -> Section | None:  # noqa: A002
    """Makes a section of what there is; none of nothing.

    Args:
        id: the anchor.
        title: the heading.
        blocks: what is in it; None, empty texts, lists and tables are left out.

    Reference: our own definition.
    """
    kept = tuple(each for each in blocks if each is not None and there(each))
    if not any(not isinstance(each, Heading) for each in kept):
        return None
    return Section(id=id, title=title, blocks=_without_bare_headings(kept))


def there(block: Block) -> bool:
    """Says whether a block has anything to show.

    Args:
        block: of a page.

    Reference: our own definition.
    """
    held = {
        Text: lambda each: each.text.strip(),
        Items: lambda each: each.items,
        Terms: lambda each: each.pairs,
        Code: lambda each: each.text.strip(),
        Table: lambda each: each.rows,
        Fold: lambda each: any(there(inner) for inner in each.blocks),
    }
    return bool(held.get(type(block), lambda _: True)(block))


def fold(summary: str, *blocks: Block | None) -> Fold | None:
    """Folds what there is; none of nothing.

    Args:
        summary: what is folded.
        blocks: to fold; None and empty ones are left out.

    Reference: our own definition.
    """
    kept = tuple(each for each in blocks if each is not None and there(each))
    return Fold(summary=summary, blocks=kept) if kept else None


def items(sentences: Iterable[str]) -> Items:
    """Lists sentences, empty ones left out.

    Args:
        sentences: to list.

    Reference: our own definition.
    """
    return Items(tuple(each for each in sentences if each))


def _without_bare_headings(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """Leaves out headings that nothing follows before the next one."""
    after = (*blocks[1:], None)
    return tuple(
        block
        for block, follower in zip(blocks, after, strict=True)
        if not isinstance(block, Heading)
        or not (follower is None or isinstance(follower, Heading))
    )

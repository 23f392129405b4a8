"""Text in Markdown is shown as it is, by a reader of Markdown that is not ours."""

import markdown_it
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdisp.report import markdown_text

READER = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
SPECIAL = "\\`*_{}[]()<>#+-.!|~$&;:=\"'/ 1ab\u05d0\n\t"
NASTY = [
    "<script>alert(1)</script>",
    "[x](http://evil)",
    "![x](y)",
    "a|b",
    "`code`",
    "12. twelve",
    "- item",
    "+ item",
    "# title",
    "> quoted",
    "---",
    "===",
    "~~gone~~",
    "**bold** __too__ _and_",
    "&lt;",
    "[a]: http://evil",
    "eng_Latn",
    "two\nlines",
    "<http://evil>",
    "trailing\\",
]


def shown(source):
    """The text that a reader of Markdown sees, and the kinds of what it is made of."""
    inline, kinds = [], set()
    for token in READER.parse(source):
        kinds.add(token.type)
        for child in token.children or []:
            kinds.add(child.type)
            inline.append(child.content)
    return "".join(inline), kinds


def plain(text):
    return markdown_text.CONTROL.sub(" ", text).strip()


@pytest.mark.parametrize("text", NASTY)
def test_nasty_text_is_text(text):
    found, kinds = shown(markdown_text.escaped(text))
    assert found == plain(text)
    assert kinds == {"paragraph_open", "inline", "text", "paragraph_close"} | (
        kinds & {"text_special"}
    )


@given(text=st.text(st.sampled_from(SPECIAL), max_size=12))
def test_any_text_is_text(text):
    found, kinds = shown(markdown_text.escaped(text))
    assert found == plain(text)
    assert kinds <= {"paragraph_open", "inline", "text", "paragraph_close"}


@given(cells=st.lists(st.text(st.sampled_from(SPECIAL)), min_size=2, max_size=2))
def test_tables_keep_their_cells(cells):
    lines = markdown_text.table(("one", "two"), [["a", "b"], cells])
    tokens = READER.parse("\n".join(lines))
    found = [token for token in tokens if token.type == "inline"]
    texts = ["".join(part.content for part in token.children) for token in found]
    assert texts == ["one", "two", "a", "b", *map(plain, cells)]


@given(text=st.text(st.sampled_from(SPECIAL), max_size=12))
def test_code_is_shown_letter_by_letter(text):
    source = f"x {markdown_text.code('a' + text)}"
    found = [t for t in READER.parse(source)[1].children if t.type == "code_inline"]
    assert [token.content for token in found] == [plain("a" + text)]
    lines = ["a", text.replace("\n", " "), "```", "b"]
    (fence,) = READER.parse("\n".join(markdown_text.fenced(lines)))
    assert fence.content.split("\n")[:-1] == [
        markdown_text.CONTROL.sub(" ", line) for line in lines
    ]


def test_intervals_are_left_as_they_are():
    assert markdown_text.escaped("1.50 [0.50, 2.50]") == "1.50 [0.50, 2.50]"


@given(text=st.text(st.sampled_from(SPECIAL), max_size=12))
def test_images_have_their_words(text):
    (image,) = READER.parse(markdown_text.image("a" + text, "figures/x.svg"))[
        1
    ].children
    assert (image.type, image.attrs["src"]) == ("image", "figures/x.svg")
    assert "".join(child.content for child in image.children) == plain("a" + text)

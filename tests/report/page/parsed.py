"""A page as a browser would take it apart, with nothing but the standard library."""

import html.parser

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Parsed(html.parser.HTMLParser):
    """Elements as (tag, attributes), all text, and texts by the ids around them."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.elements, self.text, self.under, self._open = [], "", {}, []
        self.feed(page)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.elements.append((tag, named))
        if tag not in VOID:
            self._open.append((tag, named))

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open[-1][0] == tag, (tag, self._open)
        self._open.pop()
        self.text += " " if tag in ("td", "th") else ""

    def handle_data(self, data):
        self.text += data
        for place, (tag, attrs) in enumerate(self._open):
            key = (place, attrs.get("id") or attrs.get("aria-labelledby") or tag)
            self.under[key] = self.under.get(key, "") + data

    def within(self, tag):
        """Text of each innermost run that has such an element around it."""
        return [text for (_, name), text in self.under.items() if name == tag]

    def of(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def attributes(self, name):
        return [attrs[name] for _, attrs in self.elements if name in attrs]

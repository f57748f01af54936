"""Reads a page without a browser: its elements with their attributes and the text within them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.clients.service import ask

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})


@dataclass(slots=True)
class Element:
    tag: str
    attributes: dict[str, str]
    ancestors: tuple[Element, ...]
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text within the element, with single spaces."""
        return " ".join("".join(self.texts).split())

    def has(self, name: str) -> bool:
        """Whether it has this class."""
        return name in self.attributes.get("class", "").split()


class Document(HTMLParser):
    """The elements of a page in their order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()

    def all(self, *tags: str, within: Collection[str] = ()) -> Iterator[Element]:
        """Yield the elements of these tags, only those inside of an element of one of the tags of `within` if given."""
        for element in self.elements:
            is_inside = not within or any(each.tag in within for each in element.ancestors)
            if element.tag in tags and is_inside:
                yield element

    def one(self, tag: str) -> Element:
        [found] = self.all(tag)
        return found

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attributes}, tuple(self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        # An end that has no beginning is ignored; one of an outer element ends the inner ones.
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place].tag == tag:
                del self._open[place:]
                return

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.texts.append(data)


def read(address: str, target: str, *, status: int = 200) -> Document:
    """Return the page at this address of the service, which must answer with the status."""
    found = ask(address, target)
    assert found.status == status, (target, found.status)
    return Document(found.body.decode())

"""Our own Markdown as HTML. HTML within it stays text, so a page holds nothing but what is written here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
_COMMENT = re.compile(r"^<!--.*?-->\n?", re.DOTALL | re.MULTILINE)
"""Marks for whoever keeps the documents; nobody reads them."""

Link = Callable[[str], str | None]
"""Where a link leads here; None where it leads to nothing that is served, and its words alone are shown."""


@dataclass(frozen=True, slots=True)
class Rendered:
    title: str
    html: str


def rendered(text: str, *, link: Link) -> Rendered:
    """The title is the first heading."""
    tokens = _PARSER.parse(_COMMENT.sub("", text))
    title = ""
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            words = plain_text(tokens[position + 1])
            token.attrSet("id", anchor(words))
            title = title or words
        if token.children:
            token.children = _with_links(token.children, link)
    return Rendered(title, _PARSER.renderer.render(tokens, _PARSER.options, {}))


def plain_text(token: Token) -> str:
    return "".join(child.content for child in token.children or ())


def anchor(words: str) -> str:
    """As GitHub names the place of a heading, so that links hold in both."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", words.lower()).strip())


def _with_links(tokens: list[Token], link: Link) -> list[Token]:
    kept: list[Token] = []
    is_open = True  # links do not stand within links
    for token in tokens:
        if token.type == "link_open":
            address = link(str(token.attrGet("href")))
            is_open = address is not None
            if address is not None:
                token.attrSet("href", address)
        if is_open or token.type not in {"link_open", "link_close"}:
            kept.append(token)
    return kept

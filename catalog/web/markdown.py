"""Renders our own Markdown as HTML. HTML within it stays text, so a page contains only what our documents contain."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
_COMMENT = re.compile(r"^<!--.*?-->\n?", re.DOTALL | re.MULTILINE)
"""Comments for the authors of the documents; readers never see them."""

Link = Callable[[str], str | None]
"""Maps a link to its address here; None if the target is not served, so that only the text of the link is shown."""


EXAMPLE_SITE = "http://localhost:8000"
"""The address of the service in our documents. It is that of `make run`, so the examples can be copied as they are."""
_CODE = frozenset({"code_block", "code_inline", "fence"})


@dataclass(frozen=True, slots=True)
class Rendered:
    title: str
    html: str


def rendered(text: str, *, link: Link, site: str = EXAMPLE_SITE) -> Rendered:
    """Render the document. Its title is the first heading. Its examples call the service at `site`."""
    tokens = _PARSER.parse(_COMMENT.sub("", text))
    title = ""
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            words = plain_text(tokens[position + 1])
            token.attrSet("id", anchor(words))
            title = title or words
        for code in (token, *(token.children or ())):
            if code.type in _CODE:
                code.content = code.content.replace(EXAMPLE_SITE, site)
        if token.children:
            token.children = _with_links(token.children, link)
    return Rendered(title, _scrollable(_PARSER.renderer.render(tokens, _PARSER.options, {})))


def _scrollable(html: str) -> str:
    """Let the keyboard reach what may be wider than a page, because only what has the focus can be scrolled by it."""
    return html.replace("<pre>", '<pre tabindex="0">').replace("<table>", '<table tabindex="0">')


def plain_text(token: Token) -> str:
    return "".join(child.content for child in token.children or ())


def anchor(words: str) -> str:
    """Return the anchor of a heading as GitHub names it, so that links work in both places."""
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", words.lower()).strip())


def _with_links(tokens: list[Token], link: Link) -> list[Token]:
    kept: list[Token] = []
    is_open = True  # links cannot contain links
    for token in tokens:
        if token.type == "link_open":
            address = link(str(token.attrGet("href")))
            is_open = address is not None
            if address is not None:
                token.attrSet("href", address)
        if is_open or token.type not in {"link_open", "link_close"}:
            kept.append(token)
    return kept

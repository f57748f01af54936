"""Reads pages for tests."""

from __future__ import annotations

from html.parser import HTMLParser

from django.test import Client


class Tables(HTMLParser):
    """The values of all `data` elements, by the table that they are in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag == "data" and self.rows:
            self.rows[-1].append(str(dict(attributes)["value"]))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(client: Client, path: str, *, status: int = 200) -> Tables:
    answer = client.get(path)
    assert answer.status_code == status, path
    return Tables(answer.content.decode())

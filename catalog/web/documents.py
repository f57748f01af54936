"""The documents of the API as pages: `docs/api/*.md`, `docs/formats/*.md`, and `docs/problems/*.md`, which an error's
`type` links to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from posixpath import join, normpath
from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404, HttpResponse
from minijinja import safe
from rest_framework.request import Request

from catalog.parameters.endpoints import Endpoint
from catalog.web import markdown
from catalog.web.layout import frame
from catalog.web.pages import CACHE_CONTROL, CONTENT_SECURITY_POLICY, HTML, Page
from catalog.web.templates import render

FOLDERS = {"api": "The API", "formats": "Formats of other services", "problems": "Errors"}
HEADERS = {"Cache-Control": CACHE_CONTROL, "Content-Security-Policy": CONTENT_SECURITY_POLICY}


class CachedPage(Page):
    """A page that changes only with a new version of the service."""

    endpoint = Endpoint(media_type=HTML, is_cacheable=True)


class Document(CachedPage):
    def get(self, request: Request, folder: str, name: str) -> HttpResponse:
        self.check_parameters(request)
        file = _files().get(f"{folder}/{name}")
        if file is None:
            raise Http404("There is no document of this name; /docs/ lists those there are.")
        # Examples call the public address, not the Host of this request: caches share the page between host names.
        return HttpResponse(_page(file, folder, site=settings.PUBLIC_URL), headers=HEADERS)


class Contents(CachedPage):
    """A list of all documents, or of those in one folder."""

    def get(self, request: Request, folder: str = "") -> HttpResponse:
        self.check_parameters(request)
        return HttpResponse(_contents(folder, site=settings.PUBLIC_URL), headers=HEADERS)


@cache
def _files() -> Mapping[str, Path]:
    """Map addresses to documents. Only these addresses exist: no name from a request becomes a path."""
    root: Path = settings.DOCS_DIR
    found = [file for folder in FOLDERS for file in sorted((root / folder).glob("*.md"))]
    return {f"{file.parent.name}/{file.stem}": file for file in found}


def addresses() -> list[str]:
    """Return the addresses of all documents."""
    return [f"/docs/{name}" for name in _files()]


@cache
def _page(file: Path, folder: str, *, site: str) -> bytes:
    read = markdown.rendered(file.read_text("utf-8"), link=lambda address: _link(address, folder), site=site)
    shown = {
        **frame(current="API", title=read.title, description=f"{FOLDERS[folder]} of Gatewayz: {read.title}."),
        "html": safe(read.html),  # of our own documents, in which HTML is text
        "canonical": f"{site}/docs/{folder}/{file.stem}",
        "is_indexed": True,
        "crumbs": [
            {"name": "Docs", "href": "/docs/"},
            {"name": FOLDERS[folder], "href": f"/docs/{folder}/"},
            {"name": read.title, "href": ""},
        ],
    }
    return render("document.html", shown)


@cache
def _contents(folder: str, *, site: str) -> bytes:
    named = [(name, title, _titles(name)) for name, title in FOLDERS.items() if folder in {"", name}]
    title = FOLDERS.get(folder, "Documents")
    shown = {
        **frame(current="API", title=title, description=f"{title} of Gatewayz, the open catalogue of AI models."),
        "heading": title,
        "canonical": f"{site}/docs/{folder + '/' if folder else ''}",
        "is_indexed": True,
        "crumbs": [*([{"name": "Docs", "href": "/docs/"}] if folder else []), {"name": title, "href": ""}],
        "folders": [
            {
                "title": part,
                "href": f"/docs/{name}/",
                "documents": [{"href": href, "title": of_document} for href, of_document in documents],
            }
            for name, part, documents in named
            if documents
        ],
    }
    return render("contents.html", shown)


def _titles(folder: str) -> list[tuple[str, str]]:
    """Return address and title of each document."""
    found = [(f"/docs/{address}", file) for address, file in _files().items() if address.startswith(f"{folder}/")]
    return [(address, markdown.rendered(file.read_text("utf-8"), link=str).title) for address, file in found]


def _link(address: str, folder: str) -> str | None:
    """Turn links between files of the documents into links between pages. Other files of the project are not served."""
    parts = urlsplit(address)
    if parts.scheme in {"http", "https"} or address.startswith(("#", "/")):
        return address
    path = normpath(join(folder, parts.path))
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    if path in FOLDERS:
        return f"/docs/{path}/{fragment}"
    address = path.removesuffix(".md")
    return f"/docs/{address}{fragment}" if path.endswith(".md") and address in _files() else None

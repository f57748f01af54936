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
from django.template.loader import render_to_string
from rest_framework.request import Request

from catalog.parameters.endpoints import Endpoint
from catalog.web import markdown
from catalog.web.pages import CACHE_CONTROL, CONTENT_SECURITY_POLICY, HTML, Page

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
        return HttpResponse(_contents(folder), headers=HEADERS)


@cache
def _files() -> Mapping[str, Path]:
    """Map addresses to documents. Only these addresses exist: no name from a request becomes a path."""
    root: Path = settings.DOCS_DIR
    found = [file for folder in FOLDERS for file in sorted((root / folder).glob("*.md"))]
    return {f"{file.parent.name}/{file.stem}": file for file in found}


@cache
def _page(file: Path, folder: str, *, site: str) -> str:
    read = markdown.rendered(file.read_text("utf-8"), link=lambda address: _link(address, folder), site=site)
    shown = {"title": read.title, "html": read.html, "folder": folder, "folder_title": FOLDERS[folder]}
    return render_to_string("web/document.html", shown)


@cache
def _contents(folder: str) -> str:
    named = [(name, title, _titles(name)) for name, title in FOLDERS.items() if folder in {"", name}]
    parts = [part for part in named if part[2]]
    return render_to_string("web/contents.html", {"title": FOLDERS.get(folder, "Documents"), "parts": parts})


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

"""The addresses of the pages for people."""

from __future__ import annotations

from django.urls import path

from catalog.web import assets, documents, front_page, logos

urlpatterns = [
    path("", front_page.FrontPage.as_view()),
    path("assets/<path:name>", assets.AssetPage.as_view()),
    path("favicon.ico", assets.IconAtRoot.as_view()),
    path("catalog/logos/<path:key>.svg", logos.Logo.as_view()),
    path("logos/<path:key>.svg", logos.Logo.as_view()),
    path("docs", documents.Contents.as_view()),
    path("docs/", documents.Contents.as_view()),
    *(path(f"docs/{folder}/", documents.Contents.as_view(), {"folder": folder}) for folder in documents.FOLDERS),
    path("docs/<str:folder>/<str:name>", documents.Document.as_view()),
]

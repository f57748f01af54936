"""The addresses of the pages for people."""

from __future__ import annotations

from django.urls import path

from catalog.web import (
    assets,
    changes,
    compare_page,
    documents,
    front_page,
    gateways,
    logos,
    machines,
    makers,
    model_page,
)

urlpatterns = [
    path("", front_page.FrontPage.as_view()),
    path("models/<path:slug>", model_page.ModelPage.as_view()),
    path("makers", makers.Makers.as_view()),
    path("makers/<path:maker>", makers.Maker.as_view()),
    path("gateways", gateways.Gateways.as_view()),
    path("gateways/<str:gateway>", gateways.GatewayPage.as_view()),
    path("changes", changes.Changes.as_view()),
    path("compare", compare_page.ComparePage.as_view()),
    path("assets/<path:asset>", assets.AssetPage.as_view()),
    path("robots.txt", machines.Robots.as_view()),
    path("sitemap.xml", machines.Sitemap.as_view()),
    path("llms.txt", machines.Llms.as_view()),
    path("favicon.ico", assets.IconAtRoot.as_view()),
    path("catalog/logos/<path:key>.svg", logos.Logo.as_view()),
    path("logos/<path:key>.svg", logos.Logo.as_view()),
    path("docs", documents.Contents.as_view()),
    path("docs/", documents.Contents.as_view()),
    *(path(f"docs/{folder}/", documents.Contents.as_view(), {"folder": folder}) for folder in documents.FOLDERS),
    path("docs/<str:folder>/<str:name>", documents.Document.as_view()),
]

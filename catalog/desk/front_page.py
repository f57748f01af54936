"""The front page of the desk: what waits for a person."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from catalog.desk.pages import DeskPage


class FrontPage(DeskPage):
    address = ""
    name = "front"
    title = "Waiting"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show("desk/front.html", {})

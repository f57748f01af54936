"""What the views of the API share."""

from __future__ import annotations

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.parameters import filters, filterset


class CatalogView(APIView):
    filterset_class: ClassVar[type[filterset.SelectionFilterSet]] = filters.NoParameters

    def query(self, request: Request) -> filterset.SelectionFilterSet:
        """Return the request's parameters. Raise InvalidParameters if they are invalid."""
        return self.filterset_class(request.query_params)

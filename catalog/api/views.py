"""The endpoints. Each reads its parameters, calls one function, and answers."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache
from typing import ClassVar

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.renderers import JSONRenderer, TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import queries, registry
from catalog.api import answers, serializers
from catalog.memory import facets, following
from catalog.memory.selection import Selection
from catalog.normalize import dates
from catalog.parameters import filters, filterset, offer_filters, pages
from catalog.reports import providers


class CatalogView(APIView):
    filterset_class: ClassVar[type[filterset.SelectionFilterSet]] = filters.NoParameters

    def query(self, request: Request) -> filterset.SelectionFilterSet:
        """Return the request's parameters. Raise InvalidParameters if they are invalid."""
        return self.filterset_class(request.query_params)


class ModelList(CatalogView):
    filterset_class = offer_filters.OfferFilterSet

    @extend_schema(operation_id="list_models", summary="Offers of models", responses=serializers.ModelListSerializer)
    def get(self, request: Request) -> HttpResponse:
        query = self.query(request)
        selection = query.narrowed(Selection.of(following.FOLLOWER.current()))
        page = pages.page_of(selection, query.values)
        fields = query.values["fields"]
        data = answers.picked(page.rows, set(fields)) if fields else answers.fragments(page.rows)
        more: dict[str, object] = {"offset": page.offset, "next_cursor": page.next_cursor}
        if page.offset is None:
            more["next"] = page.following and answers.next_page(request, query, cursor=page.following)
        if query.values["facets"]:
            more |= _facets(selection, query)
        return answers.listing(request, selection.snapshot, data, total=len(selection), query=query, more=more)


class ModelDetail(CatalogView):
    filterset_class = filters.OfferOfIdFilterSet

    @extend_schema(
        operation_id="read_model",
        summary="One model and all its offers of that id, withdrawn ones too",
        responses=serializers.ModelDetailSerializer,
    )
    def get(self, request: Request, model_id: str) -> HttpResponse:
        gateway = self.query(request).values["gateway"]
        held = following.FOLLOWER.current()
        rows = [row for row in held.rows_of_id(model_id) if gateway in {"all", row.gateway}]
        if not rows:
            where = "any gateway" if gateway == "all" else registry.GATEWAYS[gateway].name
            raise Http404(f"There is no model of this id at {where}.")
        offers = answers.fragments(rows)
        return answers.published(held, {"data": offers[0], "offers": offers})


class ProviderList(CatalogView):
    filterset_class = filters.ProviderFilterSet

    @extend_schema(
        operation_id="list_providers",
        summary="Who made the models",
        responses=serializers.ProviderListSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        query = self.query(request)
        held = following.FOLLOWER.current()
        selection = query.narrowed(Selection.of(held))
        keys = providers.provider_keys(selection)
        start = query.values["offset"]
        page = [asdict(providers.figures(selection, key)) for key in keys[start : start + query.values["limit"]]]
        return answers.listing(request, held, page, total=len(keys), query=query)


class ProviderListAsFirstNamed(ProviderList):
    @extend_schema(
        operation_id="list_provider",
        summary="The same as /catalog/providers, at its first address",
        responses=serializers.ProviderListSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        return super().get(request)


class ProviderDetail(CatalogView):
    filterset_class = filters.OfferOfIdFilterSet

    @extend_schema(
        operation_id="read_provider",
        summary="One provider with its figures, by any of its spellings",
        responses=serializers.ProviderDetailSerializer,
    )
    def get(self, request: Request, provider: str) -> HttpResponse:
        held = following.FOLLOWER.current()
        selection = self.query(request).narrowed(Selection.of(held))
        key = registry.PROVIDERS.key(provider)
        if not selection.having("provider", key).members:
            raise Http404("There is no provider of this name here; /catalog/providers lists them.")
        return answers.published(held, {"data": asdict(providers.figures(selection, key))})


class GatewayList(CatalogView):
    @extend_schema(
        operation_id="list_gateways",
        summary="The gateways, how old what we know of them is, and how their last run went",
        responses=serializers.GatewayListSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        self.query(request)
        interval = timedelta(minutes=settings.SYNC_INTERVAL_MINUTES)
        with answers.reading_tables():
            states = queries.gateway_states(registry.GATEWAYS, now=timezone.now(), interval=interval)
            newest = queries.newest_revision()
        data = [_gateway(state) for state in states.values()]
        return answers.json_response(
            {
                "data": data,
                "total": len(data),
                "returned": len(data),
                "serving_revision": following.FOLLOWER.current().revision,
                "published_revision": newest.number,
            }
        )


class Alive(CatalogView):
    @extend_schema(operation_id="healthz", summary="The process lives", responses=serializers.HealthSerializer)
    def get(self, request: Request) -> HttpResponse:
        self.query(request)
        return answers.json_response({"status": "ok"})


class Ready(CatalogView):
    @extend_schema(
        operation_id="readyz",
        summary="The database answers, and a published revision is served",
        responses={200: serializers.ReadySerializer, 503: serializers.ReadySerializer},
    )
    def get(self, request: Request) -> HttpResponse:
        self.query(request)
        # The database is not queried here: a silent one would block the few threads, and with them cached answers.
        found = {"serving_revision": None, "published_revision": following.FOLLOWER.published_revision}
        problems = []
        try:
            found["serving_revision"] = following.FOLLOWER.current().revision
        except following.NotReady as error:
            problems.append(str(error))
        if found["published_revision"] is None:
            problems.append("the database does not answer")
        if following.FOLLOWER.is_failing and found["serving_revision"] is not None:
            problems.append("the newest revision cannot be read; the last one that could stays served")
        if found["published_revision"] == 0:
            problems.append("nothing has been published yet; the first sync does it")
        status = 503 if problems else 200
        return answers.json_response(
            {"status": "not ready" if problems else "ok", "problems": problems, **found}, status=status
        )


class Schema(CatalogView):
    """The OpenAPI document, in one form whatever of JSON is asked for."""

    renderer_classes = (OpenApiJsonRenderer, JSONRenderer)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        self.query(request)
        return HttpResponse(
            _openapi(), content_type=OpenApiJsonRenderer.media_type, headers={"Cache-Control": answers.PUBLIC}
        )

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {"Allow": ", ".join(self.allowed_methods)}  # no Vary: the bytes are the same for all clients


@cache
def _openapi() -> bytes:
    """Generate the document once: it takes a large part of a second, and only a new version changes it."""
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # typed in part
    rendered: bytes = OpenApiJsonRenderer().render(document, renderer_context={})
    return rendered


class AnyRenderer(TemplateHTMLRenderer):
    """A page has one format, regardless of the formats that a client accepts."""

    media_type = "*/*"


class Docs(SpectacularSwaggerView):
    """The page of the OpenAPI document."""

    renderer_classes = [AnyRenderer]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        filters.NoParameters(request.query_params)
        response: Response = super().get(request)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
        # The page is the same for all readers: a token would set a cookie, and would not be valid for other readers.
        response.data["csrf_token"] = ""
        response.content_type = "text/html; charset=utf-8"
        response["Cache-Control"] = answers.PUBLIC
        return response

    # DRF would describe the page with a template that does not exist; its own Response would look for one too.
    def options(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:  # type: ignore[override]
        return HttpResponse()


def _facets(selection: Selection, query: filterset.SelectionFilterSet) -> dict[str, object]:
    """Count each facet without the filters on it, or a list to choose from would contain only the chosen values."""
    found = {
        name: facets.counted(query.narrowed(selection, without=query.filters_on(name)), name)
        for name in sorted(set(query.values["facets"]))
    }
    return {
        "facets": {
            name: [{"value": value, "count": count} for value, count in facet.values] for name, facet in found.items()
        },
        "facet_sizes": {name: facet.size for name, facet in found.items()},
    }


def _gateway(state: queries.GatewayState) -> dict[str, object]:
    adapter, run = registry.GATEWAYS[state.slug], state.last_run
    return {
        "slug": state.slug,
        "name": adapter.name,
        "note": adapter.note,
        "site_url": adapter.site_url,
        "models": state.models,
        "source": state.source,
        "recorded_at": state.recorded_on,
        "state": state.state,
        "last_checked": _iso(run.finished_at if run else None),
        "last_success": _iso(state.last_success_at),
        "age_seconds": state.age_seconds,
        "next_run": _iso(state.next_run_at),
        "last_outcome": run.outcome if run else None,
        "error": (run.error or None) if run else None,
        "rejected": run.rejected if run else 0,
        "held_prices": state.held_prices,
    }


def _iso(moment: datetime | None) -> str | None:
    return dates.iso(moment) if moment else None

"""What the views of the API share: how they declare their endpoints, and how an answer becomes Django's.

The file of a resource has a function for each of its reads, and a viewset that declares them:

    class Models(CatalogViewSet):
        prefix = "catalog/models"
        lookup_url_kwarg, lookup_value_converter = "model_id", "path"
        list = read(list_models, OfferFilterSet, summary="Offers of models", responses=ModelListSerializer)

`routing.py` finds the viewsets, so a new file is all that a new endpoint needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, cached_property, wraps
from typing import Any, ClassVar

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from rest_framework.decorators import action as extra_action
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from catalog.api import answers
from catalog.api.introduction import Tag
from catalog.memory import following
from catalog.memory.following import NotReady
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import JSON, Answering, Endpoint, PathVariable, Query, Quickness, Streaming, never
from catalog.parameters.filters import NoParameters
from catalog.parameters.filterset import SelectionFilterSet
from front.answers import Answer
from front.negotiation import ALWAYS_ACCEPTED


def current() -> Snapshot:
    """Return the snapshot that this process serves. Raise NotReady before the first one."""
    return following.FOLLOWER.current()


def to_django(answer: Answer) -> HttpResponse:
    return HttpResponse(answer.whole(), status=answer.status, headers=dict(answer.headers))


class CatalogView(APIView):
    """A view at an address of its own, which declares its endpoint."""

    endpoint: Endpoint = Endpoint()
    tag: ClassVar[str] = Tag.MODELS
    """The group of its operations in the OpenAPI document."""
    variable: ClassVar[PathVariable | None] = None
    """The variable part of its addresses, for the OpenAPI document."""

    def query(self, request: Request) -> Query:
        """Return what the request asks for. Raise InvalidParameters if a parameter is invalid."""
        identifier = next(iter(self.kwargs.values()), "")
        return Query(path=request.path, filters=self.endpoint.filterset(request.query_params), id=str(identifier))

    def answered(self, request: Request) -> HttpResponse:
        """Answer by the endpoint's function."""
        endpoint, query = self.endpoint, self.query(request)
        if endpoint.stream is not None:
            raise NotReady("this server cannot send streams")
        if endpoint.answer is None:
            raise TypeError(f"{endpoint.name} has no function that answers")
        with _reading_tables() if endpoint.reads_tables else nullcontext():
            return to_django(endpoint.answer(current(), query))

    # The function makes the bytes, so a renderer only declares their media type to DRF.
    def get_renderers(self) -> list[BaseRenderer]:
        return [_renderer(self.endpoint.media_type)]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """Some media types ignore what a client accepts: the address names the format."""
        return super().perform_content_negotiation(request, force or self.endpoint.media_type in ALWAYS_ACCEPTED)

    def options(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:  # type: ignore[override]  # DRF would label the JSON with the endpoint's media type
        """Describe the endpoint in JSON, also if it answers in another format."""
        described = {
            "name": self.endpoint.name or self.get_view_name(),
            "description": self.endpoint.summary,
            "renders": [self.endpoint.media_type],
            "parses": [parser.media_type for parser in self.parser_classes],
        }
        response = to_django(answers.json_answer(described))
        del response["Cache-Control"]
        return response


class ReadView(CatalogView):
    """A read at an address of its own: `path("v1/models", ReadView.as_view(endpoint=Endpoint(answer=…)))`."""

    def get(self, request: Request, **kwargs: object) -> HttpResponse:
        return self.answered(request)


class CatalogViewSet(ViewSetMixin, CatalogView):
    """The endpoints of one resource, at addresses below `prefix`; `read` and `operation` declare them."""

    prefix: ClassVar[str] = ""

    @cached_property
    def endpoint(self) -> Endpoint:  # type: ignore[override]  # the one of this request's action
        actions = self.action_map.values()
        # OPTIONS has no action of its own, and a method that is refused has none at all.
        name = self.action if self.action in actions else next(iter(actions))
        found: Endpoint = getattr(type(self), name).endpoint
        return found


def read(
    answer: Answering,
    filterset: type[SelectionFilterSet] = NoParameters,
    *,
    summary: str,
    description: str = "",
    tag: str = "",
    responses: Any,
    media_type: str = JSON,
    is_cacheable: bool = True,
    is_quick: Quickness = never,
    reads_tables: bool = False,
    detail: bool | None = None,
    url_path: str | None = None,
) -> ReadAction:
    """Declare a read that `answer` answers; its name becomes the operation's id in the OpenAPI document.

    `list` and `retrieve` have addresses of their own. Any other name needs `detail`, which chooses whether its address
    is below the id or below the prefix; `url_path` is the end of that address, by default the name.
    """
    endpoint = Endpoint(
        name=answer.__name__,
        summary=summary,
        description=description,
        tag=tag,
        filterset=filterset,
        media_type=media_type,
        is_cacheable=is_cacheable,
        answer=answer,
        is_quick=is_quick,
        reads_tables=reads_tables,
        responses=responses,
    )
    return ReadAction(endpoint, detail=detail, url_path=url_path)


def streaming(
    stream: Streaming,
    filterset: type[SelectionFilterSet],
    *,
    summary: str,
    description: str,
    media_type: str,
    responses: Any,
    detail: bool,
) -> ReadAction:
    """Declare an answer without an end, which only the front can send."""
    endpoint = Endpoint(
        name=stream.__name__,
        summary=summary,
        description=description,
        filterset=filterset,
        media_type=media_type,
        stream=stream,
        responses=responses,
    )
    return ReadAction(endpoint, detail=detail, url_path=None)


@dataclass(frozen=True, slots=True)
class ReadAction:
    """A read in the body of a viewset, which gets the action of DRF in its place."""

    endpoint: Endpoint
    detail: bool | None
    url_path: str | None

    def __set_name__(self, owner: type[CatalogViewSet], name: str) -> None:
        def action(viewset: CatalogViewSet, request: Request, **kwargs: object) -> HttpResponse:
            return viewset.answered(request)

        action.__name__ = name
        action.endpoint = self.endpoint  # type: ignore[attr-defined]  # the viewset and the routes read it
        if self.detail is None:
            setattr(owner, name, action)
        else:
            setattr(owner, name, extra_action(detail=self.detail, url_path=self.url_path)(action))


Method = Callable[[Any, Request, Query], Answer | HttpResponse]


def operation(
    name: str,
    *,
    summary: str,
    description: str = "",
    responses: Any,
    request: Any = None,
    filterset: type[SelectionFilterSet] = NoParameters,
) -> Callable[[Method], Callable[..., HttpResponse]]:
    """Declare what a method of a viewset does that needs the request: its body, or who asks.

    `name` is the operation's id in the OpenAPI document. Such an endpoint is never cached.
    """
    endpoint = Endpoint(
        name=name,
        summary=summary,
        description=description,
        filterset=filterset,
        request=request,
        responses=responses,
    )

    def declared(method: Method) -> Callable[..., HttpResponse]:
        @wraps(method)
        def action(viewset: CatalogViewSet, request: Request, **kwargs: object) -> HttpResponse:
            answer = method(viewset, request, viewset.query(request))
            return to_django(answer) if isinstance(answer, Answer) else answer

        action.endpoint = endpoint  # type: ignore[attr-defined]  # the viewset and the routes read it
        return action

    return declared


@contextmanager
def _reading_tables() -> Iterator[None]:
    """Answer 503 if the database does not respond."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise NotReady("the database does not answer, and this answer requires it") from error


@cache
def _renderer(media_type: str) -> BaseRenderer:
    kind: type[BaseRenderer] = JSONRenderer
    return kind() if media_type == JSON else type("Renderer", (kind,), {"media_type": media_type})()

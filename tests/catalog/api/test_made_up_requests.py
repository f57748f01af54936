"""Requests that schemathesis makes up from the OpenAPI document, right and wrong ones, asked of the whole stack."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.routes import routes
from front.counts import Counts
from front.django import WsgiDjango
from front.front import Front
from front.wsgi import WsgiShell

DOCUMENT = SchemaGenerator(urlconf="catalog.urls").get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
SCHEMA.app = object()  # requests stay in this process; each test names its application
# A stream does not end, and a WSGI shell has none: tests/catalog/api/test_stream.py asks it.
OPERATIONS: list[Any] = [
    found.ok()  # type: ignore[union-attr]  # a wrong one fails here
    for found in SCHEMA.exclude(path_regex="/stream$").get_all_operations()
]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Thousands altogether where it is to be proven.
CASES = 12_000 // len(OPERATIONS) if os.environ.get("PROVE") else 15


@pytest.fixture
def application(bundled: Snapshot, settings: Any) -> Iterator[WsgiShell]:
    settings.RATE_LIMIT_PER_MINUTE = 0
    request_started.disconnect(close_old_connections)  # it would close the connection of the test
    request_finished.disconnect(close_old_connections)
    django = WsgiDjango(WSGIHandler())
    yield WsgiShell(Front(django, counts=Counts(), routes=routes, keys=following.FOLLOWER.keys))
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_no_request_breaks_an_answer_or_gets_one_of_another_shape(operation: Any, application: WsgiShell) -> None:
    cases = st.one_of(operation.as_strategy(GenerationMode.POSITIVE), operation.as_strategy(GenerationMode.NEGATIVE))

    @given(case=cases)
    @settings(max_examples=CASES, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def check(case: Any) -> None:
        case.call_and_validate(app=application, checks=CHECKS, headers={"Accept-Encoding": "identity"})

    check()

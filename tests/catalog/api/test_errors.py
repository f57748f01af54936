"""Every refusal of the service is a problem (RFC 9457), from a view, from DRF and from Django itself."""

from __future__ import annotations

import re
from typing import NoReturn
from urllib.parse import urlsplit

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from tests.catalog.addresses import ONE_EACH
from tests.catalog.api.reading import Response, problem_of

REDIRECTS = ["/", "/catalog", "/catalog/", "/admin"]
ENDPOINTS = [*(address.path(model="deepseek-ai/DeepSeek-R1") for address in ONE_EACH), *REDIRECTS]
STATIC = ["/static/web/pages.css", "/static/nothing"]
over_all_endpoints = pytest.mark.parametrize("address", ENDPOINTS)
over_all_addresses = pytest.mark.parametrize("address", [*ENDPOINTS, *STATIC])


@pytest.fixture
def defect(monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client of a service that has a defect in a view, and that answers as a web server would."""

    def fail() -> NoReturn:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(following.FOLLOWER, "current", fail)
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("address", ["/nowhere", "/catalog/modelss", "/healthz/", "/%00", "/catalog/models%0A"])
def test_an_address_that_there_is_not_is_not_found(client: Client, address: str) -> None:
    problem = problem_of(client.get(address), status=404)

    assert (problem["title"], problem["type"]) == ("Not found", "/docs/problems/not-found")


@over_all_addresses
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_what_is_only_read_refuses_to_be_written(client: Client, address: str, method: str) -> None:
    careful = Client(enforce_csrf_checks=True)

    response = careful.generic(method, address, data=b"{not json", content_type="application/json")

    assert problem_of(response, status=405)["title"] == "Method not allowed"
    assert response["Allow"] == "GET, HEAD, OPTIONS"


def test_a_method_that_the_metrics_do_not_take_is_told_too(client: Client) -> None:
    response = Client(enforce_csrf_checks=True).post("/metrics")

    assert problem_of(response, status=405)["title"] == "Method not allowed"
    assert response["Allow"] == "GET, HEAD, OPTIONS"
    assert client.options("/metrics")["Allow"] == "GET, HEAD, OPTIONS"


@over_all_addresses
def test_options_say_what_may_be_done(client: Client, address: str) -> None:
    response = client.options(address)

    assert response.status_code == 200
    assert response["Allow"] == "GET, HEAD, OPTIONS"


@over_all_endpoints
def test_head_is_get_without_the_body(client: Client, catalogue: Snapshot, address: str) -> None:
    get, head = client.get(address), client.head(address)

    assert (head.status_code, head.content) == (get.status_code, b"")
    of_head, of_get = (dict(answer.items()) | {"X-Request-ID": ""} for answer in (head, get))
    assert of_head == of_get
    assert "Content-Length" in head.headers


@pytest.mark.parametrize("accept", ["text/xml", "text/xml, application/pdf;q=0.9", "nonsense"])
@pytest.mark.parametrize("address", ["/catalog/models", "/catalog/providers", "/catalog/gateways", "/catalog/schema"])
def test_a_format_that_there_is_not_is_not_acceptable(
    client: Client, catalogue: Snapshot, address: str, accept: str
) -> None:
    response = client.get(address, headers={"accept": accept})

    assert problem_of(response, status=406)["title"] == "Not acceptable"


@pytest.mark.parametrize(
    "accept", ["application/json", "*/*", "application/*", "text/html, */*;q=0.1", "text/xml, application/json"]
)
def test_who_takes_json_among_others_gets_json(client: Client, catalogue: Snapshot, accept: str) -> None:
    response = client.get("/catalog/models", headers={"accept": accept})

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_comes_without_its_csrf_token_is_forbidden(method: str) -> None:
    careful = Client(enforce_csrf_checks=True)

    assert "another site" in problem_of(careful.generic(method, "/admin/login/"), status=403)["detail"]


def test_the_admin_keeps_its_pages_for_whoever_reads_pages(db: None) -> None:
    client = Client()
    page = {"accept": "text/html,*/*;q=0.8"}
    careful = Client(enforce_csrf_checks=True)
    refused = [
        (404, client.get("/admin/nothing/", headers=page), client.get("/admin/nothing/")),
        (403, careful.post("/admin/login/", headers=page), careful.post("/admin/login/")),
        (400, client.get("/admin/", headers=page | {"host": "x.y"}), client.get("/admin/", headers={"host": "x.y"})),
    ]

    for status, for_people, for_programs in refused:
        if status == 404:  # the admin asks users who are not logged in to log in
            assert for_people.status_code == for_programs.status_code == 302
            continue
        assert (for_people.status_code, for_people["Content-Type"]) == (status, "text/html; charset=utf-8")
        problem_of(for_programs, status=status)
    assert client.get("/admin")["Location"] == "/admin/"


def test_a_page_of_the_admin_that_there_is_not_is_a_page(admin_client: Client) -> None:
    response = admin_client.get("/admin/nothing/", headers={"accept": "text/html"})

    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_a_host_that_is_not_ours_is_a_bad_request(client: Client, catalogue: Snapshot) -> None:
    response = client.get("/catalog/models", headers={"host": "elsewhere.example"})

    assert problem_of(response, status=400)["title"] == "Bad request"


def test_a_client_that_is_shut_out_is_told_so(client: Client, settings: Settings) -> None:
    settings.DISALLOWED_USER_AGENTS = [re.compile("greedy")]

    response = client.get("/catalog/models", headers={"user-agent": "greedy robot"})

    assert problem_of(response, status=403)["title"] == "Forbidden"


@pytest.mark.parametrize("address", ["/catalog/models", "/catalog/models/maker/model", "/catalog/providers", "/readyz"])
def test_a_defect_of_ours_is_an_internal_error_that_tells_no_secrets(defect: Client, address: str) -> None:
    response = defect.get(address)

    assert problem_of(response, status=500)["title"] == "Internal server error"
    assert b"hunter2" not in response.content


@pytest.mark.parametrize("address", ["/catalog/models", "/catalog/models/maker/model", "/catalog/provider"])
def test_before_the_first_revision_is_read_clients_are_told_to_come_back(client: Client, address: str) -> None:
    response = client.get(address)

    assert problem_of(response, status=503)["title"] == "Not ready"
    assert response["Retry-After"] == "1"


@pytest.mark.parametrize(
    "path", ["/nowhere", "/nowhere/a%20b", "/nowhere/%00%0A", "/nowhere/%C3%A9%22%3C", "/nowhere/%ED%A0%80"]
)
def test_the_instance_is_a_reference_that_leads_back_to_what_was_asked(client: Client, path: str) -> None:
    instance = problem_of(client.get(f"{path}?x=1"), status=404)["instance"]

    assert re.fullmatch(r"(?:[A-Za-z0-9/._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+", instance)
    assert urlsplit(instance).path == instance
    assert problem_of(client.get(instance), status=404)["instance"] == instance


# --- the id that leads to the logs -----------------------------------------------------------------------------------


def refusals(client: Client, broken: Client, **headers: str) -> list[Response]:
    """One refusal of each kind: by a view, by DRF, by Django's routing, by its middleware, and by a defect."""
    return [
        client.get("/catalog/models?limit=0", headers=headers),
        client.post("/catalog/models", headers=headers),
        client.get("/nowhere", headers=headers),
        client.get("/catalog/models", headers=headers | {"host": "elsewhere.example"}),
        broken.get("/catalog/models", headers=headers),
    ]


def test_every_refusal_has_an_id_of_its_own(defect: Client) -> None:
    problems = [problem_of(response, status=response.status_code) for response in refusals(Client(), defect)]

    assert [problem["status"] for problem in problems] == [400, 405, 404, 400, 500]
    assert len({problem["request_id"] for problem in problems}) == len(problems)

"""A request with an `Idempotency-Key` reaches a gateway once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from routing.models import IdempotencyKey
from tests.front.servers import Got
from tests.routing.served import HEADERS, Routed, body_of, routed

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


@pytest.fixture
def running(transactional_db: None) -> Iterator[Routed]:
    with routed() as found:
        yield found


def ask(running: Routed, model: str, *, once: str = "one", **fields: object) -> Got:
    body = body_of(model, **fields)
    return running.connect().ask("/v1/chat/completions", method="POST", body=body, idempotency_key=once, **HEADERS)


def code(got: Got) -> object:
    return got.json["error"]["code"]


def test_27_a_repeated_request_is_refused_with_the_id_of_the_first(running: Routed) -> None:
    first = ask(running, "chutes=a!J")

    again, another = ask(running, "chutes=a!J"), ask(running, "chutes=a!J", n=2)

    assert (again.status, code(again)) == (409, "idempotency_key_in_use")
    assert again.json["error"]["metadata"]["request_id"] == first["x-request-id"]
    assert (another.status, code(another)) == (422, "idempotency_key_reused")
    assert again["x-should-retry"] == "false"
    assert len(running.upstream.seen) == 1
    assert ask(running, "chutes=a!J", once="two").status == 200


def test_27_of_requests_at_the_same_time_one_is_sent(running: Routed) -> None:
    running.upstream.open_gate()
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: ask(running, "chutes=a!gate J").status, range(8)))

    assert sorted(got) == [200, *[409] * 7]
    assert len(running.upstream.seen) == 1


def test_27_a_failure_frees_the_key_unless_the_outcome_is_unknown(running: Routed) -> None:
    assert ask(running, "chutes=a!S503").status == 503
    assert ask(running, "openrouter=a!J").status == 200

    assert ask(running, "chutes=b!cut", once="two").status == 502
    assert ask(running, "chutes=b!cut", once="two").status == 409


def test_27_after_a_day_a_key_can_be_used_again(running: Routed) -> None:
    ask(running, "chutes=a!J")
    IdempotencyKey.objects.update(at=timezone.now() - timedelta(hours=25))

    assert ask(running, "chutes=a!J").status == 200
    assert IdempotencyKey.objects.count() == 1


def test_27_without_the_database_nothing_is_sent(running: Routed, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*args: object, **fields: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(IdempotencyKey.objects, "get_or_create", lost)

    got = ask(running, "chutes=a!J")

    assert (got.status, code(got), running.upstream.seen) == (503, "idempotency_unavailable", [])

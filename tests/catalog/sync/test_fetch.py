from __future__ import annotations

import gzip
import json
import logging
import re
import signal
import socket
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.adapter.contract import Auth, Config, Gateway, Request, Walk
from catalog.adapter.errors import BadPayload, GatewayError, RateLimited, Refused, Unreachable
from catalog.records import OfferRecord
from catalog.sync import fetch
from catalog.sync.fetch import Fetcher, Limits
from tests import upstream as faults
from tests.services import find_free_port
from tests.upstream import Fault, Upstream

KEY = "sk-acme-0123456789abcdef"
ROWS = {"data": [{"id": f"maker/model-{number}"} for number in range(20)]}
MODELS = "/v1/models"
ASKED = Request(host="api", path=MODELS)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

QUICK = Limits(connect_seconds=2, idle_seconds=2, total_seconds=5, max_bytes=4 << 20)
HASTY = Limits(connect_seconds=30, idle_seconds=30, total_seconds=0.3)
ONCE = Limits(connect_seconds=2, idle_seconds=2, total_seconds=5, attempts=1)

Fetching = Callable[..., Fetcher]


class Acme(Gateway):
    slug = "acme"
    name = "Acme"
    site_url = docs_url = "https://acme.example"
    hosts = {"api": "https://api.acme.example", "llm": "https://llm.acme.example"}
    auth = Auth(header="X-Acme-Key", scheme="Key ")
    bundled_on = date(2026, 11, 22)

    def walk(self, config: Config) -> Walk:
        raise NotImplementedError

    def record(self, row: Any) -> OfferRecord:
        raise NotImplementedError

    def row_id(self, row: Any) -> str | None:
        raise NotImplementedError


def fetcher_of(
    base: str, *, limits: Limits, key: str | None = None, sleep: Callable[[float], None] = time.sleep
) -> Fetcher:
    return Fetcher(Acme(), bases={"api": base}, key=key, limits=limits, user_agent="Gatewayz/1.0", sleep=sleep)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        upstream.serve(MODELS, ROWS)
        yield upstream


@pytest.fixture
def waits() -> list[float]:
    """Records the seconds of each wait; the tests do not wait."""
    return []


@pytest.fixture
def fetching(upstream: Upstream, waits: list[float]) -> Iterator[Fetching]:
    with ExitStack() as opened:

        def make(*, base: str = upstream.base, key: str | None = None, limits: Limits = QUICK) -> Fetcher:
            return opened.enter_context(fetcher_of(base, key=key, limits=limits, sleep=waits.append))

        yield make


@pytest.fixture
def fetcher(fetching: Fetching) -> Fetcher:
    return fetching()


@pytest.fixture
def where(upstream: Upstream) -> str:
    return f"Acme: {upstream.base.removeprefix('http://')}{MODELS}"


def refusal(fetcher: Fetcher, kind: type[GatewayError]) -> str:
    """Return the message of the error that ends the request."""
    with pytest.raises(GatewayError) as caught:
        fetcher.get(ASKED)
    assert type(caught.value) is kind, repr(caught.value)
    return str(caught.value)


# --- a request that goes well ----------------------------------------------------------------------------------------


def test_the_body_comes_as_it_was_sent(fetcher: Fetcher) -> None:
    assert json.loads(fetcher.get(ASKED)) == ROWS


def test_a_request_names_its_sender_and_what_it_understands(upstream: Upstream, fetcher: Fetcher) -> None:
    fetcher.get(ASKED)

    sent = upstream.seen[0].headers
    assert sent["user-agent"] == "Gatewayz/1.0"
    assert sent["accept"] == "application/json"
    assert sent["accept-encoding"] == "gzip"
    assert "cookie" not in sent


def test_pages_come_over_one_connection(upstream: Upstream, fetcher: Fetcher) -> None:
    upstream.serve(MODELS, {"data": []}, page="2")

    first = fetcher.get(Request(host="api", path=MODELS, query={"page": "1"}))
    second = fetcher.get(Request(host="api", path=MODELS, query={"page": "2"}))

    assert first != second
    assert [seen.query["page"] for seen in upstream.seen] == ["1", "2"]
    assert len({seen.connection for seen in upstream.seen}) == 1


def test_a_connection_that_was_closed_in_between_is_opened_again(upstream: Upstream, fetcher: Fetcher) -> None:
    fetcher.get(ASKED)
    upstream.cut_connections()

    assert json.loads(fetcher.get(ASKED)) == ROWS


def test_a_base_may_have_a_path(upstream: Upstream, fetching: Fetching) -> None:
    upstream.serve("/mirror/acme/v1/models", ROWS)

    assert json.loads(fetching(base=f"{upstream.base}/mirror/acme/").get(ASKED)) == ROWS


def test_a_path_of_an_upstreams_own_words_stays_a_path_on_the_host(upstream: Upstream, fetcher: Fetcher) -> None:
    for path in ("@evil.example/", "//evil.example/", "/a?b=c#d", "/a b%2Fc:free", "/models/../\r\nHost: evil.example"):
        with pytest.raises(Refused, match="404"):
            fetcher.get(Request(host="api", path=path, query={"page": "1&2"}))

    assert [seen.target for seen in upstream.seen] == [
        "/@evil.example/?page=1%262",
        "/evil.example/?page=1%262",
        "/a%3Fb=c%23d?page=1%262",
        "/a%20b%252Fc:free?page=1%262",
        "/%0D%0AHost:%20evil.example?page=1%262",
    ]
    assert {seen.headers["host"] for seen in upstream.seen} == {upstream.base.removeprefix("http://")}


def test_a_cookie_is_not_sent_back(upstream: Upstream, fetcher: Fetcher) -> None:
    upstream.breaks(MODELS, faults.with_headers(set_cookie="session=1; Path=/"))

    fetcher.get(ASKED)
    fetcher.get(ASKED)

    assert ["cookie" in seen.headers for seen in upstream.seen] == [False, False]


@pytest.mark.parametrize("fault", [faults.bom(), faults.nul_bytes(), faults.html(), faults.truncated_json()])
def test_the_transport_does_not_judge_the_content_of_a_body(upstream: Upstream, fetcher: Fetcher, fault: Fault) -> None:
    upstream.breaks(MODELS, fault)

    assert fetcher.get(ASKED)


# --- packed bodies, and sizes ----------------------------------------------------------------------------------------


def test_a_gzip_is_unpacked(upstream: Upstream, fetcher: Fetcher) -> None:
    upstream.breaks(MODELS, faults.gzipped())

    assert json.loads(fetcher.get(ASKED)) == ROWS


def test_a_gzip_of_several_parts_is_unpacked_to_its_end(upstream: Upstream, fetcher: Fetcher) -> None:
    packed = gzip.compress(b'{"data": ') + gzip.compress(b"") + gzip.compress(b"[]}")
    upstream.serve(MODELS, packed)
    upstream.breaks(MODELS, faults.with_headers(content_encoding="gzip"))

    assert fetcher.get(ASKED) == b'{"data": []}'


def test_a_large_gzip_is_unpacked_whole(upstream: Upstream, fetcher: Fetcher) -> None:
    rows = {"data": [{"id": f"maker/model-{number}", "price": f"0.{number * 7919}"} for number in range(30_000)]}
    upstream.serve(MODELS, rows)
    upstream.breaks(MODELS, faults.gzipped())

    assert json.loads(fetcher.get(ASKED)) == rows


def test_a_gzip_that_ends_too_early_broke_off(upstream: Upstream, fetcher: Fetcher, where: str) -> None:
    upstream.breaks(MODELS, faults.truncated_gzip())

    assert re.fullmatch(
        re.escape(where) + r" broke off after \d+ bytes, within its gzip", refusal(fetcher, Unreachable)
    )


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.broken_gzip(), "answered with a broken gzip"),
        (faults.with_headers(content_encoding="br"), "answered in the encoding br, which was not asked for"),
        (faults.empty_body(), "answered with an empty body"),
        (faults.status(204), "answered 204 No Content, which is no listing"),
        (faults.status(206, "[]"), "answered 206 Partial Content, which is no listing: []"),
        (faults.oversized(5), "answered with more than 4,194,304 bytes"),
        (faults.oversized(5, is_announced=True), "answered with more than 4,194,304 bytes"),
        (faults.gzip_bomb(), "answered with a gzip of over 100 times its size"),
    ],
)
def test_a_body_that_cannot_be_a_listing_is_refused_at_once(
    upstream: Upstream, fetcher: Fetcher, where: str, fault: Fault, words: str
) -> None:
    upstream.breaks(MODELS, fault)

    assert refusal(fetcher, BadPayload) == f"{where} {words}"
    assert len(upstream.seen) == 1


def test_a_body_beyond_the_limit_is_refused_though_its_gzip_is_small(upstream: Upstream, fetching: Fetching) -> None:
    upstream.breaks(MODELS, faults.gzip_bomb())
    trusting = Limits(max_bytes=2 << 20, max_ratio=10_000)

    assert "more than 2,097,152 bytes" in refusal(fetching(limits=trusting), BadPayload)


def test_what_follows_a_gzip_counts_as_well(upstream: Upstream, fetching: Fetching) -> None:
    empty_parts = gzip.compress(b"") * 10_000
    upstream.serve(MODELS, empty_parts)
    upstream.breaks(MODELS, faults.with_headers(content_encoding="gzip"), faults.chunked())

    assert "more than 65,536 bytes" in refusal(fetching(limits=Limits(max_bytes=65_536)), BadPayload)


def test_a_gzip_bomb_takes_little_memory(upstream: Upstream, fetching: Fetching) -> None:
    upstream.breaks(MODELS, faults.gzip_bomb(megabytes=64))
    fetcher = fetching(limits=Limits())
    tracemalloc.start()
    try:
        refusal(fetcher, BadPayload)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 16 << 20


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [faults.drip_headers(0.05), faults.drip_body(0.05), faults.silence(), faults.status(503, retry_after="1")]
)
def test_a_request_ends_at_its_deadline(
    upstream: Upstream, fetching: Fetching, waits: list[float], fault: Fault
) -> None:
    upstream.breaks(MODELS, fault)
    began = time.monotonic()

    with pytest.raises((Unreachable, RateLimited)):
        fetching(limits=HASTY).get(ASKED)

    assert time.monotonic() - began < 20
    assert len(upstream.seen) == 1
    assert waits == []


def test_an_answer_that_drips_is_named_as_unfinished(upstream: Upstream, fetching: Fetching, where: str) -> None:
    upstream.breaks(MODELS, faults.drip_body(0.05))

    message = refusal(fetching(limits=HASTY), Unreachable)

    assert message == f"{where} did not finish its answer within 0.3 seconds"


def test_all_attempts_share_one_deadline(upstream: Upstream, fetching: Fetching) -> None:
    upstream.breaks(MODELS, faults.server_error(), times=1)
    upstream.breaks(MODELS, faults.drip_body(0.05))
    began = time.monotonic()

    refusal(fetching(limits=Limits(total_seconds=0.5, backoff_seconds=0)), Unreachable)

    assert time.monotonic() - began < 20
    assert len(upstream.seen) == 2


def test_silence_ends_a_request_before_its_deadline(upstream: Upstream, fetching: Fetching, where: str) -> None:
    upstream.breaks(MODELS, faults.silence())
    impatient = Limits(idle_seconds=0.1, total_seconds=30, attempts=2)

    assert refusal(fetching(limits=impatient), Unreachable) == f"{where} sent nothing for 0.1 seconds"
    assert len(upstream.seen) == 2


def test_an_error_whose_text_drips_is_reported_without_all_of_it(
    upstream: Upstream, fetching: Fetching, where: str
) -> None:
    upstream.breaks(MODELS, faults.status(404, "Gone. " * 1_000), faults.drip_body(0.02))
    impatient = Limits(idle_seconds=0.5, total_seconds=3)

    assert refusal(fetching(limits=impatient), Refused).startswith(f"{where} answered 404 Not Found: Gon")


def test_a_name_whose_lookup_hangs_ends_in_time_and_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = Event()

    def hang(*_: object, **__: object) -> None:
        is_over.wait(30)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    began = time.monotonic()
    with fetcher_of("http://gateway.example", limits=Limits(connect_seconds=0.1, attempts=1)) as fetcher:
        assert refusal(fetcher, Unreachable) == (
            "Acme: gateway.example/v1/models took no connection within 0.1 seconds"
        )

    assert time.monotonic() - began < 20
    is_over.set()


def test_a_host_that_never_answers_is_asked_only_once_for_each_further_page(waits: list[float]) -> None:
    nowhere = f"http://127.0.0.1:{find_free_port()}"

    with fetcher_of(nowhere, limits=Limits(attempts=3), sleep=waits.append) as fetcher:
        refusal(fetcher, Unreachable)
        assert len(waits) == 2
        refusal(fetcher, Unreachable)
        refusal(fetcher, Unreachable)

    assert len(waits) == 2


def test_a_signal_ends_a_request_that_waits(upstream: Upstream) -> None:
    class TimeIsUp(Exception):
        """An exception like the one that Celery raises when a task takes too long."""

    def end(*_: object) -> None:
        raise TimeIsUp

    upstream.breaks(MODELS, faults.silence())
    before = signal.signal(signal.SIGALRM, end)
    try:
        with fetcher_of(upstream.base, limits=Limits()) as fetcher:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(TimeIsUp):
                fetcher.get(ASKED)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- servers that do not answer --------------------------------------------------------------------------------------


def test_a_port_without_a_listener_is_unreachable(upstream: Upstream, fetcher: Fetcher, where: str) -> None:
    upstream.stop()

    assert refusal(fetcher, Unreachable) == f"{where} cannot be reached: Connection refused"


def test_a_name_of_several_addresses_is_unreachable_for_the_reason_of_one(
    upstream: Upstream, fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two(host: object, port: int, *_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.1",) * 2]

    upstream.stop()
    monkeypatch.setattr(socket, "getaddrinfo", two)

    message = refusal(fetching(base=upstream.base.replace("127.0.0.1", "gateway.example")), Unreachable)

    assert message.endswith("/v1/models cannot be reached: Connection refused")


def test_a_name_that_does_not_exist_is_unreachable(fetching: Fetching, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    message = refusal(fetching(base="https://nobody.example"), Unreachable)

    assert message == "Acme: nobody.example/v1/models cannot be reached: Name or service not known"


def test_an_upstream_without_encryption_is_unreachable_over_https(upstream: Upstream, fetching: Fetching) -> None:
    message = refusal(fetching(base=upstream.base.replace("http://", "https://")), Unreachable)

    assert "cannot be reached" in message
    assert "ssl" in message.lower()


@pytest.mark.parametrize("fault", [faults.broken_off(), faults.connection_reset()])
def test_an_answer_that_breaks_off_is_unreachable(
    upstream: Upstream, fetcher: Fetcher, where: str, fault: Fault
) -> None:
    upstream.breaks(MODELS, fault)

    assert re.fullmatch(re.escape(where) + r" broke off after [\d,]+ bytes", refusal(fetcher, Unreachable))
    assert len(upstream.seen) == QUICK.attempts


@pytest.mark.parametrize("fault", [faults.hung_up(), faults.no_http()])
def test_what_is_no_answer_at_all_is_unreachable(
    upstream: Upstream, fetcher: Fetcher, where: str, fault: Fault
) -> None:
    upstream.breaks(MODELS, fault)

    assert refusal(fetcher, Unreachable).startswith(f"{where} gave no answer: ")


@pytest.mark.parametrize("length", ["-1", "1e3", "9" * 5_000, "5, 6"])
def test_a_length_that_is_no_length_is_unreachable(upstream: Upstream, fetcher: Fetcher, length: str) -> None:
    upstream.breaks(MODELS, faults.with_headers(content_length=length))

    refusal(fetcher, Unreachable)


# --- retries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        faults.server_error(),
        faults.status(502),
        faults.status(524),
        faults.status(408),
        faults.status(425),
        faults.rate_limited(),
        faults.rate_limited(retry_after="soon"),
        faults.broken_off(),
        faults.hung_up(),
        faults.truncated_gzip(),
    ],
)
def test_what_may_pass_is_asked_for_again(
    upstream: Upstream, fetcher: Fetcher, waits: list[float], fault: Fault
) -> None:
    upstream.breaks(MODELS, fault, times=2)

    assert json.loads(fetcher.get(ASKED)) == ROWS
    assert len(upstream.seen) == 3
    assert 0.5 <= waits[0] <= 1.5
    assert 1.0 <= waits[1] <= 3.0


def test_the_waits_are_spread_by_chance(upstream: Upstream, fetching: Fetching, waits: list[float]) -> None:
    upstream.breaks(MODELS, faults.server_error())
    fetcher = fetching(limits=Limits(attempts=2))
    for _ in range(5):
        refusal(fetcher, Unreachable)

    assert len(set(waits)) == 5


def test_after_the_last_attempt_the_last_error_is_raised(upstream: Upstream, fetcher: Fetcher, where: str) -> None:
    upstream.breaks(MODELS, faults.status(502, "bad"), times=2)
    upstream.breaks(MODELS, faults.status(500, "worse"))

    assert refusal(fetcher, Unreachable) == f"{where} answered 500 Internal Server Error: worse"
    assert len(upstream.seen) == 3


def test_each_repetition_is_logged_with_its_reason(
    upstream: Upstream, fetcher: Fetcher, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="catalog")
    upstream.breaks(MODELS, faults.rate_limited(retry_after=1), times=1)

    fetcher.get(ASKED)

    assert f"{where} answered 429 Too Many Requests and asks to wait 1 seconds: " in caplog.text
    assert "; asking again in 1.0 seconds" in caplog.text


@pytest.mark.parametrize("fault", [faults.rate_limited(retry_after=1), faults.status(503, retry_after="1")])
def test_a_wait_that_is_asked_for_is_waited(
    upstream: Upstream, fetcher: Fetcher, waits: list[float], fault: Fault
) -> None:
    upstream.breaks(MODELS, fault, times=1)

    fetcher.get(ASKED)

    assert waits == [1.0]


def test_a_wait_until_a_date_is_waited(upstream: Upstream, fetcher: Fetcher, waits: list[float]) -> None:
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    upstream.breaks(MODELS, faults.rate_limited(retry_after=until), times=1)

    fetcher.get(ASKED)

    assert 0 < waits[0] <= 3


@pytest.mark.parametrize("fault", [faults.rate_limited(retry_after=31), faults.status(503, retry_after="31")])
def test_a_wait_that_is_too_long_is_left_to_another_run(
    upstream: Upstream, fetching: Fetching, waits: list[float], fault: Fault
) -> None:
    upstream.breaks(MODELS, fault)

    with pytest.raises(RateLimited, match="asks to wait 31 seconds") as caught:
        fetching(limits=Limits()).get(ASKED)

    assert caught.value.retry_after == 31.0
    assert waits == []
    assert len(upstream.seen) == 1


def test_a_limit_without_a_time_is_reported_as_one(upstream: Upstream, fetcher: Fetcher, where: str) -> None:
    upstream.breaks(MODELS, faults.rate_limited())

    with pytest.raises(RateLimited) as caught:
        fetcher.get(ASKED)

    assert caught.value.retry_after is None
    assert str(caught.value) == (
        f'{where} answered 429 Too Many Requests: {{"error": {{"message": "Rate limit exceeded"}}}}'
    )


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("NaN", None),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("9" * 5_000, 86_400.0),
        ("Sun, 22 Nov 2026 12:00:07 GMT", 7.0),
        ("Sun, 22 Nov 2026 12:00:07 -0000", 7.0),
        ("Sun, 22 Nov 2026 13:00:07 +0100", 7.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
        ("Fri, 31 Dec 2026 23:59:59 +99999999999999999999", None),
    ],
)
def test_a_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert fetch._retry_after(header, now=NOW) == seconds


@given(st.text() | st.from_regex(r"\A[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ [A-Z+-]*\d*\Z"))
def test_no_retry_after_breaks_the_reader(header: str) -> None:
    seconds = fetch._retry_after(header, now=NOW)

    assert seconds is None or 0 <= seconds <= 86_400


# --- answers that will not change ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.gone(), "answered 404 Not Found: Gone."),
        (faults.unauthorized(), 'answered 401 Unauthorized: {"detail": "Authentication required"}'),
        (faults.status(403), "answered 403 Forbidden"),
        (faults.status(410, "x" * 300), f"answered 410 Gone: {'x' * 200}"),
        (faults.status(410, "x" * 30_000), f"answered 410 Gone: {'x' * 200}"),
        (faults.status(400, "<html><title>Just a moment...</title>"), "answered 400 Bad Request: Just a moment..."),
        (faults.status(400, "a\n\tb\x00\x1b[31m\u202ec"), "answered 400 Bad Request: a b [31m c"),
        (
            faults.status(451, "Zugriff verweigert: ö"),
            "answered 451 Unavailable For Legal Reasons: Zugriff verweigert: ö",
        ),
        (faults.status(418, "", content_encoding="br"), "answered 418 I'm a teapot"),
        (faults.status(304), "answered 304 Not Modified"),
        (faults.status(302), "answered 302 Found"),
        (faults.status(499), "answered 499"),
    ],
)
def test_a_refusal_is_reported_with_its_words_and_not_asked_for_again(
    upstream: Upstream, fetcher: Fetcher, where: str, fault: Fault, words: str
) -> None:
    upstream.breaks(MODELS, fault)

    assert refusal(fetcher, Refused) == f"{where} {words}"
    assert len(upstream.seen) == 1


def test_the_words_of_a_packed_refusal_are_unpacked(upstream: Upstream, fetcher: Fetcher, where: str) -> None:
    upstream.breaks(MODELS, faults.gone(), faults.gzipped())

    assert refusal(fetcher, Refused) == f"{where} answered 404 Not Found: Gone."


def test_the_query_of_a_request_is_in_no_error(upstream: Upstream, fetcher: Fetcher) -> None:
    upstream.breaks(MODELS, faults.gone())

    with pytest.raises(Refused, match=MODELS) as caught:
        fetcher.get(Request(host="api", path=MODELS, query={"signature": "c0ffee"}))

    assert "c0ffee" not in str(caught.value)


def test_a_key_goes_to_no_host_that_is_not_meant_to_have_it(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Acme, "auth", replace(Acme.auth, hosts=("llm",)))
    bases = {"api": upstream.base, "llm": upstream.base}

    with Fetcher(Acme(), bases=bases, key=KEY, limits=QUICK, user_agent="Gatewayz/1.0") as fetcher:
        for host in ("api", "llm", "api"):
            fetcher.get(Request(host=host, path=MODELS))

    assert [seen.headers.get("x-acme-key") for seen in upstream.seen] == [None, f"Key {KEY}", None]


# --- redirects -------------------------------------------------------------------------------------------------------


def test_a_redirect_on_the_same_host_is_followed_with_the_key(upstream: Upstream, fetching: Fetching) -> None:
    upstream.serve("/v2/models", ROWS)
    upstream.breaks(MODELS, faults.redirect("/v2/models?page=1"))

    assert json.loads(fetching(key=KEY).get(ASKED)) == ROWS
    assert [seen.target for seen in upstream.seen] == [MODELS, "/v2/models?page=1"]
    assert upstream.seen[1].headers["x-acme-key"] == f"Key {KEY}"


def test_a_redirect_to_another_port_is_refused(upstream: Upstream, fetching: Fetching, where: str) -> None:
    with Upstream() as other:
        other.serve("/stolen", ROWS)
        upstream.breaks(MODELS, faults.redirect(f"{other.base}/stolen?secret=1"))

        message = refusal(fetching(key=KEY), Refused)

    assert message == f"{where} redirects to another host, {other.base}; that is not followed"
    assert other.seen == []
    assert len(upstream.seen) == 1


@pytest.mark.parametrize(
    ("location", "named"),
    [
        ("https://evil.example/path?token=1", "https://evil.example"),
        ("//evil.example/path", "http://evil.example"),
        ("http://localhost/", "http://localhost"),
        ("ftp://127.0.0.1/", "ftp://127.0.0.1"),
        ("file:///etc/passwd", "file://"),
        ("javascript:alert(1)", "javascript://"),
    ],
)
def test_a_redirect_elsewhere_is_refused_and_named_by_its_host(
    upstream: Upstream, fetcher: Fetcher, where: str, location: str, named: str
) -> None:
    upstream.breaks(MODELS, faults.redirect(location))

    assert refusal(fetcher, Refused) == f"{where} redirects to another host, {named}; that is not followed"


def test_a_redirect_to_the_same_host_by_another_scheme_is_refused(upstream: Upstream, fetcher: Fetcher) -> None:
    upstream.breaks(MODELS, faults.redirect(upstream.base.replace("http://", "https://")))

    assert "redirects to another host, https://127.0.0.1" in refusal(fetcher, Refused)


def test_a_redirect_with_a_password_is_refused(upstream: Upstream, fetcher: Fetcher, where: str) -> None:
    upstream.breaks(MODELS, faults.redirect(upstream.base.replace("http://", "http://user:secret@")))

    message = refusal(fetcher, Refused)

    assert message == f"{where} redirects to an address with a password; that is not followed"
    assert len(upstream.seen) == 1


@pytest.mark.parametrize("location", ["http://[::1", "http://127.0.0.1:port/"])
def test_a_redirect_to_no_address_is_refused(upstream: Upstream, fetcher: Fetcher, where: str, location: str) -> None:
    upstream.breaks(MODELS, faults.redirect(location))

    assert refusal(fetcher, Refused) == f"{where} redirects to what is no address"


def test_a_circle_of_redirects_is_refused(upstream: Upstream, fetcher: Fetcher, where: str) -> None:
    upstream.breaks(MODELS, faults.redirect_loop())

    assert refusal(fetcher, Refused) == f"{where} redirects more than 3 times"
    assert len(upstream.seen) == 4


# --- the key, and the addresses --------------------------------------------------------------------------------------


def test_the_key_is_sent_in_the_gateways_header_alone(upstream: Upstream, fetching: Fetching) -> None:
    fetching(key=f"{KEY}\n").get(ASKED)

    sent = upstream.seen[0]
    assert [name for name, value in sent.headers.items() if KEY in value] == ["x-acme-key"]
    assert sent.headers["x-acme-key"] == f"Key {KEY}"
    assert KEY not in sent.target


@pytest.mark.parametrize("key", [None, "", "  "])
def test_without_a_key_no_header_is_sent(upstream: Upstream, fetching: Fetching, key: str | None) -> None:
    fetching(key=key).get(ASKED)

    assert "x-acme-key" not in upstream.seen[0].headers


@pytest.mark.parametrize(
    "fault",
    [
        faults.status(401, f"Incorrect API key provided: {KEY}"),
        faults.status(401, " " * 150 + f"Incorrect API key provided: {KEY}"),
        faults.rate_limited(),
        faults.server_error(),
        faults.redirect("https://evil.example/"),
        faults.broken_off(),
        faults.hung_up(),
        faults.no_http(),
        faults.gzip_bomb(),
        faults.drip_headers(0.05),
        faults.html(),
    ],
)
def test_the_key_is_in_no_log_and_no_error(
    upstream: Upstream, fetching: Fetching, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    caplog.set_level(logging.DEBUG)
    upstream.breaks(MODELS, fault)
    fetcher = fetching(key=KEY, limits=Limits(total_seconds=0.5, backoff_seconds=0))

    message = repr(fetcher)
    try:
        fetcher.get(ASKED)
    except GatewayError as error:
        message += repr(error) + "".join(traceback.format_exception(error))

    assert upstream.seen[0].headers["x-acme-key"] == f"Key {KEY}"
    assert caplog.records
    assert KEY not in message
    assert KEY not in caplog.text


@pytest.mark.parametrize("key", ["two\nlines", "schlüssel", "null\x00byte", "“quoted”"])
def test_a_key_that_no_header_can_carry_is_refused_without_repeating_it(
    upstream: Upstream, fetching: Fetching, key: str
) -> None:
    message = refusal(fetching(key=key), Refused)

    assert message == "Acme: the value for X-Acme-Key has characters that no header can carry"
    assert upstream.seen == []


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("", "must be an http:// or https:// address"),
        ("localhost:9900", "must be an http:// or https:// address"),
        ("ftp://127.0.0.1", "must be an http:// or https:// address"),
        ("file:///etc/passwd", "must be an http:// or https:// address"),
        ("http://", "must be an http:// or https:// address"),
        ("http://[::1", "is no address"),
        ("http://user:secret@127.0.0.1", "must be host and path only, without password, ? or #"),
        ("http://127.0.0.1/?key=secret", "must be host and path only, without password, ? or #"),
        ("http://127.0.0.1/#secret", "must be host and path only, without password, ? or #"),
    ],
)
def test_a_base_that_cannot_be_asked_is_refused_by_the_name_of_its_setting(
    fetching: Fetching, base: str, words: str
) -> None:
    assert refusal(fetching(base=base), Refused) == f"Acme: ACME_API_BASE {words}"


def test_a_host_without_a_setting_keeps_the_gateways_address(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(host: bytes | str, *_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(Unreachable, match=r"llm\.acme\.example/v1/models"):
        fetcher.get(Request(host="llm", path=MODELS))


# --- proxies ---------------------------------------------------------------------------------------------------------


def test_a_proxy_of_the_environment_is_asked_for_other_machines(
    upstream: Upstream, fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", upstream.base)

    assert json.loads(fetching(base="http://gateway.example").get(ASKED)) == ROWS
    assert upstream.seen[0].target == "http://gateway.example/v1/models"


def test_a_proxy_that_refuses_is_named_as_a_proxy(
    upstream: Upstream, fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", upstream.base.replace("http://", "http://user:secret@"))

    message = refusal(fetching(base="https://gateway.example"), Unreachable)

    assert message.startswith("Acme: gateway.example/v1/models cannot be reached through the proxy: 501")
    assert "secret" not in message


def test_a_proxy_is_not_asked_for_this_machine(
    upstream: Upstream, fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert json.loads(fetching().get(ASKED)) == ROWS


@pytest.mark.parametrize("proxy", ["socks5://user:secret@127.0.0.1:9", "gopher://user:secret@127.0.0.1"])
def test_a_proxy_that_cannot_be_used_is_refused_without_repeating_it(
    fetching: Fetching, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)

    with pytest.raises(Refused, match=r"^Acme: the proxy that the environment names cannot be used$"):
        fetching()


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_read_are_refused(
    fetching: Fetching, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "certificates.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    with pytest.raises(Refused, match=r"^Acme: no certificates can be read from SSL_CERT_FILE or SSL_CERT_DIR$"):
        fetching()

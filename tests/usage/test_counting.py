"""What is counted: by the front, by subject, by client. Numbers refer to the acceptance list of the research."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern

from access.keys import Keys
from access.models import ApiKey
from catalog.memory import following
from catalog.memory.following import Follower
from catalog.memory.snapshot import Snapshot
from catalog.routes import declared_read
from catalog.urls import urlpatterns
from front.asked import MOST_CLIENTS, OTHER_CLIENTS, Asked
from tests.front.web import Web
from tests.usage.clocks import Clocks, a_list, about, addresses, ask
from usage import counting, subjects
from usage.counting import MOST_AN_HOUR, MOST_ROWS, Tally
from usage.models import OTHER, Outcome
from usage.subjects import Target

R1 = "deepseek-ai/DeepSeek-R1"
pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("one_connection")]


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def web(bundled: Snapshot, tally: Tally) -> Web:
    return Web(usage=tally)


def counted(tally: Tally) -> dict[tuple[str, ...], tuple[int, int]]:
    """What was counted, as asks and reads, by endpoint, gateway, offer, model and outcome."""
    tally.take()
    batch = tally.freeze()
    if batch is None:
        return {}
    tally.stored(batch)
    return {tuple(key[1:]): (counts.asks, counts.reads) for key, counts in batch.pending.rows.items()}


def test_a_miss_counts_once_and_each_hit_once_more(web: Web, tally: Tally) -> None:
    for _ in range(3):
        web.ask(f"/catalog/canonical/{R1}")

    assert counted(tally) == {("read_canonical_model", "", "", R1, ""): (3, 3)}
    assert counted(tally) == {}


def test_spellings_heads_and_unchanged_copies_count_like_hits(web: Web, tally: Tally) -> None:
    first = web.ask("/catalog/models", "limit=3&gateway=chutes")
    web.ask("/catalog/models", "gateway=chutes&limit=3")
    web.ask("/catalog/models", "limit=3&gateway=chutes", method="HEAD")
    unchanged = web.ask("/catalog/models", "limit=3&gateway=chutes", HTTP_IF_NONE_MATCH=str(first["ETag"]))

    assert unchanged.status.startswith("304")
    assert counted(tally) == {("list_models", "chutes", "", "", ""): (4, 4)}


def test_refused_and_failed_requests_and_probes_do_not_count(web: Web, tally: Tally) -> None:
    web.ask("/healthz")
    web.ask("/catalog/models", "nothing=1")
    web.ask("/catalog/models/no/such-model")
    web.ask("/catalog/models", HTTP_HOST="elsewhere.example")
    web.ask("/catalog/models", method="OPTIONS", HTTP_ORIGIN="https://a.example")

    assert counted(tally) == {}


def test_an_answer_counts_for_the_models_that_its_address_names(web: Web, tally: Tally) -> None:
    web.ask(f"/catalog/models/{R1}")
    web.ask(f"/catalog/models/{R1}", "gateway=chutes")
    web.ask("/catalog/resolve", "id=deepseek-r1")
    web.ask("/catalog/compare", f"ids={R1},Qwen/Qwen3-32B")
    web.ask(f"/models/{R1}")

    found = counted(tally)

    assert found[("read_model", "", R1, R1, "")] == (1, 1)
    assert found[("read_model", "chutes", R1, R1, "")] == (1, 1)
    assert found[("resolve_id", "", "", R1, "")] == (1, 1)
    assert found[("compare_models", "", "", R1, "")] == found[("compare_models", "", "", "Qwen/Qwen3-32B", "")]
    assert found[("read_model_page", "", "", R1, "")] == (1, 1)


@pytest.mark.parametrize("path", ["/catalog/models", "/"])
def test_searches_that_find_nothing_are_counted_without_their_text(web: Web, tally: Tally, path: str) -> None:
    web.ask(path, "q=deepseek")
    web.ask(path, "q=zzzzqqqq-one")
    web.ask(path, "q=zzzzqqqq-two")

    found = counted(tally)

    assert [counts for key, counts in found.items() if key[-1] == Outcome.FOUND] == [(1, 1)]
    assert [counts for key, counts in found.items() if key[-1] == Outcome.NOTHING] == [(2, 2)]
    assert "zzzz" not in repr(found)


def test_every_endpoint_that_names_models_exists() -> None:
    patterns = [each for each in urlpatterns if isinstance(each, URLPattern)]
    names = {subjects.name_of(found.endpoint) for each in patterns if (found := declared_read(each))}

    assert subjects._TARGETS.keys() <= names
    assert names >= subjects.UNCOUNTED


def test_what_a_key_asks_is_counted_for_it(bundled: Snapshot, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys()
    key, secret = ApiKey.objects.issue(name="a client")
    keys.refresh()
    monkeypatch.setattr(following, "FOLLOWER", Follower(keys=keys, snapshot=bundled))
    web = Web(usage=tally)
    for _ in range(2):
        web.ask(f"/catalog/canonical/{R1}", HTTP_X_API_KEY=secret)
    web.ask(f"/catalog/canonical/{R1}")

    tally.take()
    batch = tally.freeze()

    assert batch is not None
    assert [(key_day.key, key_day.model, reads) for key_day, reads in batch.pending.keys.items()] == [(key.pk, R1, 2)]
    assert [counts.reads for counts in batch.pending.rows.values()] == [3]
    assert [*batch.pending.clients.values()] == [1], "a key is no address"


# --- 19 and 20: exact, and without the database ----------------------------------------------------------------------
def test_19_a_hit_asks_no_database(web: Web, tally: Tally) -> None:
    web.ask(f"/catalog/canonical/{R1}")

    queries = [CaptureQueriesContext(connection) for connection in connections.all()]
    for each in queries:
        each.__enter__()
    web.ask(f"/catalog/canonical/{R1}")
    for each in queries:
        each.__exit__(None, None, None)

    assert [len(each) for each in queries] == [0] * len(queries)


@pytest.fixture
def snapshots(bundled: Snapshot) -> Iterator[Snapshot]:
    return iter([bundled.with_sellers({}) for _ in range(3)])


def test_20_no_count_is_lost_by_evictions_and_new_revisions(
    web: Web, tally: Tally, bundled: Snapshot, snapshots: Iterator[Snapshot]
) -> None:
    web.front._most_bytes = 60_000  # a few answers
    web.front._cache = web.front._new_cache(None)
    slugs = sorted({row.identity.model for row in bundled.rows if row.identity and not row.is_withdrawn})[:25]
    sent = 0
    for turn in range(8):
        for number, slug in enumerate(slugs):
            for _ in range(1 + (turn + number) % 3):
                assert web.ask(f"/catalog/canonical/{slug}").status.startswith("200")
                sent += 1
        if turn in {2, 4, 6}:
            following.FOLLOWER.snapshot = next(snapshots)
        if turn == 3:
            tally.take()

    assert len(web.front._cache) < len(slugs)
    found = counted(tally)
    assert sum(reads for _, reads in found.values()) == sent
    assert {key[3] for key in found} == set(slugs)
    gc.collect()
    assert len(tally._live) <= len(web.front._cache), "what is cached no longer is forgotten"


def test_20_an_answer_that_is_too_large_to_cache_counts_too(web: Web, tally: Tally) -> None:
    web.front._most_bytes = 1_000
    web.front._cache = web.front._new_cache(None)

    for _ in range(3):
        web.ask(f"/catalog/canonical/{R1}")

    assert counted(tally) == {("read_canonical_model", "", "", R1, ""): (3, 3)}
    assert not tally._live


def test_20_a_hundred_thousand_requests_are_all_counted() -> None:
    clocks = Clocks()
    answers = [clocks.tally.begin_about(about(f"model-{number}")) for number in range(50)]
    for turn in range(2_000):
        for answer in answers:
            answer.add(f"192.0.2.{turn % 250}", turn % 7 if turn % 2 else 0)
        if turn % 500 == 0:
            clocks.tally.ended(answers[0])
            answers[0] = clocks.tally.begin_about(about("model-0"))
            clocks.tally.take()

    found = counted(clocks.tally)

    assert {reads for _, reads in found.values()} == {2_000}
    assert len(found) == 50


# --- clients ---------------------------------------------------------------------------------------------------------
def test_an_address_counts_at_most_thirty_times_an_hour_for_a_model() -> None:
    clocks = Clocks()
    for endpoint in ("read_canonical_model", "read_model_page"):
        for _ in range(2):
            ask(clocks.tally, about("a", endpoint=endpoint), times=100)
            clocks.tally.take()
    ask(clocks.tally, about("a"), "another", times=3)
    ask(clocks.tally, about("b"), times=5)

    found = counted(clocks.tally)

    assert sum(asks for key, (asks, _) in found.items() if key[3] == "a") == MOST_AN_HOUR + 3
    assert sum(reads for key, (_, reads) in found.items() if key[3] == "a") == 403
    assert found[("read_canonical_model", "", "", "b", "")] == (5, 5)
    clocks.pass_(hours=1)
    ask(clocks.tally, about("a"), times=100)
    assert counted(clocks.tally)[("read_canonical_model", "", "", "a", "")] == (MOST_AN_HOUR, 100)


def test_14_a_clock_that_is_set_back_gives_no_client_another_thirty() -> None:
    clocks = Clocks()
    found = 0
    for hours in (0, -2, 2, 0):
        clocks.wall = Clocks().wall.replace(hour=12 + hours)
        ask(clocks.tally, about("a"), times=100)
        found += sum(asks for asks, _ in counted(clocks.tally).values())

    assert found == MOST_AN_HOUR


def test_the_addresses_of_an_answer_are_bounded_and_all_requests_counted() -> None:
    asked = Asked(None)
    for client in addresses(MOST_CLIENTS + 500):
        asked.add(client, 0)
        asked.add(client, 0)

    assert len(asked.by_client) <= MOST_CLIENTS + 1
    assert sum(asked.by_client.values()) == 2 * (MOST_CLIENTS + 500)
    assert asked.by_client[OTHER_CLIENTS] == 1_000


def test_addresses_are_forgotten_after_an_hour_and_in_the_meantime_none_is_lost() -> None:
    clocks = Clocks()
    asked = clocks.tally.begin_about(about("a"))
    sent = 0
    for _ in range(4):
        by_client = asked.by_client  # as the event loop has it in hand
        for client in addresses(MOST_CLIENTS, first=sent):
            asked.add(client, 0)
            sent += 1
        clocks.tally.take()
        by_client[next(iter(by_client), 7)] = by_client.get(next(iter(by_client), 7), 0) + 1  # it adds one more
        sent += 1
        assert not asked.by_client or asked.by_client is by_client
        clocks.pass_(minutes=1)
    clocks.tally.take()
    asked.add("192.0.2.1", 0)
    clocks.pass_(hours=1)

    clocks.tally.take()

    assert not asked.by_client
    assert clocks.tally.unflushed == sent + 1


def test_a_defect_here_costs_nobody_an_answer(
    web: Web, tally: Tally, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(counting, "subject_of", lambda *_: 1 / 0)

    assert web.ask(f"/catalog/canonical/{R1}").status == "200 OK"
    assert web.ask(f"/catalog/canonical/{R1}").status == "200 OK"

    assert counted(tally) == {}
    assert "it is not counted" in caplog.text


def test_the_pairs_of_client_and_model_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_PAIRS", 10)
    clocks = Clocks()
    ask(clocks.tally, about("a"), *addresses(100), times=2)

    [(asks, reads)] = counted(clocks.tally).values()

    assert (asks, reads) == (10 * 2 + MOST_AN_HOUR, 200)


# --- 22: bounded, and nothing personal -------------------------------------------------------------------------------
def test_22_ten_thousand_junk_ids_and_queries_make_one_row(web: Web, tally: Tally) -> None:
    for number in range(100):
        web.ask(f"/catalog/canonical/junk-{number}")
        web.ask(f"/catalog/models/junk-{number}")
        web.ask("/catalog/models", f"q=junkjunkjunk{number}")

    assert counted(tally) == {("list_models", "", "", "", Outcome.NOTHING): (MOST_AN_HOUR, 100)}


def test_22_models_beyond_the_bound_are_counted_as_other() -> None:
    clocks = Clocks()
    for number in range(MOST_ROWS + 700):
        ask(clocks.tally, about(f"model-{number}"))
    ask(clocks.tally, a_list())

    found = counted(clocks.tally)

    assert len(found) <= MOST_ROWS + 2
    assert found[("read_canonical_model", "", "", OTHER, "")] == (700, 700)
    assert found[("list_models", "", "", "", "")] == (1, 1)


def test_a_subject_names_at_most_ten_models(web: Web, tally: Tally, bundled: Snapshot) -> None:
    slugs = sorted({row.identity.model for row in bundled.rows if row.identity})[:10]

    web.ask("/catalog/compare", f"ids={','.join(slugs)}")

    assert {key[1:4] for key in counted(tally)} == {Target(model=slug) for slug in slugs}

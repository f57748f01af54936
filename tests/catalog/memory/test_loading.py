"""A revision is read whole and of one moment, and its documents are served as they were published."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable
from typing import NoReturn

import orjson
import pytest
from django.db import DatabaseError, connection, transaction

from access.keys import Keys
from catalog.memory import loading
from catalog.memory.following import Follower
from catalog.memory.rows import Identity, Row
from catalog.models import OfferVersion, Revision
from catalog.models.moment import one_moment
from tests.factories import hourly, offer_record, publish, served_row

LONGEST_WAIT = 30.0

committed = pytest.mark.django_db(transaction=True)
"""For tests in which another connection must see what was published."""


@pytest.fixture
def follower() -> Follower:
    return Follower(keys=Keys())


def hourly_rates(follower: Follower) -> list[tuple[str, str]]:
    return [(row.id, orjson.loads(row.document)["pricing"]["hourly_rate"]) for row in follower.current().rows]


def in_a_thread(work: Callable[[], object]) -> None:
    """Do it on another connection, and raise here what it raised there."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(LONGEST_WAIT)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


def test_a_snapshot_has_the_published_documents_byte_for_byte_by_id(db: None) -> None:
    publish(offer_record("maker/z"), offer_record("maker/a", tags=("Hot",)), offer_record("unmade", provider_slug=None))

    snapshot = loading.load()

    published = OfferVersion.objects.current().values_list("offer__model_id", "document", "offer__canonical__slug")
    assert {row.id: row.document.decode() for row in snapshot.rows} == {
        # The canonical model is stored next to the document, because it can change without the document.
        offer_id: document.replace('"canonical_model":null', f'"canonical_model":"{slug}"')
        for offer_id, document, slug in published
    }
    assert [row.id for row in snapshot.rows] == ["maker/a", "maker/z", "unmade"]
    assert [snapshot.rows_of_id(row.id) for row in snapshot.rows] == [[row] for row in snapshot.rows]
    facets = snapshot.index.facets.items()
    counts = {name: {value: len(offers) for value, offers in found.items()} for name, found in facets}
    assert counts | {"canonical_model": {}} == {
        "gateway": {"chutes": 3},
        "provider": {"maker": 2},
        "host": {},
        "model_type": {"LLM": 3},
        "tags": {"hot": 1},
        "modality": {"text->text": 3},
        "input_modalities": {"text": 3},
        "output_modalities": {"text": 3},
        "supported_parameters": {},
        "price_status": {"priced": 3},
        "price_basis": {"hourly": 3},
        "price_tier": {"standard": 3},
        "execution_mode": {"standard": 3},
        "availability": {"unknown": 3},
        "source": {"bundled": 3},
        "quantization": {},
        "is_featured": {"plain": 3},
        "status": {"active": 3},
        "canonical_model": {},
        "variant": {},
        "hugging_face_id": {},
    }


def test_offers_with_equal_prices_share_one_tariff_over_revisions(db: None) -> None:
    publish(offer_record("maker/a", prices=(hourly("1"),)), offer_record("maker/b", prices=(hourly("3"),)))
    first = loading.load()

    publish(offer_record("maker/a", prices=(hourly("1"),)), offer_record("maker/b", prices=(hourly("1"),)))
    second = loading.caught_up(first)

    assert second is not None
    [[a], [b]] = [second.rows_of_id(offer_id) for offer_id in ("maker/a", "maker/b")]
    assert a.tariff is b.tariff is first.rows_of_id("maker/a")[0].tariff
    assert a.tariff.hourly_rate == 1


def test_a_row_takes_little_more_memory_than_its_document() -> None:
    stored = served_row(offer_record()).document
    identity = Identity(model="maker/model", variant="", rule="id", evidence="")
    Row.of(stored, identity)  # fills the caches of values that rows share

    tracemalloc.start()
    try:
        rows = [Row.of(stored, identity) for _ in range(100)]
        bytes_per_row = tracemalloc.get_traced_memory()[0] / len(rows)
    finally:
        tracemalloc.stop()

    assert bytes_per_row < len(stored) + 2_048


# --- one moment ------------------------------------------------------------------------------------------------------


@committed
def test_what_is_read_is_of_one_moment_and_keeps_no_writer_waiting() -> None:
    publish(offer_record(prices=(hourly("1"),)))

    with one_moment():
        before = Revision.objects.newest().number
        in_a_thread(lambda: publish(offer_record(prices=(hourly("2"),))))
        [document] = OfferVersion.objects.current().values_list("document", flat=True)
        during = Revision.objects.newest().number

    assert (before, during) == (1, 1)
    assert orjson.loads(document)["pricing"]["hourly_rate"] == "1.0"
    assert Revision.objects.newest().number == 2


@committed
def test_a_publication_in_the_middle_of_a_load_is_wholly_in_or_wholly_out(
    monkeypatch: pytest.MonkeyPatch, follower: Follower
) -> None:
    publish(*(offer_record(f"maker/{number}", prices=(hourly("1"),)) for number in range(3)))
    current_versions = OfferVersion.objects.current
    news = [[offer_record(f"maker/{number}", prices=(hourly("2"),)) for number in range(3)]]

    def current_versions_after_another_publication() -> object:
        if news:
            records = news.pop()
            in_a_thread(lambda: publish(*records))
        return current_versions()

    monkeypatch.setattr(OfferVersion.objects, "current", current_versions_after_another_publication)

    follower.refresh()
    first = (follower.current().revision, [rate for _, rate in hourly_rates(follower)])
    follower.refresh()
    second = (follower.current().revision, [rate for _, rate in hourly_rates(follower)])

    assert (first, second) == ((1, ["1.0"] * 3), (2, ["2.0"] * 3))


@committed
@pytest.mark.parametrize("error", [DatabaseError("gone"), KeyError("name")])
def test_a_read_that_fails_leaves_no_transaction_open(
    monkeypatch: pytest.MonkeyPatch, error: Exception, follower: Follower
) -> None:
    def fail() -> NoReturn:
        raise error

    publish(offer_record())
    with monkeypatch.context() as patch:
        patch.setattr(OfferVersion.objects, "current", fail)
        with pytest.raises(type(error)):
            loading.load()

    publish(offer_record(prices=(hourly("2"),)))
    follower.refresh()

    assert hourly_rates(follower) == [("maker/model", "2.0")]


@committed
def test_a_process_reads_while_a_publication_is_being_written(follower: Follower) -> None:
    publish(offer_record(prices=(hourly("1"),)))
    is_written, may_end = threading.Event(), threading.Event()

    def publish_slowly() -> None:
        with transaction.atomic():
            publish(offer_record(prices=(hourly("2"),)))
            is_written.set()
            assert may_end.wait(LONGEST_WAIT)

    writer = threading.Thread(target=lambda: in_a_thread(publish_slowly))
    writer.start()
    try:
        assert is_written.wait(LONGEST_WAIT)
        follower.refresh()
        during = hourly_rates(follower)
    finally:
        may_end.set()
        writer.join(LONGEST_WAIT)
    follower.refresh()

    assert during == [("maker/model", "1.0")]
    assert hourly_rates(follower) == [("maker/model", "2.0")]

"""Clients that read while the catalogue is published again and again, from two serving processes on a real socket.

`make prove` reads 20,000 times over 100 publications; otherwise some of that. Each publication changes every offer, and
every other one has an offer more, so that a mixture of two revisions cannot hide.
"""

from __future__ import annotations

import gzip
import http.client
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import brotli
import orjson
import pytest
from django.conf import settings

from tests import clock
from tests.catalog.syncing import database_url
from tests.factories import offer_record, publish
from tests.faults.stage import PROVE
from tests.services import find_free_port

pytestmark = pytest.mark.django_db(transaction=True)

Json = Any
READS, PUBLICATIONS = (20_000, 100) if PROVE else (800, 5)
READERS = 4
PAUSE_SECONDS = 0.005
OFFERS = 12
MOST_SECONDS_BEHIND = 2.0
TIMES_LATE = 5
START_SECONDS = 60.0
PATIENCE_SECONDS = 900.0 if PROVE else 90.0
DECODERS = {None: bytes, "gzip": gzip.decompress, "br": brotli.decompress}

ADDRESSES = [
    "/catalog/models",
    "/catalog/models?limit=5",
    "/catalog/models?offset=5&limit=5",
    "/catalog/models?limit=5&offset=5",
    "/catalog/models?gateway=chutes&sort=-name&limit=3",
    "/catalog/models?gateway=openrouter",
    "/catalog/models?tags=even",
    "/catalog/models/maker/model-03",
    "/catalog/providers",
]


def publish_edition(edition: int) -> None:
    """Publish revision `edition`: the description of every offer has its number."""
    publish(
        *(
            offer_record(f"maker/model-{number:02}", description=f"edition {edition}", tags=("even",) * (number % 2))
            for number in range(OFFERS + edition % 2)
        )
    )


def total_of(edition: int) -> int:
    return OFFERS + edition % 2


@dataclass
class History:
    """When which edition was published."""

    published_at: list[float] = field(default_factory=list)
    late_seconds: float = 0.0
    """The most by which a pause was too long: on a busy machine the server is late too."""

    def publish(self) -> None:
        publish_edition(len(self.published_at) + 1)
        self.published_at.append(time.monotonic())

    def pause(self) -> None:
        began = time.monotonic()
        time.sleep(PAUSE_SECONDS)
        self.late_seconds = max(self.late_seconds, time.monotonic() - began - PAUSE_SECONDS)

    def least_edition_at(self, moment: float) -> int:
        """What an answer that was asked for at this moment must show at least."""
        latest = moment - MOST_SECONDS_BEHIND - TIMES_LATE * self.late_seconds
        return sum(published_at < latest for published_at in list(self.published_at))


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Yield the port of a web server with two serving processes, on the database of the test."""
    publish_edition(1)
    port = find_free_port()
    command = [sys.executable, "-m", "gatewayz.run.web", "--port", str(port), "--workers", "2"]
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": database_url(),
        "DATA_DIR": str(tmp_path),
        "LOG_LEVEL": "warning",
        "RATE_LIMIT_PER_MINUTE": "0",
        **clock.environment(),
    }
    server = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment)
    try:
        wait_until_ready(port)
        yield port
    finally:
        server.terminate()
        server.wait(START_SECONDS)


def wait_until_ready(port: int) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while True:
        with suppress(OSError), closing(Client(port)) as client:
            if client.get("/readyz").status == 200:
                return
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


@dataclass
class Client:
    """Keeps what it read, and asks whether that is still current; reconnects now and then, to reach both processes."""

    port: int
    bodies: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def close(self) -> None:
        self.connection.close()

    def get(self, address: str, **headers: str) -> http.client.HTTPResponse:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request("GET", address, headers=sent)
        return self.connection.getresponse()

    def read(self, address: str, encoding: str, *, is_revalidated: bool) -> Json:
        tag, known = self.bodies.get((address, encoding), ("", b""))
        headers = {"If_None_Match": tag} if tag and is_revalidated else {}
        response = self.get(address, Accept_Encoding=encoding, **headers)
        body = response.read()
        if response.status == 304:
            assert (body, response.headers["ETag"]) == (b"", tag)
            body = known
        else:
            assert response.status == 200, body
            assert len(body) == int(response.headers["Content-Length"])
            body = DECODERS[response.headers["Content-Encoding"]](body)
        self.bodies[address, encoding] = response.headers["ETag"], body
        return orjson.loads(body)


def check(address: str, answer: Json, *, at_least: int) -> None:
    """The answer is the one to this question, of one revision, and no older than may be."""
    edition, path, query = answer["revision"], urlsplit(address).path, parse_qs(urlsplit(address).query)
    assert edition >= at_least, f"revision {edition} where {at_least} was due"
    if path == "/catalog/providers":
        assert [provider["model_count"] for provider in answer["data"]] == [total_of(edition)]
        return
    rows = answer["offers"] if "offers" in answer else answer["data"]
    assert {row["description"] for row in rows} <= {f"edition {edition}"}
    if "offers" in answer:
        assert path == f"/catalog/models/{answer['data']['id']}"
        return
    asked = {name: values[0] for name, values in query.items()}
    assert (answer["gateway"], answer["offset"]) == (asked.get("gateway", "all"), int(asked.get("offset", 0)))
    assert answer["limit"] == int(asked.get("limit", 250))
    total = {"tags": OFFERS // 2, "gateway": 0}.get("tags" if "tags" in asked else "gateway", 0)
    if "tags" not in asked and asked.get("gateway") != "openrouter":
        total = total_of(edition)
    assert answer["total"] == total
    assert len(rows) == answer["returned"] == min(answer["limit"], max(0, total - answer["offset"]))


def read_again_and_again(port: int, history: History, *, seed: int) -> list[int]:
    """The editions that were seen, up to the last one that is published."""
    dice = random.Random(seed)  # noqa: S311  the same questions in every run
    seen: list[int] = []
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    with closing(Client(port)) as client:
        while len(seen) < READS // READERS or seen[-1] < PUBLICATIONS:
            assert time.monotonic() < give_up_at
            if dice.random() < 0.02:
                client.close()  # and reconnects
            address, encoding = dice.choice(ADDRESSES), dice.choice(["identity", "gzip", "br"])
            at_least = history.least_edition_at(time.monotonic())
            answer = client.read(address, encoding, is_revalidated=dice.random() < 0.5)
            check(address, answer, at_least=at_least)
            seen.append(answer["revision"])
            history.pause()
    return seen


def test_readers_see_one_revision_never_an_old_one_and_only_their_own_answers(port: int) -> None:
    history = History([time.monotonic()])
    with ThreadPoolExecutor(READERS) as pool:
        reading = [pool.submit(read_again_and_again, port, history, seed=seed) for seed in range(READERS)]
        while len(history.published_at) < PUBLICATIONS:
            time.sleep(0.3)
            history.publish()
        seen = {edition for reader in reading for edition in reader.result()}

    assert PUBLICATIONS in seen
    assert len(seen) > min(PUBLICATIONS, 5) // 4  # of a few, some fall between two looks at the database

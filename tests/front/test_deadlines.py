"""A thread that waits for the database comes back by its deadline."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection

from front.deadlines import limit_this_thread, watched

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1e9) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}


def wait_for_ever() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(ENDLESS[connection.vendor])
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_work_that_takes_too_long_is_cut_and_raises() -> None:
    def work() -> None:
        connection.ensure_connection()
        with watched(0.1):
            wait_for_ever()

    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool, pytest.raises(DatabaseError):
        pool.submit(work).result()
    assert time.monotonic() - began < 30  # the query would take far longer


@pytest.mark.django_db(transaction=True)
def test_statements_of_a_limited_thread_end_at_their_limit() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has a limit for its lock alone")

    def work() -> None:
        limit_this_thread(0.1)
        wait_for_ever()

    with ThreadPoolExecutor(1) as pool, pytest.raises(DatabaseError, match="statement timeout"):
        pool.submit(work).result()

"""Opens pages of the desk without a browser, with a limit of queries, as people who log in."""

from __future__ import annotations

import re

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

MOST_QUERIES = 25


def opened(client: Client, address: str, status: int = 200) -> str:
    """Return the page at an address, which must answer with this status and few queries."""
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    assert answer.status_code == status, address
    assert len(queries) <= MOST_QUERIES, "\n".join(each["sql"][:400] for each in queries)
    return answer.content.decode()


def heading(html: str) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", html)
    assert found is not None
    return found[1]


def superuser(name: str = "root") -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(name))
    return client

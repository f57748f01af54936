"""A process as it is when it starts. Import the fixture into the conftest of a folder whose tests read the snapshot."""

from __future__ import annotations

import pytest

from access.keys import Keys
from catalog.memory import following
from catalog.memory.following import Follower


@pytest.fixture(autouse=True)
def nothing_served_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a follower of its own, because a snapshot and keys would outlive the test that read them."""
    monkeypatch.setattr(following, "FOLLOWER", Follower(keys=Keys()))

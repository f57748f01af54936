"""A process as it is when it starts. Import the fixture into the conftest of a folder whose tests read the snapshot."""

from __future__ import annotations

import pytest

from access import keys
from catalog.memory import following


@pytest.fixture(autouse=True)
def nothing_served_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process serves would outlive the test that put it there."""
    monkeypatch.setattr(following, "_held", None)
    monkeypatch.setattr(following, "_is_failing", False)
    monkeypatch.setattr(following, "_published", None)
    monkeypatch.setattr(following, "_waiting_since", None)
    monkeypatch.setattr(keys, "_held", None)

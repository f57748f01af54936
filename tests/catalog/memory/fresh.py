"""A process as it is when it starts. Import the fixture into the conftest of a folder whose tests read the snapshot."""

from __future__ import annotations

import pytest

from access import keys
from catalog.memory import snapshot


@pytest.fixture(autouse=True)
def nothing_served_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process serves would outlive the test that put it there."""
    monkeypatch.setattr(snapshot, "_held", None)
    monkeypatch.setattr(snapshot, "_is_failing", False)
    monkeypatch.setattr(snapshot, "_published", None)
    monkeypatch.setattr(snapshot, "_waiting_since", None)
    monkeypatch.setattr(keys, "_held", None)

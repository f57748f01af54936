"""What a serving process does for this app: it follows what is observed, and hands it to the catalogue's pages."""

from __future__ import annotations

from catalog.memory import following
from monitoring import follow


def start() -> None:
    """Follow what is observed from now on. Call it after the fork, before the catalogue is followed."""
    following.FOLLOWER.read_watches = follow.FOLLOWER.watches
    follow.FOLLOWER.start()


def stop() -> None:
    follow.FOLLOWER.stop()

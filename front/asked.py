"""How often each cached answer was asked for. The front counts; what is done with the counts is the application's.

A hit costs one addition on the answer itself: no lock, no clock and no question to a database.
"""

from __future__ import annotations

MOST_CLIENTS = 1_000
"""The most addresses that one answer distinguishes until its counts are renewed. All others count as OTHER_CLIENTS."""
OTHER_CLIENTS = -1
"""No text has this hash."""


class Asked:
    """The counts of one cached answer since it was made.

    The event loop is one thread, so its additions are exact. Another thread may read the counts at any time, and takes
    what was added since it last read them: the fields `taken_…` belong to that reader alone.
    """

    __slots__ = ("about", "by_client", "by_key", "taken_by_client", "taken_by_key")

    def __init__(self, about: object) -> None:
        self.about = about
        """What the answer is about, as the application found when the answer was made."""
        self.by_client: dict[int, int] = {}
        """The requests without a key, by the hash of the address. Python salts the hashes of each process."""
        self.by_key: dict[int, int] = {}
        """The requests with a key, by the key's id."""
        self.taken_by_client: dict[int, int] = {}
        self.taken_by_key: dict[int, int] = {}

    def add(self, client: str, key: int) -> None:
        """Count one request from this address, or with this key unless it is 0."""
        if key:
            self.by_key[key] = self.by_key.get(key, 0) + 1
            return
        by_client, number = self.by_client, hash(client)
        # An empty address, as that of a unix socket, is not distinguished from a request with a key, which has none.
        if number not in by_client and (not client or len(by_client) >= MOST_CLIENTS):
            number = OTHER_CLIENTS
        by_client[number] = by_client.get(number, 0) + 1

    def renewed(self) -> Asked:
        """Begin with no address, and return the counts so far: one may still be added to them by another thread."""
        before = Asked(self.about)
        before.by_client, before.taken_by_client = self.by_client, self.taken_by_client
        self.by_client, self.taken_by_client = {}, {}
        return before

"""The transaction that all writers use to publish: locks, overlay, diff, apply, revision.

Locks are taken in one order: the gateway's row first, the revision's row last.
"""

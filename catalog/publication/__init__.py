"""The one transaction that all writers share: locks, overlay, diff, apply, revision.

Order of the locks: the gateway's row first, the revision's row last.
"""

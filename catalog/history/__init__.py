"""Reads of what was published when: the feed of changes, and the history of one offer."""

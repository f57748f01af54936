"""Queries for published data over time: the feed of changes, and the history of one offer."""

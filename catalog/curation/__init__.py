"""The decisions of curators about offers, prices and models. Every decision is applied and published at once.

A publication takes its time from the database (`publication/clock.py`) and raises ClockMoved if that cannot be right.
`now` is the time of the curator's decision.
"""

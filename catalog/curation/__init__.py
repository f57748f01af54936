"""What people say of offers, prices and models; every decision is applied and published at once.

A publication takes its time from the database (`publication/clock.py`) and raises ClockMoved if that cannot be right;
`now` is when the curator decided.
"""

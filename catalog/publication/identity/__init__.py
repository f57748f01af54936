"""Which model each offer is: the stored part that a change can affect, its links, and what is written."""

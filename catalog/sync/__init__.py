"""The synchronisation: reads a gateway's listing, checks its rows, and passes them to `catalog/publication`."""

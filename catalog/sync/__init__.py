"""The writer of what upstreams say: reads a gateway's listing, checks its rows, and hands them to publication."""

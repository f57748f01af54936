"""Gateways that answer by rules, on a port of this machine: for `make demo`, and for the tests of clients."""

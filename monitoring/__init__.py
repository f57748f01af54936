"""Observes whether offers can be used, from signals that cost nothing. The catalogue works without this app."""

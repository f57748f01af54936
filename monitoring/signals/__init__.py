"""Reads what gateways publish about their own state. One file for each gateway, and none sends a request."""

"""Sends inference requests to the gateway that the caller, or the price, chooses. Above the catalogue, and optional."""

"""Sends inference requests to the gateway that the caller, or the price, chooses. It can be left out."""

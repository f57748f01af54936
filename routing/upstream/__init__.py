"""The gateways as places that run models: one file for each dialect, and the client that all of them use."""

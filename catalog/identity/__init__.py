"""Which offers of different gateways are the same model. Pure."""

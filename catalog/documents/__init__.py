"""The JSON document of an offer: how it is rendered, read and compared. Pure."""

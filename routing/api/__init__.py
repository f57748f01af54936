"""The addresses of this app that answer from the catalogue, without sending anything to a gateway."""

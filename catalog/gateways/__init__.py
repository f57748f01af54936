"""One file per gateway; none imports another. `catalog/registry.py` lists them."""

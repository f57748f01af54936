"""One module or package per gateway; no gateway imports another. `catalog/registry.py` lists them."""

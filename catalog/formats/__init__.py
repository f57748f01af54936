"""The catalogue in the formats of other services. Each format is one class in a module here; `registry.py` finds it."""

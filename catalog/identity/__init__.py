"""Which offers of different gateways are the same model, by rules that say why. Pure.

- `offers`: what it is decided from: offers, statements of curators, and the models that were named before.
- `resolution`: `resolve` gives each offer its model with rule and evidence; `check` judges a new statement.
- `candidates`: what almost matches.
- `links`: what can change together, so that a part can be decided by itself.
- `names`: what ids say, and the keys by which a model is looked up.
- `clusters`: the rules. `slugs`: names that hold for ever. `curators`: statements read whole, and why they are refused.
"""

"""Decide which offers of different gateways are the same model, by rules that give their reasons. Pure.

- `offers`: the inputs of a decision: offers, statements of curators, and the models that were named before.
- `traits`: what ids mean at a gateway, as its adapter declares it.
- `resolution`: `resolve` gives each offer its model with rule and evidence; `check` judges a new statement.
- `candidates`: offers and models that almost match.
- `links`: what can change together, so that a part can be decided separately.
- `names`: what an id contains, and the keys by which a model is looked up.
- `clusters`: the rules. `slugs`: permanent names. `curators`: statements read as a whole, and why they are refused.
"""

"""The curators' desk: pages under `/admin/` for people who keep the catalogue right.

A page is a module with a `DeskPage` and a template in `html/`; `urls` finds it. Pages show what `queries` and `memory`
read, and change things only through `curation` and `sync`.
"""

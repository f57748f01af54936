"""The ledger of answers: what the service answers to thousands of requests, so that a changed answer is noticed.

`make ledger` asks again and compares with `answers.txt`; `make ledger-record` writes that file. Nothing here imports
the internals of the product. It is set up by its management commands and asked through its WSGI application.
"""

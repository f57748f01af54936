"""The ledger of answers: what the service answers to thousands of requests, so that a change of one of them is seen.

`make ledger` asks again and compares with `answers.txt`; `make ledger-record` writes that file. Nothing here imports
the inside of the product: it is set up by its management commands and asked through its WSGI application.
"""

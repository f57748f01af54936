"""The transaction that all writers use to publish: compare, resolve models, decide, write.

Locks are taken in one order: the gateway's row first, the revision's row last. A listing that changes offers locks the
revision before it is decided, because other gateways' publications can change the models of the same offers.
"""

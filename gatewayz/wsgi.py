"""The WSGI application, for servers that speak nothing else: it has everything but streams."""

from __future__ import annotations

from gatewayz.serving import make_wsgi

application = make_wsgi()

"""The ASGI application of the web server, which `python -m gatewayz.run.web` starts."""

from __future__ import annotations

from gatewayz.serving import make_asgi

application = make_asgi()

"""Ends with 0 if the web of this container answers that it is ready: Docker's HEALTHCHECK.

Run it as a file (`python -I gatewayz/probe.py`): `-m` would import the package, and Celery with it, every time.
"""

from __future__ import annotations

import sys
from http.client import HTTPConnection, HTTPException


def is_ready(*, port: int) -> bool:
    # Not urllib: a proxy for the way out (HTTP_PROXY) must not stand between the probe and its own container.
    connection = HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not is_ready(port=8000))

"""Ends with 0 if the web of this container answers that it is ready: Docker's HEALTHCHECK.

Run it as a file (`python -I gatewayz/probe.py`): `-m` would import the package, and Celery with it, every time.
"""

from __future__ import annotations

import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException


def answers_ok(path: str, *, host: str, port: int) -> bool:
    # Not urllib: a proxy for the way out (HTTP_PROXY) must not stand between the probe and its own machine.
    connection = HTTPConnection(host, port, timeout=4)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})  # allowed whatever PUBLIC_URL says
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not answers_ok("/readyz", host="127.0.0.1", port=8000))

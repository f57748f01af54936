"""Docker's HEALTHCHECK: exits with status 0 if the web server of this container answers that it is ready.

Run it as a file (`python -I gatewayz/run/probe.py`): `-m` would import the package and Celery every time.
"""

from __future__ import annotations

import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException


def answers_ok(path: str, *, host: str, port: int) -> bool:
    # Not urllib: a proxy for outgoing requests (HTTP_PROXY) must not be used between the probe and its own machine.
    connection = HTTPConnection(host, port, timeout=4)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})  # allowed for any PUBLIC_URL
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not answers_ok("/readyz", host="127.0.0.1", port=8000))

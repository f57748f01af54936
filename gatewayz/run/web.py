"""The web server: `python -m gatewayz.run.web` serves `gatewayz.asgi` with several processes on one socket.

`workers.py` keeps these processes running, and `web_worker.py` is one of them. SIGTERM ends: the socket stops
accepting, and requests and streams get up to 25 seconds. SIGHUP replaces one worker after the other.
"""

from __future__ import annotations

import argparse
import resource
import sys
from contextlib import suppress

from gatewayz.run.sockets import CannotListen, listening
from gatewayz.run.workers import CannotStart, Workers


def allow_many_connections() -> None:
    """Raise the limit of open files to what the system allows: each connection needs one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def say(line: str) -> None:
    with suppress(OSError):  # a closed terminal must not end the service
        sys.stderr.write(f"gatewayz: {line}\n")
        sys.stderr.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--unix-socket", default="", help="the path of a unix socket, instead of host and port")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if options.workers < 1:
        parser.error("--workers must be at least 1")
    allow_many_connections()
    try:
        with listening(host=options.host, port=options.port, path=options.unix_socket) as sockets:
            Workers(sockets, count=options.workers, say=say).run()
    except (CannotListen, CannotStart) as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

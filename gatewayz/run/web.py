"""The web server: `python -m gatewayz.run.web` serves `gatewayz.asgi` with several processes on one socket.

uvicorn's own supervisor keeps them running. A worker accepts connections only once it has a snapshot, so the others
answer until then. SIGTERM ends: the socket stops accepting, and requests and streams get up to 25 seconds. SIGHUP
replaces one worker after the other, each only when its successor answers.
"""

from __future__ import annotations

import argparse
import resource
import socket
import sys
from pathlib import Path

import uvicorn
from uvicorn.supervisors import Multiprocess

GRACE_SECONDS = 25
READY_SECONDS = 150
"""How long a worker may take to load its first snapshot, and an answer to whether it lives."""
BACKLOG = 2_048
IDLE_SECONDS = 15


class Workers(Multiprocess):
    """uvicorn's supervisor, which also stops accepting as soon as it is asked to end."""

    def terminate_all(self) -> None:
        for listening in self.sockets:
            listening.close()
        super().terminate_all()


def configuration(*, workers: int) -> uvicorn.Config:
    return uvicorn.Config(
        "gatewayz.asgi:application",
        http="gatewayz.serving:FrontProtocol",  # not of front: uvicorn imports it before the app, and so before Django
        loop="uvloop",
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,  # Django's settings configure the logs
        access_log=False,
        proxy_headers=False,  # front counts the hops itself
        server_header=False,
        backlog=BACKLOG,
        workers=workers,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=READY_SECONDS,
    )


def listening_socket(*, host: str, port: int, path: str) -> socket.socket:
    """Return a socket that listens at the address, or at the path of a unix socket if there is one."""
    if path:
        Path(path).unlink(missing_ok=True)  # of a process that was killed
        found = socket.socket(socket.AF_UNIX)
        found.bind(path)
        Path(path).chmod(0o666)  # the proxy may be another user
    else:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        found = socket.socket(family)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
    found.listen(BACKLOG)
    found.set_inheritable(True)
    return found


def allow_many_connections() -> None:
    """Raise the limit of open files to what the system allows: each connection needs one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--unix-socket", default="", help="the path of a unix socket, instead of host and port")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    allow_many_connections()
    try:
        listening = listening_socket(host=options.host, port=options.port, path=options.unix_socket)
    except OSError as error:
        sys.exit(f"gatewayz: {options.unix_socket or f'{options.host}:{options.port}'}: {error.strerror}")
    Workers(configuration(workers=options.workers), [listening]).run()


if __name__ == "__main__":
    main()

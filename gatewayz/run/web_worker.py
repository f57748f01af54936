"""One serving process of the web server: uvicorn, on sockets that `workers.py` has opened.

It accepts connections once it has a snapshot, so that other processes answer until then. If it has none after
`following.START_SECONDS`, it waits for one, or for `workers.py` to report that no other process has one either: it then
accepts, and answers 503. Both processes send single bytes to each other, through a pair of sockets.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, cast

import uvicorn
from uvicorn.lifespan.on import LifespanOn

from gatewayz.run.sockets import BACKLOG

if TYPE_CHECKING:
    from front.asgi import AsgiShell

# To workers.py:
WITHOUT = b"w"
"""No snapshot could be read; may this process accept connections?"""
LOADED = b"l"
"""This process has a snapshot."""
ACCEPTS = b"a"
"""This process accepts connections."""
PULSE = b"."
"""The event loop of this process runs."""
# From workers.py:
PERMISSION = b"p"
"""Accept connections, although you have no snapshot."""

GRACE_SECONDS = 25
"""How long requests and streams may take to end after SIGTERM."""
IDLE_SECONDS = 15
PULSE_SECONDS = 5.0


def configuration() -> uvicorn.Config:
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
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


class Lifespan(LifespanOn):
    """Ends the start of the application when the process may accept connections: uvicorn then begins to."""

    def __init__(self, config: uvicorn.Config, permitted: Callable[[], Awaitable[object]]) -> None:
        super().__init__(config)
        self._permitted = permitted

    async def startup(self) -> None:
        await super().startup()
        if not self.should_exit:
            await self._permitted()


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, link: socket.socket) -> None:
        """`link` leads to `workers.py`."""
        super().__init__(config)
        self._link = link
        self._permission = asyncio.Event()
        self._reporting: list[asyncio.Task[None]] = []

    @property
    def _shell(self) -> AsgiShell:
        return cast("AsgiShell", self.config.loaded_app)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._link.setblocking(False)
        asyncio.get_running_loop().add_reader(self._link, self._listen)
        self._reporting.append(asyncio.create_task(self._pulse()))
        self.lifespan = Lifespan(self.config, self._permitted)
        await super().startup(sockets)
        self._report(ACCEPTS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Before a connection is shut down: one that was just accepted is not among them yet.
        self._shell.drain()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End after the last answer; at once if no connection was accepted yet, or if Ctrl-C comes again.

        Unlike uvicorn's, it does not raise the signal again at the end: the exit status is 0.
        """
        if not self.started:
            os._exit(0)
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    # --- the other process -------------------------------------------------------------------------------------------
    async def _permitted(self) -> None:
        """Wait for a snapshot, or for the permission to accept without one."""
        loaded = asyncio.create_task(self._load())
        self._reporting.append(loaded)
        if self._shell.revisions.current() is None:
            self._report(WITHOUT)
        permission = asyncio.create_task(self._permission.wait())
        await asyncio.wait({loaded, permission}, return_when=asyncio.FIRST_COMPLETED)
        permission.cancel()

    async def _load(self) -> None:
        revisions = self._shell.revisions
        while await revisions.wait_beyond(-1, PULSE_SECONDS) is None:
            if revisions.is_draining:
                return
        self._report(LOADED)

    async def _pulse(self) -> None:
        while True:
            self._report(PULSE)
            await asyncio.sleep(PULSE_SECONDS)

    def _report(self, message: bytes) -> None:
        with suppress(OSError):  # the other process has ended, or does not listen for the moment
            self._link.send(message)

    def _listen(self) -> None:
        try:
            messages = self._link.recv(64)
        except BlockingIOError:
            return
        except OSError:
            messages = b""
        if PERMISSION in messages:
            self._permission.set()
        if not messages:  # it was killed
            asyncio.get_running_loop().remove_reader(self._link)
            self.handle_exit(signal.SIGTERM, None)


def main() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # workers.py takes it: a terminal sends it to both
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--link", type=int, required=True, help="the file descriptor that leads to workers.py")
    parser.add_argument("--sockets", type=int, nargs="+", required=True, help="the descriptors of listening sockets")
    options = parser.parse_args()
    config = configuration()
    config.load()
    sockets = [socket.socket(fileno=number) for number in options.sockets]
    Server(config, socket.socket(fileno=options.link)).run(sockets)


if __name__ == "__main__":
    main()

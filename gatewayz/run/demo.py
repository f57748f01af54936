"""`make demo`: `make run` with two gateways of its own that run no model, one of them down, then a tour until Ctrl-C.

It needs no key and no network, and touches no other installation: its data is in a folder of its own, which is removed
at its end, and it reads neither `.env` nor the settings of gateways. The port is PORT, by default 8100.
"""

from __future__ import annotations

import http.client
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from catalog.adapter import settings as of_gateway
from catalog.registry import GATEWAYS
from gatewayz.run.children import end_with_parent
from gatewayz.run.tour import ANSWERING, FAILING, Tour, Unexpected
from routing.demo.server import Gateways, gateways

ROOT = Path(__file__).parents[2]
PORT = "8100"
PAUSE_SECONDS = 0.06
"""Between two tokens of a stream, so that they can be seen."""
_KEY = re.compile(r"gwz_[A-Za-z0-9_-]{43}")
_READY = "Ctrl-C stops everything"
_FOREIGN = ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "BIND", "DJANGO_SUPERUSER_USERNAME", "INFERENCE_SPOOL")
"""Settings of another installation, which may be in the shell."""


def environment_of(folder: Path, upstream: Gateways, given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the service: nothing of other installations, and no gateway but those of the demo."""
    environment = {
        **given,
        **dict.fromkeys(_FOREIGN, ""),
        "ENV_FILE": os.devnull,
        "SECRET_KEY": secrets.token_urlsafe(64),
        "DATA_DIR": str(folder),
        "PORT": given.get("PORT") or PORT,
        "INFERENCE": "on",
        "LOG_LEVEL": given.get("LOG_LEVEL") or "error",
    }
    for gateway in GATEWAYS.values():
        prefix = of_gateway.prefix(gateway)
        is_ours = gateway.slug in {FAILING, ANSWERING}
        environment[f"{prefix}SOURCE"] = "bundled"
        environment[f"{prefix}API_KEY"] = ""
        environment[f"{prefix}INFERENCE_KEYS"] = "of-the-demo" if is_ours else ""
        environment[f"{prefix}INFERENCE_BASE"] = upstream.base(gateway.slug) if is_ours else ""
    return environment


class Demo:
    """The service as a child, whose output is passed on."""

    def __init__(self) -> None:
        self._service: subprocess.Popen[str] | None = None
        self._url = self._key = ""
        self._is_stopping = self._does_answer = False
        self._ready = threading.Event()
        """Set once the service answers or has ended."""

    def run(self, environment: Mapping[str, str]) -> int:
        """Start the service, show the tour, wait for the end of the service, and return the exit status."""
        self._url = f"http://localhost:{environment['PORT']}"
        self._service = service = subprocess.Popen(
            [sys.executable, "-m", "gatewayz.run.supervisor"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C must reach it once, from here: a terminal would send it to both.
            start_new_session=True,
            preexec_fn=end_with_parent(os.getpid(), signal.SIGTERM),
        )
        if self._is_stopping:
            service.terminate()
        reading = threading.Thread(target=self._read, args=(service.stdout,))
        reading.start()
        self._ready.wait()
        is_shown = not self._does_answer or self._is_stopping or self._show()
        status = service.wait()
        reading.join()
        return status if is_shown else 1

    def stop(self, *_: object) -> None:
        self._is_stopping = True
        if self._service is not None:
            self._service.terminate()

    def _read(self, output: IO[str] | None) -> None:
        for line in output or ():
            write(line)
            if found := _KEY.search(line):
                self._key = found[0]
            if _READY in line:
                self._does_answer = True
                self._ready.set()
        self._ready.set()

    def _show(self) -> bool:
        """Show the tour. Return whether it was shown, or was interrupted; otherwise the service is stopped."""
        try:
            if not self._key:
                raise Unexpected("the service has shown no key")
            Tour(self._url, self._key, write).run()
        except (Unexpected, OSError, http.client.HTTPException, ValueError, KeyError) as error:
            if self._is_stopping:
                return True
            write(f"\ngatewayz: the demo does not work: {error}\n")
            self.stop()
            return False
        write(f"\n--- The pages are at {self._url}/, and docs/routing.md explains the rest. Ctrl-C ends the demo.\n")
        return True


def write(text: str) -> None:
    with suppress(OSError):  # a closed terminal must not prevent the service from being stopped
        sys.stdout.write(text)
        sys.stdout.flush()


@contextmanager
def own_folder(parent: Path) -> Iterator[Path]:
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=parent))  # below parent: the spool must not be in memory
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    demo = Demo()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, demo.stop)
    with (
        own_folder(Path(os.environ.get("DATA_DIR") or ROOT / "var")) as folder,
        gateways(failing={FAILING}, pause=PAUSE_SECONDS) as upstream,
    ):
        return demo.run(environment_of(folder, upstream, os.environ))


if __name__ == "__main__":
    sys.exit(main())

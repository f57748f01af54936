"""`make run`: prepares the installation, then keeps web, worker and beat running until Ctrl-C.

What is wrong is said on stderr, one line each, and the exit status is 1. After Ctrl-C, SIGTERM or the terminal's end all
children are gone and the exit status is 0. A second supervisor on the same data folder is refused.

Each child leads a session of its own: the terminal's Ctrl-C reaches the supervisor alone, which ends the children in
order, and what a child started itself (web workers, the worker's pool) can be killed with its group.
"""

from __future__ import annotations

import ctypes
import fcntl
import http.client
import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core import checks
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management import CommandError, call_command
from django.db import Error as DatabaseError
from django.db import connection, connections

from gatewayz.settings import env

PAGES = ("/catalog/models?gateway=chutes&limit=10", "/catalog/docs", "/admin/")
ANSWER_SECONDS = 60.0  # from the start of the web to its first answer, on a slow machine
STOP_SECONDS = 10.0
LOOK_SECONDS = 0.1
SETTLED_SECONDS = 60.0  # a child that lived this long had started well: its next failure is the first in a row again
FIRST_PAUSE_SECONDS = 1.0
MOST_FAILURES = 5

_PR_SET_PDEATHSIG = 1  # of linux/prctl.h
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class Refusal(Exception):
    """Why nothing is served, or no longer: each argument is one line for the operator."""


# --- decisions -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Address:
    bind: str
    port: int

    @property
    def host(self) -> str:
        """The host to ask, since nobody can connect to "every interface"."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind, self.bind)  # noqa: S104  a key, not a bind

    def url(self, path: str) -> str:
        host = "localhost" if self.host in {"127.0.0.1", "::1"} else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}{path}"


@dataclass(frozen=True)
class Command:
    name: str
    module: str
    arguments: tuple[str, ...]
    # What the kernel sends when the supervisor is killed. At SIGTERM the worker would finish its tasks first, beside the
    # worker of the next start; at SIGQUIT it ends them.
    orphan_signal: signal.Signals = signal.SIGTERM


def choose_commands(address: Address, *, web_workers: int) -> list[Command]:
    web = (
        f"gatewayz.wsgi:application --interface wsgi --port {address.port} --workers {web_workers} --blocking-threads 1"
    )
    web += " --no-ws --respawn-failed-workers --workers-kill-timeout 5 --log-level warning"
    worker = "--quiet --app gatewayz worker --loglevel warning --pool prefork --concurrency 2"
    worker += " --without-gossip --without-mingle --without-heartbeat"
    return [
        Command("web", "granian", (*web.split(), "--host", address.bind)),
        Command("worker", "celery", tuple(worker.split()), orphan_signal=signal.SIGQUIT),
        Command("beat", "celery", tuple(["--quiet", "--app", "gatewayz", "beat", "--loglevel", "warning"])),
    ]


def count_failures(before: int, *, lived_seconds: float) -> int:
    return 1 if lived_seconds >= SETTLED_SECONDS else before + 1


def pause_seconds(failures: int) -> float | None:
    """How long to wait before the next start; None where another start would not help."""
    return None if failures >= MOST_FAILURES else FIRST_PAUSE_SECONDS * 2.0 ** (failures - 1)


def describe_end(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name


def one_line(problem: object) -> str:
    return " ".join(str(problem).split())


# --- preparation -----------------------------------------------------------------------------------------------------
def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def claimed_folder(folder: Path) -> Iterator[None]:
    say(f"Checking the data folder {folder}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass  # a folder that exists need not be writable
        lock = (folder / "supervisor.lock").open("a+")
    except OSError as error:
        raise Refusal(f"DATA_DIR={folder} cannot be used as a folder: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            reason = (
                f"process {lock.read()} already runs Gatewayz on the data folder {folder}; stop it, or set DATA_DIR"
            )
            raise Refusal(reason) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def find_port_problems(address: Address) -> list[str]:
    say(f"Checking port {address.port} on {address.bind}")
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(address.bind, address.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # Connections of the previous run that still linger do not matter; granian sets it too.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        return [f"port {address.port} on {address.bind} cannot be used: {error.strerror}; set PORT (or BIND)"]
    return []


def find_settings_problems() -> list[str]:
    say("Checking the settings")
    try:
        django.setup()
        messages = checks.run_checks()
    except ImproperlyConfigured as error:
        return settings.ENVIRONMENT_PROBLEMS or [one_line(error)]
    return [one_line(f"{message.msg} {message.hint or ''}") for message in messages if message.is_serious()]


def prepare_database() -> None:
    say(f"Connecting to the database ({connection.vendor})")
    try:
        connection.ensure_connection()
        say("Bringing the tables up to date")
        call_command("migrate", interactive=False, verbosity=0)
    except (DatabaseError, ImproperlyConfigured) as error:
        raise Refusal(f"the database cannot be used: {one_line(error)}") from error


def prepare_superuser() -> None:
    """Creates the one of DJANGO_SUPERUSER_USERNAME and _PASSWORD; one of that name is left as it is."""
    name = os.environ.get("DJANGO_SUPERUSER_USERNAME", "")
    password = os.environ.get("DJANGO_SUPERUSER_PASSWORD", "")
    users = get_user_model().objects
    if name and password and not users.filter(username=name).exists():
        say(f"Creating the superuser {name}")
        create_superuser(name, password=password, email=os.environ.get("DJANGO_SUPERUSER_EMAIL", ""))
    elif sys.stdin.isatty() and not users.filter(is_superuser=True).exists():
        say("There is no superuser yet: `make admin` creates one")


def create_superuser(name: str, *, password: str, email: str) -> None:
    model = get_user_model()
    user = model(username=name, email=email, is_staff=True, is_superuser=True)
    try:
        user.clean_fields(exclude=["password"])
        validate_password(password, user)
    except ValidationError as error:
        raise Refusal(*(f"DJANGO_SUPERUSER_USERNAME or _PASSWORD: {reason}" for reason in error.messages)) from error
    user.set_password(password)
    user.save()


def sync_once() -> None:
    say("Reading the gateways")
    try:
        call_command("sync")
    except (CommandError, DatabaseError) as error:
        if not is_something_published():
            raise Refusal(f"nothing is published yet, and the first sync failed: {one_line(error)}") from error
        say(f"Warning: {one_line(error)}; what was published before is served, and the worker will try again")


def is_something_published() -> bool:
    from catalog.models import Revision  # models can be imported only after django.setup()

    return Revision.objects.newest().number > 0


# --- children --------------------------------------------------------------------------------------------------------
class Child:
    def __init__(self, command: Command) -> None:
        self.command = command
        self.failures = 0
        self.start_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def look_after(self, *, now: float) -> None:
        """Start it when its time has come; when it has ended by itself, decide when that is."""
        if self._process is None:
            if now >= self.start_at:
                self._start(now=now)
        elif (status := self._process.poll()) is not None:
            self.kill_rest()
            self._schedule_start(status, now=now)

    def _start(self, *, now: float) -> None:
        self._started_at = now
        self._process = subprocess.Popen(  # noqa: S603  the supervisor's own commands
            [sys.executable, "-m", self.command.module, *self.command.arguments],
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent(os.getpid(), self.command.orphan_signal),
        )

    def _schedule_start(self, status: int, *, now: float) -> None:
        self._process = None
        self.failures = count_failures(self.failures, lived_seconds=now - self._started_at)
        pause = pause_seconds(self.failures)
        if pause is None:
            reason = f"{self.command.name} ended {self.failures} times in a row, now with {describe_end(status)}"
            raise Refusal(f"{reason}; it says above why")
        say(f"{self.command.name} ended with {describe_end(status)}; it starts again in {pause:g} s")
        self.start_at = now + pause

    def terminate(self) -> None:
        # Only the leader: the pool of the worker would drop its tasks, where the leader waits for them.
        if self._process is not None:
            self._process.terminate()

    def wait(self, *, seconds: float) -> None:
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)

    def kill_rest(self) -> None:
        """The leader if it still runs, and everything that it left behind."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):  # macOS says "permission" of a group of zombies
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def end_with_parent(parent: int, number: signal.Signals) -> Callable[[], None]:
    """For the time between fork and exec: have the kernel end this process when the supervisor is gone."""

    def ask_kernel() -> None:
        if _prctl is not None:
            _prctl(_PR_SET_PDEATHSIG, number)
            if os.getppid() != parent:
                os._exit(1)  # it was gone before the kernel was asked

    return ask_kernel


# --- serving ---------------------------------------------------------------------------------------------------------
class Serving:
    """The children from their start to their end, which a signal asks for."""

    def __init__(self, commands: Sequence[Command], address: Address) -> None:
        self._children = [Child(command) for command in commands]
        self._address = address
        self._stop_asked = False

    def run(self) -> None:
        # From here on a signal only leaves a note: an exception at any moment could lose a child just started.
        on_stop_signals(self._ask_to_stop)
        try:
            self._loop(answer_until=time.monotonic() + ANSWER_SECONDS)
        finally:
            self._stop()

    def _ask_to_stop(self, *_: object) -> None:
        self._stop_asked = True

    def _loop(self, *, answer_until: float) -> None:
        answered = False
        while not self._stop_asked:
            now = time.monotonic()
            for child in self._children:
                child.look_after(now=now)
            answered = answered or self._announce()
            if not answered and now > answer_until:
                raise Refusal(f"{self._address.url('/healthz')} gave no answer in {ANSWER_SECONDS:g} seconds")
            time.sleep(LOOK_SECONDS)

    def _announce(self) -> bool:
        if not is_healthy(self._address):
            return False
        for page in PAGES:
            say(f"  {self._address.url(page)}")
        say("Ctrl-C stops everything")
        return True

    def _stop(self) -> None:
        say("Stopping")
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.wait(seconds=max(0.0, deadline - time.monotonic()))
        for child in self._children:
            child.kill_rest()


def is_healthy(address: Address) -> bool:
    # Not urllib: it would ask a proxy of the environment.
    client = http.client.HTTPConnection(address.host, address.port, timeout=2)
    try:
        client.request("GET", "/healthz", headers={"Host": f"localhost:{address.port}"})
        return client.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        client.close()


def on_stop_signals(handler: Callable[..., object]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup asked to survive the terminal
            signal.signal(number, handler)


def supervise() -> None:
    address = Address(
        env.text("BIND", default="127.0.0.1"), env.whole_number("PORT", default=8000, least=1, most=65_535)
    )
    web_workers = env.whole_number("WEB_WORKERS", default=min(os.cpu_count() or 1, 2), least=1, most=64)
    with claimed_folder(settings.DATA_DIR):
        if problems := find_port_problems(address) + find_settings_problems():
            raise Refusal(*problems)
        prepare_database()
        prepare_superuser()
        sync_once()
        connections.close_all()  # the children have their own
        say(f"Starting web ({web_workers} workers), worker and beat")
        Serving(choose_commands(address, web_workers=web_workers), address).run()


def main() -> int:
    on_stop_signals(signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # the sync shows its progress through a pipe too
    try:
        supervise()
    except Refusal as refusal:
        for line in refusal.args:
            sys.stderr.write(f"gatewayz: {line}\n")
        return 1
    except KeyboardInterrupt:
        pass  # before anything ran
    say("Stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())

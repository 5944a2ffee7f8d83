"""The one place that chooses TCP ports: what the previous run had if still free, else any free one."""

import errno
import os
import socket
import threading

LOOPBACK = "127.0.0.1"

_given: set[int] = set()
_given_lock = threading.Lock()


def fault(port: int) -> str:
    """Say why a server could not listen on this port; empty when it could."""
    try:
        _bind(port)
    except OSError as error:
        return "taken by another program" if error.errno == errno.EADDRINUSE else os.strerror(error.errno or 0)
    except OverflowError:
        return "not a port number"
    return ""


def choose(preferred: int | None = None) -> int:
    """Give a port nobody else in this process was given: the preferred one if it is free, else one the system picks."""
    with _given_lock:
        port = preferred if preferred and preferred not in _given and not fault(preferred) else _bind(0)
        while port in _given and port != preferred:
            port = _bind(0)
        _given.add(port)
        return port


def give_back(port: int) -> None:
    """Let a port be given again: its user has ended."""
    with _given_lock:
        _given.discard(port)


def _bind(port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port in TIME_WAIT counts as free, one that is listened on does not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, port))
        return int(probe.getsockname()[1])

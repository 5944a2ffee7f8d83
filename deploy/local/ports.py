"""The one place that chooses TCP ports: what the previous run had if still free, else any free one."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LOOPBACK = "127.0.0.1"

_given: set[int] = set()
_given_lock = threading.Lock()


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a server could bind this port now."""
    with _bound(port, host) as taken:
        return taken is not None


def choose(preferred: int | None = None) -> int:
    """Give a port nobody else in this process was given: the preferred one if it is free, else one the system picks."""
    with _given_lock:
        if preferred and preferred not in _given and is_free(preferred):
            _given.add(preferred)
            return preferred
        while True:
            with _bound(0, LOOPBACK) as port:
                if port is None:
                    raise OSError("no free TCP port on the loopback interface")
            if port not in _given:
                _given.add(port)
                return port


def give_back(port: int) -> None:
    """Let a port be given again."""
    with _given_lock:
        _given.discard(port)


@contextmanager
def _bound(port: int, host: str) -> Iterator[int | None]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port in TIME_WAIT counts as free, one that is listened on does not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            yield None
            return
        yield int(probe.getsockname()[1])

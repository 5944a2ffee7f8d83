"""A bound on slow work, so that it never takes the threads that quick calls need."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from services.chassis.errors import Overloaded
from services.chassis.interceptors import time_left


class Bulkhead:
    """Lets `at_once` callers in and keeps up to `waiting` more for as long as their callers wait; refuses the rest."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._places = threading.Semaphore(at_once)
        self._queue = threading.Semaphore(at_once + waiting)

    @contextmanager
    def entered(self) -> Iterator[None]:
        if not self._queue.acquire(blocking=False):
            raise Overloaded
        try:
            if not self._places.acquire(timeout=max(0.0, time_left())):
                raise Overloaded
            try:
                yield
            finally:
                self._places.release()
        finally:
            self._queue.release()

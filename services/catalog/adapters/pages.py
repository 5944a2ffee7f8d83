"""The public pages asked for most, in this process' memory: bounded by age and size."""

import threading
import time
from collections.abc import Callable

from services.catalog.ports import PublicPage


class MemoryPages:
    """Every change moves the mark on: a page whose reading began before it is not kept, because it may be of before."""

    def __init__(self, seconds: int, most_bytes: int = 32 << 20, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._most_bytes, self._clock = most_bytes, clock
        self._pages: dict[str, tuple[PublicPage, float]] = {}
        self._bytes = self._mark = 0
        self._lock = threading.Lock()

    def get(self, course_id: str) -> PublicPage | None:
        # Without the lock: a hit is one look-up, which is atomic.
        kept = self._pages.get(course_id)
        return kept[0] if kept and kept[1] > self._clock() else None

    def reading(self) -> int:
        return self._mark

    def keep(self, course_id: str, page: PublicPage, mark: int) -> None:
        with self._lock:
            if not self.seconds or mark != self._mark:
                return
            self._drop(course_id)
            self._pages[course_id] = page, self._clock() + self.seconds
            self._bytes += len(page.content)
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._pages)))

    def forget(self, course_id: str) -> None:
        with self._lock:
            self._mark += 1
            self._drop(course_id)

    def _drop(self, course_id: str) -> None:
        if dropped := self._pages.pop(course_id, None):
            self._bytes -= len(dropped[0].content)

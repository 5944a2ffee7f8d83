"""Group commit: small writes that arrive within about two milliseconds share one transaction."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from prometheus_client import Histogram

from services.chassis.errors import DeadlineTooShort, Overloaded
from services.kernel.errors import DependencyUnavailable

I = TypeVar("I")  # noqa: E741 - an item
R = TypeVar("R")

_SIZES = Histogram(
    "campus_group_commit_items", "Writes that shared a transaction", buckets=[1, 2, 5, 10, 20, 50, 100, 500]
)


class _Slot(Generic[I, R]):
    """A caller's item and, as soon as `done` can be acquired, its outcome."""

    __slots__ = ("abandoned", "done", "item", "outcome")

    def __init__(self, item: I) -> None:
        self.item = item
        self.outcome: R | Exception | None = None
        self.abandoned = False
        self.done = threading.Lock()
        self.done.acquire()


class GroupCommit(Generic[I, R]):
    """Callers block in `submit`; one thread hands their items to `flush`, which answers for each, in order, with its
    result or with the exception that concerns it alone. A flush that fails as a whole is repeated in halves, so `flush`
    has to be one transaction; an item that nobody waits for any more is left out if it is not yet on its way."""

    def __init__(
        self,
        flush: Callable[[list[I]], Sequence[R | Exception]],
        *,
        max_wait: float = 0.002,
        max_items: int = 500,
        max_queued: int = 2000,
    ) -> None:
        self._flush, self._max_wait, self._max_items, self._max_queued = flush, max_wait, max_items, max_queued
        self._queue: list[_Slot[I, R]] = []
        self._oldest = 0.0
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def submit(self, item: I, timeout: float = 5.0) -> R:
        """The item's result, once it is committed. Raises Overloaded when too many wait, and DeadlineTooShort after
        `timeout` seconds: then the item may or may not have been stored."""
        slot = _Slot[I, R](item)
        with self._changed:
            if self._closing or len(self._queue) >= self._max_queued:
                raise Overloaded
            self._queue.append(slot)
            if len(self._queue) == 1:
                self._oldest = time.monotonic()
            if len(self._queue) in (1, self._max_items):
                self._changed.notify()
        if not slot.done.acquire(timeout=max(0.0, timeout)):
            slot.abandoned = True
            raise DeadlineTooShort
        if isinstance(slot.outcome, Exception):
            raise slot.outcome
        return slot.outcome  # type: ignore[return-value]

    def close(self) -> None:
        """Stores what waits, then ends."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while slots := self._next():
            self._settle([slot for slot in slots if not slot.abandoned])

    def _next(self) -> list[_Slot[I, R]]:
        """What is to be stored together now; nothing only at the end."""
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            while len(self._queue) < self._max_items and not self._closing:
                left = self._oldest + self._max_wait - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            taken, self._queue = self._queue[: self._max_items], self._queue[self._max_items :]
            return taken

    def _settle(self, slots: list[_Slot[I, R]]) -> None:
        if not slots:
            return
        try:
            outcomes = self._flush([slot.item for slot in slots])
        except Exception as error:  # noqa: BLE001 - the waiting callers are told
            # An absent database concerns everyone alike; anything else is looked for among the items.
            if len(slots) == 1 or isinstance(error, DependencyUnavailable):
                outcomes = [error] * len(slots)
            else:
                self._settle(slots[: len(slots) // 2])
                self._settle(slots[len(slots) // 2 :])
                return
        if len(outcomes) != len(slots):
            # Stored already, so nothing may be repeated.
            outcomes = [ValueError(f"{len(slots)} items were answered with {len(outcomes)} results")] * len(slots)
        _SIZES.observe(len(slots))
        for slot, outcome in zip(slots, outcomes, strict=True):
            slot.outcome = outcome
            slot.done.release()

"""A client that gives nothing up for lost: it asks again under the same id until it knows."""

import random
import time
import uuid
from collections.abc import Callable, Sequence
from typing import TypeVar

import httpx

from deploy.local.rest import Refused
from tests.drill.history import History

T = TypeVar("T")
# What a caller can't tell from a lost answer, or is asked to repeat.
PASSING = {408, 429, 500, 502, 503, 504}
STALE = "STALE_VERSION"
LONGEST_PAUSE_SECONDS = 1.0


class GaveUp(Exception):
    """Nobody answered for longer than a client would wait."""


class Caller:
    """Does operations and writes down what it was told."""

    def __init__(self, history: History, patience_seconds: float, chance: random.Random) -> None:
        self._history, self._patience, self._chance = history, patience_seconds, chance

    def do(self, kind: str, call: Callable[[], T], effects: Sequence[str] = (), possible: Sequence[str] = ()) -> T:
        """What `call` answers. It is called again while its outcome is unknown, so it has to carry its own id."""
        operation = uuid.uuid4().hex
        deadline = time.monotonic() + self._patience
        self._history.invoke(operation, kind, effects, possible)
        pause = 0.05
        while True:
            try:
                found = call()
            except Refused as refusal:
                if refusal.status not in PASSING and refusal.reason != STALE:
                    self._history.fail(operation, str(refusal))
                    raise
                self._history.info(operation, f"{refusal.status} {refusal.reason}")
            except httpx.HTTPError as error:
                self._history.info(operation, type(error).__name__)
            else:
                self._history.ok(operation)
                return found
            if time.monotonic() > deadline:
                raise GaveUp(kind)
            time.sleep(pause * self._chance.uniform(0.5, 1.0))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def await_(self, kind: str, look: Callable[[], T | None]) -> T:
        """What `look` finds, looking again until there is something to find."""
        deadline = time.monotonic() + self._patience
        while True:
            if found := self.do(kind, look):
                return found
            if time.monotonic() > deadline:
                raise GaveUp(kind)
            time.sleep(self._chance.uniform(0.1, 0.3))

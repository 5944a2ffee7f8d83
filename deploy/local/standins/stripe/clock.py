"""The stand-in's time: the wall clock plus what the control API has advanced."""

import time
from collections.abc import Callable


class Clock:
    """Time that can be moved forward, so that a day passes without waiting for it."""

    def __init__(self, wall: Callable[[], float] = time.time, offset: float = 0.0) -> None:
        self._wall = wall
        self.offset = offset

    def now(self) -> float:
        return self._wall() + self.offset

    def wall(self) -> float:
        """The time that receivers of webhooks live in; signatures carry it, however far the clock was advanced."""
        return self._wall()

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("time goes forward only")
        self.offset += seconds

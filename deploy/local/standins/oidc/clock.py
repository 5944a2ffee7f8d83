"""The provider's time: the wall clock, moved by the control API so that an expiry needs no waiting."""

import time


class Clock:
    """The offset lives as long as the process: a restarted provider is on time."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        return time.time() + self.offset

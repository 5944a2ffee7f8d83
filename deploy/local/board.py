"""What the person at the terminal sees while the mesh starts, runs and stops."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table


class Phase(StrEnum):
    """Where a step or a process stands."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Board(Protocol):
    """Where progress is shown."""

    def show(self, name: str, phase: Phase, detail: str = "") -> None:
        """Say where one step stands."""

    def say(self, line: str) -> None:
        """Say something that is not about one step's progress."""

    def settle(self) -> None:
        """Freeze the picture; what comes next are plain lines."""


class Silent:
    """For meshes that tests and drills start."""

    def show(self, name: str, phase: Phase, detail: str = "") -> None:
        """Keep quiet."""

    def say(self, line: str) -> None:
        """Keep quiet."""

    def settle(self) -> None:
        """Keep quiet."""


class Lines:
    """One line per change, for logs and pipes."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._lock = threading.Lock()

    def show(self, name: str, phase: Phase, detail: str = "") -> None:
        if phase is not Phase.WAITING:
            self.say(f"  {phase.value:<9} {name:<20} {detail}".rstrip())

    def say(self, line: str) -> None:
        # A terminal that was closed or a pipe nobody reads must not keep the mesh from stopping in order.
        with self._lock, suppress(OSError):
            print(line, file=self._out, flush=True)

    def settle(self) -> None:
        """Nothing moves here."""


def for_terminal() -> Board:
    """Return the board that suits standard output."""
    return Redrawn() if sys.stdout.isatty() else Lines()


MARKS = {
    Phase.WAITING: ("·", "dim"),
    Phase.STARTING: ("…", "yellow"),
    Phase.READY: ("✓", "green"),
    Phase.FAILED: ("✗", "bold red"),
    Phase.STOPPING: ("…", "yellow"),
    Phase.STOPPED: ("✓", "dim"),
}


class Redrawn:
    """A table that is redrawn in place until it settles."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[Phase, str]] = {}
        self._live: Live | None = None
        self._lock = threading.Lock()

    def show(self, name: str, phase: Phase, detail: str = "") -> None:
        with self._lock, suppress(OSError):
            self._rows[name] = (phase, detail)
            if self._live is None:
                from rich.live import Live

                self._live = Live(self._table(), refresh_per_second=12)
                self._live.start()
            self._live.update(self._table())

    def say(self, line: str) -> None:
        with self._lock, suppress(OSError):
            if self._live is not None:
                self._live.console.print(line, markup=False, highlight=False, soft_wrap=True)
            else:
                print(line, flush=True)

    def settle(self) -> None:
        with self._lock, suppress(OSError):
            if self._live is not None:
                self._live.stop()
                self._live = None
                self._rows.clear()

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for name, (phase, detail) in self._rows.items():
            mark, style = MARKS[phase]
            table.add_row(Text(mark, style), Text(name), Text(phase.value, style), Text(detail, "dim"))
        return table

"""A server process described by its command, its environment and how one sees that it is ready."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.local.child import Child, spawn
from deploy.local.trouble import MeshTrouble

POLL_SECONDS = 0.02

Ready = Callable[[Child], bool]


@dataclass(frozen=True)
class Launch:
    """What is run; made anew at every start, because it may hold what others said when they became ready."""

    command: Sequence[str | Path]
    env: Mapping[str, str]
    ready: Ready


class Server(Protocol):
    """What PostgreSQL, NATS and every program of ours have in common."""

    log: Path

    @property
    def child(self) -> Child: ...

    def start(self) -> object: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...


class Program:
    """One process; stop, kill and start it again as often as you like."""

    def __init__(
        self, name: str, launch: Callable[[], Launch], log: Path, cwd: Path, patience_seconds: float = 30.0
    ) -> None:
        self.name = name
        self.log = log
        self._launch = launch
        self._cwd = cwd
        self._patience = patience_seconds
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        if self._child is None:
            raise MeshTrouble(f"{self.name} is not running")
        return self._child

    def start(self) -> None:
        """Start and return when the process says that it is ready."""
        launch = self._launch()
        child = self._child = spawn(launch.command, self.log, env=launch.env, cwd=self._cwd)
        deadline = time.monotonic() + self._patience
        while not launch.ready(child):
            if not child.running:
                child.reap()
                raise MeshTrouble(
                    f"{self.name} ended with code {child.exit_code} before it was ready: "
                    f"{child.last_words(1)} (log: {self.log})"
                )
            if time.monotonic() > deadline:
                child.kill()
                raise MeshTrouble(f"{self.name} was not ready after {self._patience:.0f} s (log: {self.log})")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End in order; whoever needs more than its patience is killed."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """End at once, as a crash would."""
        self.child.kill()

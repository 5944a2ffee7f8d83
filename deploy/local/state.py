"""What a mesh keeps in its state directory: the lock that admits one of them, and mesh.json that describes it."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from deploy.local.trouble import MeshTrouble


class State:
    """The directory of one mesh."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self._lock: int | None = None

    @property
    def description(self) -> Path:
        return self.directory / "mesh.json"

    def path(self, name: str) -> Path:
        return self.directory / name

    def acquire(self) -> None:
        """Take the lock for as long as this process lives, or say who holds it."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise MeshTrouble(
                f"{self.directory} cannot be written ({error.strerror}): "
                "give yourself the right to it, or choose another with CAMPUS_STATE_DIR"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 32, 0).decode().strip()
            os.close(handle)
            raise MeshTrouble(
                f"a mesh is already running in {self.directory} (process {holder or 'unknown'}): "
                "stop it with Ctrl-C there, or start another with CAMPUS_STATE_DIR and CAMPUS_GATEWAY_PORT"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._lock = handle

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._lock is not None

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def held_elsewhere(self) -> bool:
        """Whether a mesh runs here now."""
        try:
            handle = os.open(self.directory / "lock", os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def read(self, name: str) -> dict[str, Any]:
        """Return a kept JSON document; empty when there is none."""
        try:
            kept = json.loads(self.path(name).read_text())
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Replace a kept JSON document in one step; it may hold passwords."""
        fresh = self.path(f"{name}.new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(content, indent=2) + "\n")
        fresh.replace(self.path(name))

    def remember(self, name: str, key: str, value: Any) -> None:
        """Set one entry of a kept JSON document."""
        self.write(name, {**self.read(name), key: value})

    def turn_logs(self) -> Path:
        """Keep the previous run's logs as .log.1, so that a log says what happened in this run."""
        logs = self.directory / "logs"
        logs.mkdir(exist_ok=True)
        for log in logs.glob("*.log"):
            log.replace(log.with_suffix(".log.1"))
        return logs

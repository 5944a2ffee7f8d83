"""A process that is meant to run: what it is doing, what it costs, and its way back after a crash."""

import threading
import time
from pathlib import Path

from deploy.local.program import Server
from deploy.local.trouble import MeshTrouble

QUICK_SECONDS = 10.0
QUICK_CRASHES = 5
FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 5.0


class Supervised:
    """Wraps a server; all methods may be called from any thread."""

    def __init__(self, name: str, server: Server) -> None:
        self.name = name
        self.server = server
        self.wanted = False
        self.ready_s = 0.0
        self.restarts = 0
        self._crashes = 0
        self._deliberate = False
        self._lock = threading.RLock()

    @property
    def log(self) -> Path:
        return self.server.log

    @property
    def running(self) -> bool:
        try:
            return self.server.child.running
        except MeshTrouble:
            return False

    @property
    def pid(self) -> int | None:
        return self.server.child.pid if self.running else None

    @property
    def rss_mb(self) -> float:
        """Resident memory of the process, and what its own children hold besides."""
        pid = self.pid
        return resident_mb(pid) if pid else 0.0

    def start(self) -> None:
        """Start, unless running, and return when ready."""
        with self._lock:
            self.wanted = True
            if self.running:
                return
            begun = time.monotonic()
            self.server.start()
            self.ready_s = round(time.monotonic() - begun, 3)
            self._deliberate = False

    def terminate(self) -> None:
        """End in order and stay down until started again; a start under way is broken off."""
        self.wanted = False
        self.server.stop()
        with self._lock:
            self.server.stop()

    def kill(self) -> None:
        """End at once, as a crash would; a watched process comes back."""
        self._deliberate = True
        if self.running:
            self.server.kill()

    def restart(self) -> None:
        """End in order and start again; return when ready."""
        with self._lock:
            self.server.stop()
            self.start()

    @property
    def lost(self) -> bool:
        """Whether it should be running, is not, and nobody is at work on it."""
        if not self.wanted or self.running or not self._lock.acquire(blocking=False):
            return False
        try:
            return self.wanted and not self.running
        finally:
            self._lock.release()

    def account(self) -> float | None:
        """Count this crash and return how long to wait before the next start; nothing when it is time to give up."""
        if self._deliberate:
            return FIRST_BACKOFF_SECONDS
        quick = time.monotonic() - self.server.child.started < QUICK_SECONDS
        self._crashes = self._crashes + 1 if quick else 1
        if self._crashes >= QUICK_CRASHES:
            self.wanted = False
            return None
        return float(min(FIRST_BACKOFF_SECONDS * 2 ** (self._crashes - 1), LONGEST_BACKOFF_SECONDS))

    def revive(self) -> None:
        """Start again after a crash."""
        with self._lock:
            if self.wanted and not self.running:
                self.server.child.reap()
                self.restarts += 1
                self.start()


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process, and what its own children hold besides; 0 when it is gone."""
    own = _status_kb(pid, "VmRSS:")
    # What a child shares with its parent (PostgreSQL's buffers, a fork's pages) is counted once.
    return round((own + sum(_status_kb(child, "RssAnon:") for child in _descendants(pid))) / 1024, 1)


def _status_kb(pid: int, field: str) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1])
    except OSError:
        return 0
    return 0


def _descendants(pid: int) -> list[int]:
    try:
        children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return children + [grandchild for child in children for grandchild in _descendants(child)]

"""A server we started: its process group, its log file, its orderly end."""

import json
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

GUARD = Path(__file__).with_name("guard.py")


@dataclass
class Child:
    """One running process, leader of its own group, so that a Ctrl-C at the terminal reaches only the supervisor."""

    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals
    started: float = field(default_factory=time.monotonic)
    reaped: bool = False

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        return self.process.poll()

    @property
    def running(self) -> bool:
        return self.exit_code is None

    def kill(self) -> None:
        """End the whole group at once, as a crash would."""
        if self.running:
            signal_group(self.pid, signal.SIGKILL)
        self.reap()

    def stop(self, patience_seconds: float = 15.0) -> bool:
        """Ask the whole group to end and wait; kill what is left. Tell whether it ended by itself."""
        deadline = time.monotonic() + patience_seconds
        if self.running:
            signal_group(self.pid, self.stop_signal)
        try:
            self.process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        # The leader's own workers may need a moment longer.
        while not self.reaped and signal_group(self.pid, 0) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.reap()
        return True

    def reap(self) -> None:
        """Wait for the leader, end what remains of its group, and tell the guard; once."""
        self.process.wait()
        if self.reaped:
            return
        self.reaped = True
        signal_group(self.pid, signal.SIGKILL)
        _guard.forget(self.pid)

    def last_words(self, lines: int = 3) -> str:
        """Return the end of the log, for a message that says why."""
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            return ""
        return " | ".join(map(_plainly, text.strip().splitlines()[-lines:]))


def _plainly(line: str) -> str:
    """Say what a line of a log says, without the wrapping of a JSON log."""
    try:
        said = json.loads(line)
    except ValueError:
        return line.strip()
    if not isinstance(said, dict) or "message" not in said:
        return line.strip()
    error = said.get("error")
    return f"{said['message']} ({error['type']})" if isinstance(error, dict) and "type" in error else said["message"]


def spawn(
    command: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str],
    user: str | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    stdout: int | None = None,
    cwd: Path | str | None = None,
) -> Child:
    """Start a process whose output goes to the log; should we die before it, the guard ends it."""

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            process: subprocess.Popen[bytes] = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=out if stdout is None else stdout,
                stderr=out,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                **identity(user),  # type: ignore[call-overload]
            )
        _guard.watch(process.pid, stop_signal)
        return process

    log.parent.mkdir(parents=True, exist_ok=True)
    return Child(_starter.submit(start).result(), log, stop_signal)


def identity(user: str | None) -> dict[str, object]:
    """Return the arguments of subprocess that run a command as another user."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def signal_group(group: int, number: int) -> bool:
    """Send a signal to a process group (0: none, just look) and tell whether it still exists."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


class _Guard:
    """Our end of the pipe to guard.py, which is started with the first child, and anew should it die before us."""

    def __init__(self) -> None:
        self._groups: dict[int, int] = {}
        self._process: subprocess.Popen[str] | None = None
        self._owner = os.getpid()
        self._lock = threading.Lock()

    def watch(self, group: int, number: signal.Signals) -> None:
        with self._lock:
            if self._owner != os.getpid():
                # We are a fork: what our parent started is our parent's.
                self._owner, self._groups, self._process = os.getpid(), {}, None
            self._groups[group] = int(number)
            self._tell(f"+{group} {int(number)}\n")

    def forget(self, group: int) -> None:
        with self._lock:
            if self._groups.pop(group, None) is not None:
                self._tell(f"-{group}\n")

    def _tell(self, line: str) -> None:
        if self._process is not None and self._process.poll() is None and self._write(line):
            return
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            cwd="/",
        )
        self._write("".join(f"+{group} {number}\n" for group, number in self._groups.items()))

    def _write(self, lines: str) -> bool:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(lines)
            self._process.stdin.flush()
        except BrokenPipeError:
            return False
        return True


_guard = _Guard()
# Envoy has the kernel end it with the thread that started it (PR_SET_PDEATHSIG), so nothing is started by a thread that
# ends before we do.
_starter = ThreadPoolExecutor(1, "starter")


def _renew_starter() -> None:
    """A fork has none of its parent's threads."""
    global _starter
    _starter = ThreadPoolExecutor(1, "starter")


os.register_at_fork(after_in_child=_renew_starter)

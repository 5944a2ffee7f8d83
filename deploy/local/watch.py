"""Brings crashed processes back, slower each time, and says so in one line."""

import threading
from collections.abc import Callable, Iterable

from deploy.local.board import Board
from deploy.local.supervised import QUICK_CRASHES, Supervised
from deploy.local.trouble import MeshTrouble

LOOK_SECONDS = 0.1


class Watch:
    """One thread that looks, and one for each process that is being brought back."""

    def __init__(self, processes: Iterable[Supervised], board: Board, on_change: Callable[[], None]) -> None:
        self._processes = tuple(processes)
        self._board = board
        self._on_change = on_change
        self._over = threading.Event()
        self._reviving: dict[str, threading.Thread] = {}
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)
        self.given_up: list[str] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Bring nothing back any more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def join(self) -> None:
        """Wait for what is being brought back now; whoever stops it in between makes this short."""
        for thread in list(self._reviving.values()):
            thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            for process in self._processes:
                if process.name not in self._reviving and process.lost:
                    thread = threading.Thread(target=self._bring_back, args=(process,), daemon=True)
                    self._reviving[process.name] = thread
                    thread.start()

    def _bring_back(self, process: Supervised) -> None:
        try:
            pause = process.account()
            code = process.server.child.exit_code
            if pause is None:
                self.given_up.append(process.name)
                self._board.say(
                    f"{process.name} ended {QUICK_CRASHES} times in a row and is given up: read {process.log}, "
                    "then stop with Ctrl-C and run again"
                )
                return
            self._board.say(f"{process.name} ended with code {code}; starting it again in {pause:.1f} s: {process.log}")
            if self._over.wait(pause):
                return
            process.revive()
            self._on_change()
            self._board.say(f"{process.name} is ready again after {process.ready_s:.1f} s")
        except MeshTrouble as trouble:
            self._board.say(str(trouble))
        finally:
            del self._reviving[process.name]

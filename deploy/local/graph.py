"""Runs the steps of a start side by side, each as soon as what it needs is done."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from deploy.local.board import Board, Phase
from deploy.local.trouble import MeshTrouble


@dataclass(frozen=True)
class Step:
    """Something to do, what must be done before, and what to say when it is done."""

    name: str
    work: Callable[[], str]
    needs: tuple[str, ...] = ()


class Graph:
    """One run of steps; may be cancelled from another thread or by an exception in the waiting one."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._cancelled = threading.Event()
        self._done: dict[str, Future[None]] = {}
        self._failures: list[Exception] = []
        self._pool: ThreadPoolExecutor | None = None

    def run(self, steps: Sequence[Step]) -> None:
        """Do all steps; after a failure start no further one, and raise what went wrong first."""
        self._done = {step.name: Future() for step in steps}
        for step in steps:
            self._board.show(step.name, Phase.WAITING)
        self._pool = ThreadPoolExecutor(max_workers=len(steps), thread_name_prefix="start")
        for future in [self._pool.submit(self._perform, step) for step in steps]:
            future.result()
        if self._failures:
            raise self._failures[0]

    def cancel(self) -> None:
        """Start no further step."""
        self._cancelled.set()

    def join(self) -> None:
        """Wait for the steps that are under way."""
        if self._pool is not None:
            self._pool.shutdown()

    def _perform(self, step: Step) -> None:
        for need in step.needs:
            self._done[need].result()
        if not self._failures and not self._cancelled.is_set():
            self._attempt(step)
        self._done[step.name].set_result(None)

    def _attempt(self, step: Step) -> None:
        begun = time.monotonic()
        self._board.show(step.name, Phase.STARTING)
        try:
            said = step.work()
        except OSError as error:
            self._fail(step, MeshTrouble(f"{step.name} could not be started: {error}"))
        except Exception as error:  # noqa: BLE001 - raised by run, in the thread that waits
            self._fail(step, error)
        else:
            self._board.show(step.name, Phase.READY, f"{time.monotonic() - begun:.1f} s  {said}")

    def _fail(self, step: Step, error: Exception) -> None:
        self._failures.append(error)
        self._board.show(step.name, Phase.FAILED, "" if self._cancelled.is_set() else str(error) or repr(error))

"""Work that waits in the database is done when it is due, whatever fails, and finished before the end."""

import threading
import time
from collections.abc import Callable
from itertools import pairwise

from services.chassis.telemetry import current_trace
from services.chassis.worker import Worker


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def test_a_worker_does_all_there_is_then_waits_to_be_woken() -> None:
    work, done = [1, 2, 3], []

    def step() -> bool:
        if not work:
            return False
        done.append(work.pop())
        return True

    worker = Worker("test", step, pause=3_600)
    worker.start()
    assert within(5, lambda: len(done) == 3)
    work.append(4)
    worker.wake()
    assert within(5, lambda: len(done) == 4)
    worker.stop()
    assert not any(thread.is_alive() for thread in worker._threads)


def test_a_worker_looks_by_itself_outlives_trouble_and_does_not_rush_after_it() -> None:
    times: list[float] = []
    actors: set[str] = set()

    def step() -> bool:
        times.append(time.monotonic())
        actors.add(current_trace().actor)
        if len(times) == 2:
            raise ConnectionError
        return False

    worker = Worker("test", step, pause=0.02)
    worker.start()
    assert within(10, lambda: len(times) >= 4)
    worker.stop()
    assert min(after - before for before, after in pairwise(times)) >= 0.015
    assert actors == {"worker:test"}
    count = len(times)
    assert not within(0.1, lambda: len(times) > count)


def test_after_trouble_alarms_are_not_heard_until_the_pause_is_over() -> None:
    times: list[float] = []

    def step() -> bool:
        times.append(time.monotonic())
        raise ConnectionError

    worker = Worker("test", step, pause=0.3)
    worker.start()
    assert within(5, lambda: len(times) == 1)
    worker.wake()
    assert within(5, lambda: len(times) == 2)
    assert times[1] - times[0] >= 0.28
    worker.stop()


def test_a_worker_finishes_the_step_at_hand_before_it_ends() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), []

    def step() -> bool:
        begun.set()
        go_on.wait(5)
        ended.append(1)
        return True

    worker = Worker("test", step, pause=1)
    worker.start()
    assert begun.wait(5)
    threading.Timer(0.05, go_on.set).start()
    worker.stop()
    assert ended == [1]


def test_several_threads_share_the_work() -> None:
    inside = threading.Barrier(3)
    together: list[int] = []

    def step() -> bool:
        if not together:
            inside.wait(5)
            together.append(1)
        return False

    worker = Worker("test", step, pause=60, threads=3)
    worker.start()
    assert within(5, lambda: len(together) == 3)
    worker.stop()


def test_a_worker_that_never_started_can_be_stopped() -> None:
    worker = Worker("test", lambda: False, pause=1)
    worker.stop()
    assert not any(thread.is_alive() for thread in worker._threads)

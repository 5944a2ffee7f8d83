"""Slow work is bounded: some run, some wait, the rest is refused at once."""

import threading

import pytest

from services.chassis.bulkhead import Bulkhead
from services.chassis.errors import Overloaded


def test_no_more_than_allowed_run_and_wait() -> None:
    bulkhead = Bulkhead(at_once=2, waiting=1)
    inside, release, running = threading.Semaphore(0), threading.Event(), []

    def work() -> None:
        with bulkhead.entered():
            running.append(1)
            inside.release()
            release.wait(10)
            running.pop()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert all(inside.acquire(timeout=5) for _ in threads)
    third = threading.Thread(target=work)
    third.start()
    deadline = threading.Event()
    while bulkhead._queue._value:  # the third waits for a place now
        deadline.wait(0.01)
    with pytest.raises(Overloaded) as refusal, bulkhead.entered():
        raise AssertionError("the fourth got in")
    assert refusal.value.retry_after is not None
    assert len(running) == 2
    release.set()
    for thread in (*threads, third):
        thread.join(5)
    with bulkhead.entered():
        assert running == []

"""One stand-in for the tests that only talk to it, clients under the eyes of the specification, a webhook receiver."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.standins.stripe.receiver import Receiver
from tests.deploy.standins.stripe.server import Judge, Standin
from tests.deploy.standins.stripe.specification import specification


@pytest.fixture(scope="package")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    running = Standin(tmp_path_factory.mktemp("stripe"), "--webhook-backoff", "0.1,0.2").start()
    yield running
    running.stop()


@pytest.fixture
def judge() -> Iterator[Judge]:
    """The transport of a test's clients; a departure from the specification fails the test."""
    judge = Judge(specification())
    yield judge
    assert judge.problems == []


@pytest.fixture
def client(standin: Standin, judge: Judge) -> Iterator[Any]:
    yield standin.client(judge)
    standin.control("DELETE", "/faults")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Standin]]:
    """Starts stand-ins with the options given, all on one state directory; none outlives the test."""
    started: list[Standin] = []

    def run(*options: str) -> Standin:
        started.append(Standin(tmp_path / "state", "--webhook-backoff", "0.1,0.2", *options))
        return started[-1].start()

    yield run
    for one in started:
        one.kill()


@pytest.fixture
def own(start: Callable[..., Standin]) -> Standin:
    """A stand-in to stop, kill, start again and move through time."""
    return start()


@pytest.fixture
def own_client(own: Standin, judge: Judge) -> Any:
    return own.client(judge)

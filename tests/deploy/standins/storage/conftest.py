"""One stand-in for the tests that only talk to it; tests of restarts start their own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.standins.storage.server import Server


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("storage")).start()
    yield running
    running.stop()


@pytest.fixture(scope="package")
def bucket(server: Server) -> Any:
    return server.bucket()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A stand-in to stop, kill and start again."""
    running = Server(tmp_path / "state").start()
    yield running
    running.kill()

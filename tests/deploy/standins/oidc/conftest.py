"""One provider for the tests that only talk to it; tests of restarts and of key sets start their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.standins.oidc.provider import Provider


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    running = Provider(tmp_path_factory.mktemp("oidc")).start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def provider(shared: Provider) -> Iterator[Provider]:
    yield shared
    shared.control("DELETE", "/faults")
    shared.control("POST", "/clock", {"offset_seconds": 0})


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Provider]:
    """A provider to stop, kill and start again."""
    running = Provider(tmp_path / "state").start()
    yield running
    running.kill()

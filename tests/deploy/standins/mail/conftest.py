"""One stand-in for the tests that only talk to it; tests of restarts start their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.standins.mail.post_office import WEB, PostOffice


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostOffice]:
    office = PostOffice(tmp_path_factory.mktemp("mail")).start()
    yield office
    office.stop()


@pytest.fixture
def office(running: PostOffice) -> PostOffice:
    """The running stand-in with an empty inbox."""
    assert WEB.delete(f"{running.url}/api/messages").status_code == 204
    return running


@pytest.fixture
def own_office(tmp_path: Path) -> Iterator[PostOffice]:
    """A stand-in to stop, kill and start again."""
    office = PostOffice(tmp_path / "state").start()
    yield office
    office.kill()

"""Real servers for the tests that ask for them, started on first use and stopped with the session."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.mesh import Mesh
from deploy.local.nats import Nats
from deploy.local.pki import Pki
from deploy.local.postgres import Postgres


@pytest.fixture(scope="session")
def server_dir() -> Iterator[Path]:
    """A short directory that the unprivileged PostgreSQL user may enter (pytest's own are closed to others)."""
    folder = Path(tempfile.mkdtemp(prefix="campus-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(server_dir: Path) -> Iterator[Postgres]:
    """A running PostgreSQL; `ensure_service("billing")`, then `url("campus_billing", "billing_writer")`."""
    # The data is thrown away: nothing is gained by waiting for the disk.
    server = Postgres(server_dir / "postgres", settings={"fsync": "off"}).start()
    yield server
    server.stop()
    server.clear()


@pytest.fixture(scope="session")
def nats(server_dir: Path) -> Iterator[Nats]:
    """A running NATS server with JetStream; `nats.url("billing")`."""
    server = Nats(server_dir / "nats").start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mesh(server_dir: Path) -> Iterator[Mesh]:
    """The whole mesh, seeded, with a gateway that does not limit tests; `mesh.url`."""
    with Mesh(server_dir / "mesh", rate_limit=100_000) as running:
        yield running
    Postgres(server_dir / "mesh" / "postgres").clear()


@pytest.fixture(scope="session")
def pki(server_dir: Path) -> Pki:
    """Certificates as the local mesh makes them; `pki.of("billing").cert`."""
    return Pki(server_dir / "pki").ensure()

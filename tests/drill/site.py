"""Where drills take place: a whole mesh of their own, the witness beside it, nothing left behind."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psycopg
import sqlalchemy as sa

from deploy.local import health
from deploy.local.board import Board, Silent
from deploy.local.mesh import Mesh
from deploy.local.nats import OBSERVER
from deploy.local.plan import ROOT
from deploy.local.postgres import Postgres
from deploy.local.program import Launch, Program
from deploy.local.rest import Rest
from deploy.local.services import SERVICES
from deploy.local.supervised import Supervised
from deploy.local.watch import Watch
from services.chassis import tables as chassis
from tests.drill import witness

LOOK_SECONDS = 0.2


class NeverCame(Exception):
    """Something that had to come about didn't, in all the time it had."""


def wait_until(holds: Callable[[], bool], what: str, patience_seconds: float) -> float:
    """How long it took."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > patience_seconds:
            raise NeverCame(f"{what}: not within {patience_seconds:.0f} s")
        time.sleep(LOOK_SECONDS)
    return time.monotonic() - began


class Site:
    """A context manager; processes that are killed come back by their supervisors."""

    def __init__(self, board: Board | None = None, services: tuple[str, ...] = SERVICES) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="campus-drill-"))
        # The unprivileged user that PostgreSQL runs as has to get in.
        self._folder.chmod(0o755)
        self._board = board or Silent()
        self.mesh = Mesh(self._folder / "mesh", services=services, rate_limit=1_000_000, board=self._board)
        self._beside: dict[str, Supervised] = {}
        self._watches: list[Watch] = []
        self._inbox = True

    def __enter__(self) -> Self:
        try:
            self.mesh.start()
            self._begin_witness()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def processes(self) -> dict[str, Supervised]:
        return {**self.mesh.processes, **self._beside}

    @property
    def services(self) -> tuple[str, ...]:
        return self.mesh.plan.choices.services

    def rest(self) -> Rest:
        return Rest(self.mesh.url)

    def account(self, role: str) -> tuple[str, str]:
        """E-mail address and password of a demo account."""
        email, password = self.mesh.description()["accounts"][role].split()
        return email, password

    def database(self, service: str) -> psycopg.Connection[tuple[object, ...]]:
        """A connection that only reads."""
        return psycopg.connect(self.mesh.database_url(service), autocommit=True)

    def restart_witness(self, *, inbox: bool) -> None:
        """Without its inbox it is the negative control."""
        if inbox is not self._inbox:
            self._inbox = inbox
            self._beside[witness.NAME].restart()

    def await_ready(self, patience_seconds: float = 60.0) -> None:
        """Until every process runs and the gateway finds every service healthy."""

        def ready() -> bool:
            if not all(process.running for process in self.processes.values()):
                return False
            try:
                return httpx.get(f"{self.mesh.url}/readyz", timeout=2).status_code == 200
            except httpx.HTTPError:
                return False

        wait_until(ready, "every process ready", patience_seconds)

    def add(self, name: str, command: Callable[[], tuple[str, ...]]) -> Supervised:
        """Start a process of the drill's own, with the witness' database and the observer's rights; it comes back."""
        log = self.mesh.plan.logs / f"{name}.log"

        def launch() -> Launch:
            urls = self.mesh.plan.postgres.service_urls(witness.NAME)
            env = {**self.mesh.plan.environment, **urls, "CAMPUS_NATS_URL": self.mesh.nats_url(OBSERVER)}
            return Launch(command=(sys.executable, "-m", *command()), env=env, ready=health.ready_line(log))

        process = self._beside[name] = Supervised(name, Program(name, launch, log, ROOT))
        process.start()
        watch = Watch([process], self._board, lambda: None)
        self._watches.append(watch)
        watch.start()
        return process

    def remove(self, name: str) -> None:
        self._beside.pop(name).terminate()

    def _begin_witness(self) -> None:
        self.mesh.plan.postgres.ensure_service(witness.NAME)
        owner = self.mesh.plan.postgres.url("campus_witness", "witness_owner")
        engine = sa.create_engine(owner.replace("postgresql://", "postgresql+psycopg://"))
        for metadata in (chassis.METADATA, witness.METADATA):
            metadata.create_all(engine)
        engine.dispose()
        self.add(witness.NAME, lambda: ("tests.drill.witness", *(() if self._inbox else ("--without-inbox",))))

    def _close(self) -> None:
        for watch in self._watches:
            watch.stop()
        for process in self._beside.values():
            process.terminate()
        for watch in self._watches:
            watch.join()
        self.mesh.stop()
        Postgres(self._folder / "mesh" / "postgres").clear()
        shutil.rmtree(self._folder, ignore_errors=True)

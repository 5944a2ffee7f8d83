"""The whole mesh on this machine, to be started and stopped by `make run`, tests, the demo, benches and drills."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deploy.local import migrations, outside, seeding, table
from deploy.local.board import Board, Phase, Silent
from deploy.local.graph import Graph, Step
from deploy.local.nats import OBSERVER
from deploy.local.pki import GATEWAY, Identity
from deploy.local.plan import ROOT, Choices, Plan
from deploy.local.services import SERVICES
from deploy.local.state import State
from deploy.local.supervised import Supervised
from deploy.local.table import Row, Tier
from deploy.local.watch import Watch

STATE_DIR = ROOT / ".campus"


class Mesh:
    """One mesh over one state directory; a context manager that leaves no process behind."""

    def __init__(
        self,
        state_dir: Path = STATE_DIR,
        gateway_port: int | None = None,
        *,
        services: tuple[str, ...] = SERVICES,
        workers: Mapping[str, int] | None = None,
        rate_limit: int | None = None,
        env: Mapping[str, str] | None = None,
        seed: bool = True,
        board: Board | None = None,
    ) -> None:
        """Describe a mesh.

        `workers` is the number of processes per service (one), `rate_limit` the requests a minute per user, `env` what
        every process finds in its environment besides, `seed` whether demo accounts and courses are made.
        """
        self.state = State(state_dir)
        self._choices = Choices(gateway_port, services, workers or {}, rate_limit, env or {})
        self._seed = seed
        self._board: Board = board or Silent()
        self._start = Graph(self._board)
        self.ready = False
        self.ready_s = 0.0
        self._plan: Plan | None = None
        self._rows: list[Row] = []
        self._watch: Watch | None = None

    @property
    def plan(self) -> Plan:
        if self._plan is None:
            raise RuntimeError("the mesh is not started")
        return self._plan

    @property
    def processes(self) -> dict[str, Supervised]:
        """Every process by name: the services, `gateway`, `postgres`, `nats`, and the stand-ins."""
        return {row.process.name: row.process for row in self._rows}

    def process(self, name: str) -> Supervised:
        return self.processes[name]

    @property
    def url(self) -> str:
        """The gateway's public base."""
        return self.plan.public_url

    @property
    def given_up(self) -> list[str]:
        """The processes that crashed too often to be brought back."""
        return self._watch.given_up if self._watch else []

    def address(self, service: str) -> str:
        """Return a service's gRPC address (mTLS)."""
        return self.plan.addresses(service)[0]

    def identity(self, name: str = GATEWAY) -> Identity:
        """Return the certificate files with which a process presents itself."""
        return self.plan.pki.of(name)

    def database_url(self, service: str, kind: str = "reader") -> str:
        """Return the URL of a service's database for its owner, writer or reader."""
        return self.plan.postgres.url(f"campus_{service}", f"{service}_{kind}")

    def nats_url(self, user: str = OBSERVER) -> str:
        """Return the URL of NATS; the observer may read and write everything."""
        return self.plan.nats.url(user)

    def start(self) -> Self:
        """Start everything and return when all of it is ready, after `ready_s`; on trouble stop what was started."""
        begun = time.monotonic()
        self.state.acquire()
        try:
            self._plan = plan = Plan(self.state, self._choices)
            self._describe()
            self._rows = table.rows(plan)
            self._start.run(self._steps(plan))
            self._watch = Watch(self.processes.values(), self._board, self._describe)
            self._watch.start()
            self.ready, self.ready_s = True, round(time.monotonic() - begun, 3)
            self._describe()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop everything in order: the gateway, the services, the stand-ins, NATS, PostgreSQL."""
        if not self.state.held:
            return
        self._start.cancel()
        if self._watch is not None:
            self._watch.stop()
        for _ in range(2):
            # Twice: a step that was under way during the first round may have started a process after it.
            for tier in Tier:
                self._stop_all([row.process for row in self._rows if row.tier is tier and row.process.running])
            self._start.join()
            if self._watch is not None:
                self._watch.join()
        if self._plan is not None:
            self.ready = False
            self._describe()
            self._plan.give_back()
        self.state.release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def description(self) -> dict[str, Any]:
        """Return what mesh.json says: where everything is and which process does it."""
        plan = self.plan
        return {
            "gateway": plan.public_url,
            "gateway_tls": plan.tls_url,
            "pages": {"API reference": f"{plan.public_url}/docs", **outside.pages(plan)},
            "services": {name: list(plan.addresses(name)) for name in plan.choices.services},
            "metrics": {name: list(plan.metrics(name)) for name in plan.choices.services},
            "accounts": seeding.accounts(plan),
            "nats_observer": self.nats_url() if self.ready else "",
            "logs": str(plan.logs),
            "ca": str(plan.pki.ca_cert),
            "ports": plan.ports,
            "processes": {
                name: {
                    "pid": process.pid,
                    "ready_s": process.ready_s,
                    "restarts": process.restarts,
                    "log": str(process.log),
                }
                for name, process in self.processes.items()
            },
        }

    def _steps(self, plan: Plan) -> list[Step]:
        steps = [
            Step("keys", lambda: _said(plan.pki.ensure(), "certificates and signing key")),
            Step("databases", lambda: migrations.prepare(plan), ("postgres",)),
            Step("migrations", lambda: migrations.migrate(plan), ("databases",)),
            *(Step(row.process.name, self._starter(row.process), row.needs) for row in self._rows),
        ]
        if self._seed and "identity" in plan.choices.services:
            steps.append(Step("demo data", lambda: seeding.seed(plan), ("gateway",)))
        return steps

    @staticmethod
    def _starter(process: Supervised) -> Callable[[], str]:
        def start() -> str:
            process.start()
            return f"process {process.pid}"

        return start

    def _stop_all(self, processes: list[Supervised]) -> None:
        def stop(process: Supervised) -> None:
            self._board.show(process.name, Phase.STOPPING)
            process.terminate()
            self._board.show(process.name, Phase.STOPPED)

        if processes:
            with ThreadPoolExecutor(len(processes), thread_name_prefix="stop") as pool:
                list(pool.map(stop, processes))

    def _describe(self) -> None:
        self.state.write("mesh.json", {"ready": self.ready, "supervisor": os.getpid(), **self.description()})


def running(state_dir: Path = STATE_DIR) -> dict[str, Any] | None:
    """Return the description of the mesh that runs over a state directory, or nothing."""
    state = State(state_dir)
    described = state.read("mesh.json")
    return described if described.get("ready") and state.held_elsewhere else None


def _said(_: object, words: str) -> str:
    return words

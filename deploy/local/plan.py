"""What one run of the local mesh is: its directories, ports and servers."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import ports
from deploy.local.nats import Nats
from deploy.local.pki import Pki
from deploy.local.postgres import Postgres
from deploy.local.services import SERVICES
from deploy.local.state import State
from deploy.local.trouble import MeshTrouble

ROOT = Path(__file__).resolve().parents[2]
USUAL_PORT = 8080
USUAL_TLS_PORT = 8443
FIRST_FREE_FOR_ALL = 1024
LAST_PORT = 65535


@dataclass(frozen=True)
class Choices:
    """What whoever starts a mesh may decide."""

    gateway_port: int | None = None
    services: tuple[str, ...] = SERVICES
    workers: Mapping[str, int] = field(default_factory=dict)
    rate_limit: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)


class Plan:
    """Made before anything is started; every port is known from here on."""

    def __init__(self, state: State, choices: Choices) -> None:
        self.state = state
        self.choices = choices
        self._secrets = threading.Lock()
        self.logs = state.turn_logs()
        self._kept = state.read("mesh.json").get("ports", {})
        self.ports: dict[str, int] = {"gateway": self._gateway_port()}
        self.port("tls", USUAL_TLS_PORT)
        for name in SERVICES:
            for worker in range(self.workers(name)):
                self.port(self._worker_key(name, worker))
                self.port(self._worker_key(f"{name}.metrics", worker))
        self.pki = Pki(state.path("pki"))
        self.postgres = Postgres(state.path("postgres"), self.port("postgres"), log=self.logs / "postgres.log")
        self.nats = Nats(state.path("nats"), self.port("nats"), log=self.logs / "nats.log")
        self.nats.monitor_port = self.port("nats.monitor")

    def port(self, name: str, usual: int | None = None) -> int:
        """Return this run's port of that name: the previous run's if it is still free."""
        if name not in self.ports:
            self.ports[name] = ports.choose(self._kept.get(name) or usual)
        return self.ports[name]

    def secret(self, name: str, prefix: str) -> str:
        """Return a secret of this mesh's own, made when first asked for."""
        with self._secrets:
            kept = self.state.read("secrets.json")
            if name not in kept:
                kept[name] = prefix + secrets.token_hex(16)
                self.state.write("secrets.json", kept)
            return str(kept[name])

    @property
    def public_url(self) -> str:
        return f"http://localhost:{self.ports['gateway']}"

    @property
    def tls_url(self) -> str:
        return f"https://localhost:{self.ports['tls']}"

    def give_back(self) -> None:
        """Let others in this process be given our ports."""
        for port in self.ports.values():
            ports.give_back(port)

    def workers(self, service: str) -> int:
        return self.choices.workers.get(service, 1)

    def addresses(self, service: str) -> tuple[str, ...]:
        """Return the gRPC addresses of a service, one per worker process."""
        return self._all(service)

    def metrics(self, service: str) -> tuple[str, ...]:
        """Return the addresses of a service's metrics, one per worker process."""
        return self._all(f"{service}.metrics")

    @property
    def environment(self) -> dict[str, str]:
        """The caller's environment with what the mesh was told to add."""
        return {**os.environ, **self.choices.env}

    def number(self, variable: str, usual: int) -> int:
        """Return a positive number from the environment."""
        value = self.environment.get(variable) or str(usual)
        if not value.isdecimal() or int(value) == 0:
            raise MeshTrouble(f"{variable} is {value!r}: set it to a positive number, e.g. {usual}")
        return int(value)

    def given(self, variable: str) -> bool:
        """Tell whether the environment names a real outside party."""
        return bool(self.environment.get(variable))

    def _all(self, name: str) -> tuple[str, ...]:
        service = name.split(".", maxsplit=1)[0]
        workers = range(self.workers(service))
        return tuple(f"{ports.LOOPBACK}:{self.ports[self._worker_key(name, worker)]}" for worker in workers)

    @staticmethod
    def _worker_key(name: str, worker: int) -> str:
        return name if worker == 0 else f"{name}.{worker}"

    def _gateway_port(self) -> int:
        wished = self.choices.gateway_port
        if wished is None:
            return ports.choose(self._kept.get("gateway"))
        fault = ports.fault(wished)
        if fault:
            other = wished + 1 if FIRST_FREE_FOR_ALL <= wished < LAST_PORT else USUAL_PORT + 1
            raise MeshTrouble(
                f"port {wished} cannot be used for the gateway ({fault}): free it, or choose another, "
                f"e.g. CAMPUS_GATEWAY_PORT={other} make run"
            )
        return wished

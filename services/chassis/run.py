"""From settings to a serving process and, told to stop, to an orderly end."""

import argparse
import atexit
import gc
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import grpc
from campus.identity.v1 import events_pb2

from services.chassis import access, server, telemetry
from services.chassis.bus import Bus, Envelope, Subscription
from services.chassis.db import Database
from services.chassis.outbox import Relay
from services.chassis.settings import MigrationSettings, ServiceSettings, load
from services.kernel.clock import system_clock

GRACE_SECONDS = 10
REVOCATIONS_SINCE = timedelta(minutes=15)  # longer than any access token lives

log = telemetry.logger("campus.run")
S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True, kw_only=True)
class App:
    """What a service is made of, put together in its app.py."""

    name: str
    settings: ServiceSettings
    database: Database
    bus: Bus
    servicers: Sequence[object]
    commands: ModuleType
    queries: ModuleType
    fetch_keys: Callable[[], bytes]
    subscriptions: Sequence[Subscription] = ()
    starting: Sequence[Callable[[], None]] = ()
    leaving: Sequence[Callable[[], None]] = ()  # before the calls at hand are waited for: ends those without an end
    closing: Sequence[Callable[[], None]] = ()
    tasks: Mapping[str, Callable[[list[str]], None]] = field(default_factory=dict)


def registration(servicer: object) -> tuple[str, Callable[[Any, grpc.Server], None]]:
    """The full name of the proto service that `servicer` implements, and the generated function that adds it."""
    for base in type(servicer).__mro__:
        if base.__module__.endswith("_pb2_grpc"):
            # A service that borrows all its messages doesn't load its own descriptors.
            importlib.import_module(base.__module__.removesuffix("_grpc"))
            package = base.__module__.rpartition(".")[0]
            name = f"{package}.{base.__name__.removesuffix('Servicer')}"
            return name, getattr(sys.modules[base.__module__], f"add_{base.__name__}_to_server")
    raise TypeError(f"{type(servicer).__name__} implements no service of the contract")


def refuse_unfinished(app: App) -> None:
    """Ends the process when the contract promises what this service doesn't hold."""
    served = {registration(servicer)[0] for servicer in app.servicers}
    faults = [f"{name} is not served" for name in server.services_in(f"campus.{app.name}.v1") if name not in served]
    methods = [method for service in server.services_of(served) for method in service.methods]
    faults += server.refusals_to_start(methods, app.commands, app.queries)
    if faults:
        raise SystemExit("\n".join(faults))


class Process:
    """A running service: everything started in order, and stopped in the opposite one."""

    def __init__(self, app: App) -> None:
        refuse_unfinished(app)
        self.app = app
        self.revocations = access.Revocations()
        settings = app.settings
        keys = access.KeySet(app.fetch_keys)
        tokens = access.Tokens(keys, settings.token_issuer, settings.token_audience, self.revocations)
        self.relay = Relay(app.database.writer, app.bus.publish)
        app.database.writer.wakes(self.relay.wake)
        checks = {"database": app.database.check, "nats": app.bus.check}
        # Without NATS commands still commit and their events wait in the outbox: the service stays ready.
        self.health = server.Health(checks, needed=["database"])
        registrations = [(registration(servicer), servicer) for servicer in app.servicers]
        self.server = server.build_server(
            [(add, servicer) for (_, add), servicer in registrations],
            [name for (name, _), _ in registrations],
            tokens,
            self.health.servicer,
            threads=settings.threads,
            max_concurrent_rpcs=settings.max_concurrent_rpcs,
        )

    def start(self, address: str) -> None:
        self._bind(address)
        app = self.app
        app.bus.start()
        app.bus.replay_recent(events_pb2.SessionRevoked, system_clock() - REVOCATIONS_SINCE, self._revoked)
        self.relay.start()
        app.bus.subscribe(app.subscriptions, app.database)
        for start in app.starting:
            start()
        self.server.start()
        self.health.start()
        log.info("ready", extra={"fields": {"address": address}})

    def _bind(self, address: str) -> None:
        settings = self.app.settings
        credentials = grpc.ssl_server_credentials(
            [(Path(settings.tls_key).read_bytes(), Path(settings.tls_cert).read_bytes())],
            Path(settings.tls_ca).read_bytes(),
            require_client_auth=True,
        )
        try:
            self.server.add_secure_port(address, credentials)
        except RuntimeError:
            raise SystemExit(f"{address} can't be listened on: set CAMPUS_LISTEN to a free address") from None

    def stop(self) -> None:
        """Says not-ready, lets callers leave, finishes the calls and events at hand, then closes."""
        self.health.drain()
        threading.Event().wait(self.app.settings.drain_seconds)
        self.app.bus.stop_consuming()
        for leave in self.app.leaving:
            leave()
        self.server.stop(GRACE_SECONDS).wait()
        self.relay.stop()
        for close in self.app.closing:
            close()
        self.app.bus.stop()
        self.app.database.close()
        log.info("stopped")

    def _revoked(self, message: events_pb2.SessionRevoked, _: Envelope) -> None:
        self.revocations.add(message.session_id, message.tokens_expire_at.ToDatetime(system_clock().tzinfo))


def serve(settings: S, build: Callable[[S], App]) -> None:
    """Serves until SIGTERM or SIGINT; with several addresses, one process each, before any thread exists."""
    addresses = settings.listen.split(",")
    metrics = settings.metrics_listen.split(",") if settings.metrics_listen else []
    worker = _fork(len(addresses))
    if settings.pin_cores:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[worker % len(cores)]})
    app = build(settings)
    telemetry.set_up_logs(app.name, settings.log_level)
    if worker < len(metrics):
        host, _, port = metrics[worker].rpartition(":")
        telemetry.serve_metrics(host, int(port))
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    process = Process(app)
    process.start(addresses[worker])
    gc.collect()
    gc.freeze()
    stopping.wait()
    process.stop()


def _fork(count: int) -> int:
    """Makes `count` workers of this process and says which one this is; the first one passes the signals on."""
    children = []
    for number in range(1, count):
        child = os.fork()
        if child == 0:
            return number
        children.append(child)
    if children:
        atexit.register(_end, children)
    return 0


def _end(children: list[int]) -> None:
    for child in children:
        os.kill(child, signal.SIGTERM)


def run(settings: type[S], build: Callable[[S], App], arguments: Sequence[str] | None = None) -> None:
    """The command line of a service: serve, migrate, dead-letters, and the service's own tasks."""
    parser = argparse.ArgumentParser(description=sys.modules[build.__module__.rpartition(".")[0]].__doc__)
    parser.add_argument(
        "task", nargs="?", default="serve", help="serve (default), migrate, dead-letters, or a task of this service"
    )
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="arguments of the task")
    chosen = parser.parse_args(arguments)
    package = build.__module__.rpartition(".")[0]
    if chosen.task == "migrate":
        from services.chassis.migrate import migrate  # Alembic is no part of serving

        migrate(package, load(MigrationSettings).database_owner_url)
        return
    if chosen.task == "serve":
        serve(load(settings), build)
        return
    app = build(load(settings))
    tasks = {"dead-letters": app.bus.dead_letters_task(app.database, app.subscriptions), **app.tasks}
    if chosen.task not in tasks:
        parser.error(f"no task {chosen.task}; there are: serve, migrate, {', '.join(tasks)}")
    tasks[chosen.task](chosen.rest)
    app.database.close()

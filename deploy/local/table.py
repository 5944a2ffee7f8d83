"""The processes of the mesh as data: what is run, with which environment, when it counts as ready."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from deploy.local import binaries, door, health, outside
from deploy.local.pki import GATEWAY
from deploy.local.plan import ROOT, Plan
from deploy.local.program import Launch, Program
from deploy.local.services import SERVICES
from deploy.local.supervised import Supervised


class Tier(IntEnum):
    """The order in which processes are stopped; those of one tier are stopped together."""

    DOOR = 0
    SERVICE = 1
    OUTSIDE = 2
    BUS = 3
    STORE = 4


@dataclass(frozen=True)
class Row:
    """One process, its place in the order of stopping, and the steps that must be done before it starts."""

    process: Supervised
    tier: Tier
    needs: tuple[str, ...] = ()


def rows(plan: Plan) -> list[Row]:
    """Return every process of this run."""
    standins = outside.in_use(plan)
    services = [
        Row(
            _program(plan, name, _service(plan, name)),
            Tier.SERVICE,
            ("migrations", "nats", *outside.needed_by(plan, name)),
        )
        for name in plan.choices.services
    ]
    return [
        Row(Supervised("postgres", plan.postgres), Tier.STORE, ("keys",)),
        Row(Supervised("nats", plan.nats), Tier.BUS, ("keys",)),
        *(Row(_program(plan, standin.name, _standin(plan, standin)), Tier.OUTSIDE) for standin in standins),
        *services,
        Row(_program(plan, "gateway", _gateway(plan)), Tier.DOOR, tuple(plan.choices.services)),
    ]


def service_environment(plan: Plan, name: str) -> dict[str, str]:
    """Return the environment of a service's process; it has no right to change its own schema."""
    urls = plan.postgres.service_urls(name)
    ours = {
        "CAMPUS_LISTEN": ",".join(plan.addresses(name)),
        "CAMPUS_METRICS_LISTEN": ",".join(plan.metrics(name)),
        "CAMPUS_NATS_URL": plan.nats.url(name),
        "CAMPUS_PEERS": ",".join(f"{peer}={plan.addresses(peer)[0]}" for peer in SERVICES),
        "CAMPUS_PUBLIC_URL": plan.public_url,
        "CAMPUS_DATABASE_WRITER_URL": urls["CAMPUS_DATABASE_WRITER_URL"],
        "CAMPUS_DATABASE_READER_URL": urls["CAMPUS_DATABASE_READER_URL"],
        **plan.pki.of(name).env(),
        **outside.environment(plan),
    }
    if name == "identity":
        ours["CAMPUS_SIGNING_KEY"] = str(plan.pki.signing_key)
        ours["CAMPUS_SEALING_KEYS"] = str(plan.pki.sealing_keys)
    return {**plan.environment, **ours}


def _service(plan: Plan, name: str) -> Callable[[], Launch]:
    def launch() -> Launch:
        return Launch(
            command=(sys.executable, "-m", f"services.{name}", "serve"),
            env=service_environment(plan, name),
            ready=health.grpc_serving(plan.addresses(name), plan.pki.of(GATEWAY)),
        )

    return launch


def _standin(plan: Plan, standin: outside.Standin) -> Callable[[], Launch]:
    port, log = plan.port(standin.name), plan.logs / f"{standin.name}.log"
    folder = outside.folder(plan, standin.name)

    def launch() -> Launch:
        folder.mkdir(parents=True, exist_ok=True)
        module = f"deploy.local.standins.{standin.name}"
        address = ("--port", str(port), "--state-dir", str(folder))
        return Launch(
            command=(sys.executable, "-m", module, *address, *standin.options(plan)),
            env=plan.environment,
            ready=health.ready_line(log),
        )

    return launch


def _gateway(plan: Plan) -> Callable[[], Launch]:
    admin_port, config = plan.port("gateway.admin"), plan.state.path("envoy.yaml")

    def launch() -> Launch:
        config.touch(mode=0o600)
        config.write_text(door.render(plan))
        workers = str(min(2, os.cpu_count() or 1))
        options = ("-c", config, "--use-dynamic-base-id", "--concurrency", workers, "--log-level", "warning")
        return Launch(
            command=(binaries.envoy(), *options, "--drain-time-s", "1"),
            env=plan.environment,
            ready=health.http_ok(admin_port, "/ready"),
        )

    return launch


def _program(plan: Plan, name: str, launch: Callable[[], Launch]) -> Supervised:
    return Supervised(name, Program(name, launch, plan.logs / f"{name}.log", ROOT))

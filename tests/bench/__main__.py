"""`python -m tests.bench`: throughput as shares of a bare gRPC echo, latency of events, ready time and memory.

A server under test and its echo are pinned to one core alike and have as many threads (8 for GetCourse over gRPC,
which is what suits a pinned process; else the service's default), the load generator is pinned to another;
PostgreSQL, NATS and Envoy run where they like. The two take turns, and the figure is the median of the ratios within
each turn.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.local.mesh import Mesh
from deploy.local.plan import ROOT
from deploy.local.postgres import Postgres
from deploy.local.services import SERVICES
from tests.bench import courses, events, heartbeats, processes, report
from tests.bench.world import UNLIMITED, World, remembering_commits

RESULT = ROOT / "build" / "bench.json"
Compare = Callable[[World, int, float, Callable[[str], None]], dict[str, Any]]
COMPARISONS: dict[str, Compare] = {
    "get_course_grpc_vs_echo": courses.from_database,
    "get_course_cached_vs_echo": courses.from_memory,
    "get_course_rest_vs_echo": courses.over_rest,
    "heartbeat_vs_echo": heartbeats.durable,
}
EVENTS = "event_latency_ms"


def main() -> None:
    chosen = _arguments()
    rounds, seconds, event_seconds = (3, 1.0, 6.0) if chosen.quick else (chosen.rounds, chosen.seconds, 20.0)
    start = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - start:5.0f} s  {line}", flush=True)

    found: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": chosen.seed,
        "machine": processes.machine() | {"load_before": processes.load()},
        "versions": report.versions(),
        "rounds": rounds,
        "seconds": seconds,
        "pinned": " ".join((__doc__ or "").partition("\n\n")[2].split()),
    }
    faults: list[str] = []
    with _folder() as folder:
        cold = _cold_start(folder, chosen.services)
        say(f"cold start of the mesh: ready in {cold:.1f} s")
        with Mesh(folder / "mesh", services=chosen.services, rate_limit=UNLIMITED) as mesh:
            say(f"warm start of the mesh: ready in {mesh.ready_s:.1f} s")
            found["ready_s"], found["details"] = {"cold": cold, "warm": mesh.ready_s}, {}
            world = World(mesh, chosen.seed)
            for name in chosen.only:
                say(f"{name} (load {processes.load()})")
                try:
                    _measure(name, found, world, rounds, seconds, event_seconds, lambda line: say(f"  {line}"))
                except Exception as error:  # noqa: BLE001  # the others are measured all the same
                    faults.append(f"{name}: {type(error).__name__}: {error}")
                    say(f"  {faults[-1]}")
            found["rss_mb"] = {name: process.rss_mb for name, process in mesh.processes.items()}
            faults += [
                f"{process.name} crashed during the bench" for process in mesh.processes.values() if process.restarts
            ]
    found["machine"]["load_after"] = processes.load()
    found["faults"] = faults
    _tell(found, faults, strict=chosen.strict)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = (*COMPARISONS, EVENTS)
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="KEY", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="about a minute, for a first look")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each comparison (default 7)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a turn of each side (default 2)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32), help="of all made-up ids")
    parser.add_argument("--strict", action="store_true", help="end with 1 when a target is missed")
    parser.add_argument(
        "--services", type=lambda text: tuple(text.split(",")), default=SERVICES, help="a smaller mesh, comma-separated"
    )
    return parser.parse_args()


@contextmanager
def _folder() -> Iterator[Path]:
    """A place for the mesh's data that PostgreSQL's own user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="campus-bench-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        Postgres(folder / "mesh" / "postgres").clear()
        shutil.rmtree(folder)


def _cold_start(folder: Path, services: tuple[str, ...]) -> float:
    """Seconds until a mesh is ready that has to make its keys, databases and demo data first."""
    with Mesh(folder / "mesh", services=services, rate_limit=UNLIMITED) as mesh:
        remembering_commits(mesh)
        return mesh.ready_s


def _measure(
    name: str,
    found: dict[str, Any],
    world: World,
    rounds: int,
    seconds: float,
    event_seconds: float,
    say: Callable[[str], None],
) -> None:
    processes.pin_self(processes.LOAD_CORE)
    try:
        if name == EVENTS:
            measured = events.latency(world, event_seconds, say)
            found[name] = {share: measured[share] for share in ("p50", "p99")}
        else:
            measured = COMPARISONS[name](world, rounds, seconds, say)
            found[name] = measured["ratio"]
    finally:
        processes.pin_self()
    found["details"][name] = measured
    if measured["failed"]:
        raise AssertionError(f"{measured['failed']} of {measured['answers']} answers were not as they should be")


def _tell(found: dict[str, Any], faults: list[str], *, strict: bool) -> None:
    lines, missed = report.table(found)
    print("\n" + lines + "\n\n" + report.costs(found) + "\n\n" + report.memory(found))
    print(f"cold start {found['ready_s']['cold']:.1f} s; seed {found['seed']}; {found['pinned']}")
    report.write(RESULT, found)
    print(f"written: {RESULT.relative_to(ROOT)}")
    for target in missed:
        print(f"MISSED: {target.title}", file=sys.stderr)
    for fault in faults:
        print(f"NOT AS IT SHOULD BE: {fault}", file=sys.stderr)
    sys.exit(1 if faults or (strict and missed) else 0)


main()

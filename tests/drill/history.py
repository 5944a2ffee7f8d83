"""What clients tried and what they were told, in an append-only file outside of what is tested, and the counting.

Every operation writes `invoke` with the effects it may have, then `ok`, `fail` (surely had none) or `info` (unknown; it
is tried again under the same id). In the words of Jepsen's accounting, with effects as the elements:

    attempted   effects of all operations that were begun
    acked       effects of those that were answered `ok`
    lost        acked, and not found at the end                 must be none
    unexpected  found, and never attempted                      must be none
    recovered   found and attempted, though nobody was told `ok`
    repeated    found more than once                            must be none
"""

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class History:
    """Written by many clients at once."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("x")
        self._lock = threading.Lock()

    def invoke(self, operation: str, kind: str, effects: Sequence[str], possible: Sequence[str] = ()) -> None:
        """`effects` are promised with an answer; `possible` ones are not, and may be there all the same."""
        self._write("invoke", op=operation, kind=kind, effects=list(effects), possible=list(possible))

    def ok(self, operation: str) -> None:
        self._write("ok", op=operation)

    def fail(self, operation: str, answer: str) -> None:
        self._write("fail", op=operation, answer=answer)

    def info(self, operation: str, answer: str) -> None:
        self._write("info", op=operation, answer=answer)

    def fault(self, name: str, what: str) -> None:
        self._write("fault", fault=name, what=what)

    def close(self) -> None:
        self._file.close()

    def _write(self, line_type: str, **what: Any) -> None:
        with self._lock:
            self._file.write(json.dumps({"t": round(time.monotonic(), 4), "type": line_type, **what}) + "\n")
            self._file.flush()


@dataclass
class Account:
    """A history, added up."""

    effects_of: dict[str, list[str]] = field(default_factory=dict)
    possible: set[str] = field(default_factory=set)
    kinds: dict[str, str] = field(default_factory=dict)
    answered: list[tuple[float, str]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    uncertain: Counter[str] = field(default_factory=Counter)
    began: float | None = None

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Account":
        account = cls()
        for line in lines:
            account._add(json.loads(line))
        return account

    def _add(self, line: dict[str, Any]) -> None:
        match line["type"]:
            case "invoke":
                self.began = self.began or line["t"]
                self.effects_of[line["op"]] = line["effects"]
                self.possible.update(line.get("possible", ()))
                self.kinds[line["op"]] = line["kind"]
            case "ok":
                self.answered.append((line["t"], line["op"]))
            case "fail":
                self.refused[line["op"]] = f"{self.kinds[line['op']]}: {line['answer']}"
            case "info":
                self.uncertain[f"{self.kinds[line['op']]}: {line['answer']}"] += 1

    @property
    def attempted(self) -> set[str]:
        return {effect for effects in self.effects_of.values() for effect in effects} | self.possible

    @property
    def acked(self) -> set[str]:
        return {effect for _, operation in self.answered for effect in self.effects_of[operation]}

    @property
    def max_stall_seconds(self) -> float:
        """The longest time in which nobody was told `ok`."""
        moments = [self.began, *(moment for moment, _ in self.answered)] if self.began else []
        return max((later - earlier for earlier, later in itertools.pairwise(moments)), default=0.0)


@dataclass(frozen=True)
class Tally:
    """What was promised against what was found."""

    lost: list[str]
    unexpected: list[str]
    recovered: list[str]
    repeated: Counter[str]


def tally(attempted: set[str], acked: set[str], found: Counter[str]) -> Tally:
    read = set(found)
    return Tally(
        lost=sorted(acked - read),
        unexpected=sorted(read - attempted),
        recovered=sorted((read & attempted) - acked),
        repeated=Counter({effect: count - 1 for effect, count in found.items() if count > 1}),
    )

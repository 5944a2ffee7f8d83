"""Two servers measured in turns, so that what else happens on the machine happens to both."""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.bench import processes
from tests.bench.load import Connection, Result, run

Say = Callable[[str], None]


@dataclass(frozen=True)
class Side:
    """One of the two: its process, a way to connect to it, and how much is in flight on each of the connections."""

    name: str
    pid: int
    connect: Callable[[], list[Connection]]
    in_flight: int


@dataclass
class Turns:
    """What one side did, turn by turn."""

    side: Side
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    answers: int = 0
    failed: int = 0

    def take(self, seconds: float) -> None:
        connections = self.side.connect()
        before = processes.cpu_seconds(self.side.pid)
        result = run(connections, self.side.in_flight, seconds)
        spent = processes.cpu_seconds(self.side.pid) - before
        _close(connections)
        self.answers, self.failed = self.answers + result.answers, self.failed + result.failed
        self.rates.append(result.rate)
        self.cpu_us.append(spent / result.answers * 1e6)
        self.latencies += result.latencies

    def latency_ms(self, share: float) -> float:
        return round(Result(1, latencies=self.latencies).quantile(share) * 1000, 2)


def compare(subject: Side, echo: Side, rounds: int, seconds: float, say: Say) -> dict[str, Any]:
    """Medians of the ratios within each round; `cpu_ratio` is the same by processor time, which others disturb less."""
    ours, bare = Turns(subject), Turns(echo)
    warm = [_warmed(side) for side in (subject, echo)]
    for number in range(rounds):
        for turns in (ours, bare) if number % 2 else (bare, ours):
            turns.take(seconds)
        say(
            f"round {number + 1} of {rounds}: {ours.rates[-1]:7,.0f}/s against {bare.rates[-1]:7,.0f}/s, "
            f"{ours.cpu_us[-1]:.0f} us against {bare.cpu_us[-1]:.0f} us"
        )
    ratios = [mine / theirs for mine, theirs in zip(ours.rates, bare.rates, strict=True)]
    cpu_ratios = [theirs / mine for mine, theirs in zip(ours.cpu_us, bare.cpu_us, strict=True)]
    return {
        "ratio": round(median(ratios), 3),
        "ratios": [round(each, 3) for each in ratios],
        "cpu_ratio": round(median(cpu_ratios), 3),
        "cpu_us": round(median(ours.cpu_us), 1),
        "echo_cpu_us": round(median(bare.cpu_us), 1),
        "per_second": round(median(ours.rates)),
        "echo_per_second": round(median(bare.rates)),
        "p50_ms": ours.latency_ms(0.5),
        "p99_ms": ours.latency_ms(0.99),
        "echo_p50_ms": bare.latency_ms(0.5),
        "echo_p99_ms": bare.latency_ms(0.99),
        "answers": ours.answers + warm[0].answers,
        "failed": ours.failed + bare.failed + sum(each.failed for each in warm),
        "load": processes.load(),
    }


def _warmed(side: Side) -> Result:
    connections = side.connect()
    result = run(connections, side.in_flight, 0.5)
    _close(connections)
    return result


def _close(connections: list[Connection]) -> None:
    for connection in connections:
        connection.socket.close()

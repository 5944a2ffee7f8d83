"""What goes wrong during a drill, and when: drawn from a seed, so that a run can be had again."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from deploy.local.services import SERVICES
from deploy.local.supervised import Supervised
from deploy.local.trouble import MeshTrouble
from tests.drill import witness
from tests.drill.history import History
from tests.drill.site import NeverCame, Site

SELDOM = ("gateway", "storage", "mail")
STORES = ("nats", "postgres")
CONSUMERS = ("learning", "certification", "messaging", witness.NAME)
COMES_BACK_SECONDS = 60.0


@dataclass(frozen=True)
class Fault:
    """`kill9` is SIGKILL for a process and its children; `pause` is SIGSTOP, and SIGCONT some seconds later.

    Each service holds its own relay, so killing a service kills a relay at whatever it was doing.
    """

    kind: str
    process: str

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.process}"


def drawn(chance: random.Random) -> Iterator[Fault]:
    """Without end: each round hits every target, in a new order; some are hit in every second round only."""
    for number in range(1_000_000):
        targets = [*SERVICES, witness.NAME, *STORES, *STORES]
        faults = [Fault("kill9", target) for target in targets]
        faults += [Fault("pause", consumer) for consumer in chance.sample(CONSUMERS, 2)]
        faults += [Fault("kill9", target) for target in SELDOM] if number % 2 else []
        chance.shuffle(faults)
        yield from faults


def of(chance: random.Random, *targets: str) -> Iterator[Fault]:
    """Without end: one of these targets killed."""
    while True:
        yield Fault("kill9", chance.choice(targets))


class Saboteur:
    """Lands faults one after another until told to stop, or until there were enough."""

    def __init__(
        self,
        site: Site,
        history: History,
        faults: Iterator[Fault],
        *,
        every_seconds: float,
        pause_seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self._site, self._history, self._faults, self._say = site, history, faults, say
        self._every, self._pause = every_seconds, pause_seconds
        self.landed: Counter[str] = Counter()
        self.dead: list[str] = []
        self.last_healed = time.monotonic()

    def work(self, stopping: threading.Event, most: int | None) -> None:
        while not stopping.wait(self._every):
            if most is not None and self.landed.total() >= most:
                return
            fault = next(fault for fault in self._faults if fault.process in self._site.processes)
            try:
                if self._land(fault):
                    self.landed[fault.name] += 1
            except NeverCame as never:
                self.dead.append(str(never))

    def _land(self, fault: Fault) -> bool:
        """Whether it hit a process that ran; returns when that one runs again."""
        process = self._site.processes[fault.process]
        pid = process.pid
        if pid is None:
            return False
        self._say(f"{fault.name}, pid {pid}")
        self._history.fault(fault.name, f"pid {pid}")
        if fault.kind == "pause":
            os.killpg(pid, signal.SIGSTOP)
            time.sleep(self._pause)
            os.killpg(pid, signal.SIGCONT)
        else:
            process.kill()
            self._await_successor(process, pid)
        self._history.fault(fault.name, "over")
        self.last_healed = time.monotonic()
        return True

    @staticmethod
    def _await_successor(process: Supervised, pid: int) -> None:
        deadline = time.monotonic() + COMES_BACK_SECONDS
        while True:
            if process.pid not in (None, pid):
                with suppress(MeshTrouble):
                    # Its supervisor is at work on it, so this only waits until it is ready.
                    process.start()
                    return
            if time.monotonic() > deadline:
                raise NeverCame(f"{process.name} was killed and did not come back in {COMES_BACK_SECONDS:.0f} s")
            time.sleep(0.05)

"""The crash drill: students travel while services, relays, NATS, PostgreSQL and the gateway are killed or held up.

Every call is repeated under its own id until it is answered, and stored events are delivered again all along. When the
last fault is healed and the last journey over, all that was promised has to be there once, in order, and the books be
right. The control is the same load without the inbox of the witness.
"""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from deploy.local.nats import OBSERVER
from deploy.local.plan import ROOT
from tests.drill import books, faults, flow, report, witness
from tests.drill.caller import Caller
from tests.drill.found import emails, found
from tests.drill.history import Account, History, tally
from tests.drill.journeys import Course, Student, Teacher
from tests.drill.repeats import Repeater
from tests.drill.report import Control, Entry
from tests.drill.shown import of_these, shown
from tests.drill.site import NeverCame, Site, wait_until

NAME = "crash"
HISTORIES = ROOT / "build" / "drill"
DRAIN_SECONDS = 120.0
# Signing in costs a password's hash.
MOST_ASKED = 12
FIRST_COURSES = ((4900, "paid"), (900, "cheap"), (0, "free"))

Say = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How long and how hard. `faults`: how many at most."""

    seconds: float
    seed: int
    clients: int = 4
    every_seconds: float = 6.0
    faults: int | None = None
    pause_seconds: float = 8.0
    patience_seconds: float = 60.0
    inbox: bool = True


class Crowd:
    """The clients of a run: one teacher, and students one after another in each of several threads."""

    def __init__(self, site: Site, history: History, settings: Settings, run: str) -> None:
        self._site, self._history, self._settings, self._run = site, history, settings, run
        self._courses: list[Course] = []
        self.journeys = 0
        self.broken_off: list[str] = []
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """The first courses are there before anything goes wrong."""
        teacher = self._teacher(random.Random(self._settings.seed))
        self._courses = [teacher.publish(f"{self._run} {name}", price) for price, name in FIRST_COURSES]

    def threads(self, stopping: threading.Event) -> list[threading.Thread]:
        students = [
            threading.Thread(target=self._study, args=(number, stopping), name=f"student {number}", daemon=True)
            for number in range(self._settings.clients)
        ]
        return [*students, threading.Thread(target=self._teach, args=(stopping,), name="teacher", daemon=True)]

    def _chance(self, name: str) -> random.Random:
        return random.Random(f"{self._settings.seed} {name}")

    def _teacher(self, chance: random.Random) -> Teacher:
        caller = Caller(self._history, self._settings.patience_seconds, chance)
        base, account = self._site.rest(), self._site.account("instructor")
        return Teacher(caller, caller.do("login", lambda: base.signed_in(*account)))

    def _teach(self, stopping: threading.Event) -> None:
        chance = self._chance("teacher")
        number = 0
        while not stopping.wait(chance.uniform(0.5, 2.0)):
            number += 1
            with self._noting(f"course {number}"):
                self._teacher(chance).publish(f"{self._run} {number}", chance.choice((0, 100, 4900)))

    def _study(self, client: int, stopping: threading.Event) -> None:
        chance = self._chance(f"student {client}")
        number = 0
        while not stopping.is_set():
            number += 1
            caller = Caller(self._history, self._settings.patience_seconds, chance)
            email = f"s{client}-{number}@{self._run}.example"
            chosen = chance.sample(self._courses, chance.choice((1, 2)))
            with self._noting(email), self._site.rest() as base:
                Student(caller, base, email, chance).travel(chosen)
                with self._lock:
                    self.journeys += 1

    @contextmanager
    def _noting(self, who: str) -> Iterator[None]:
        """A journey that breaks off fails the drill; what it attempted is judged all the same."""
        try:
            yield
        except Exception as reason:  # noqa: BLE001 - whatever it was, it is told
            with self._lock:
                self.broken_off.append(f"{who}: {type(reason).__name__} {reason}")


@dataclass(frozen=True)
class Run:
    """What was tried in a run; its name is part of every address and title in it."""

    name: str
    account: Account


def crash(site: Site, settings: Settings, say: Say) -> tuple[Entry, Run]:
    """One run and its judgement, without a control."""
    began = time.monotonic()
    name = f"run{uuid.uuid4().hex[:8]}"
    entry = Entry(NAME, settings.seed, versions=report.versions())
    site.restart_witness(inbox=settings.inbox)
    history = History(HISTORIES / f"{NAME}-{settings.seed}-{name}.jsonl")
    say(f"history {history.path}")
    crowd = Crowd(site, history, settings, name)
    crowd.prepare()
    saboteur, repeater = _load(site, settings, crowd, history, say)
    _await_ready(site, entry)
    quiet = max(time.monotonic(), saboteur.last_healed)
    history.close()
    run = Run(name, Account.of(history.path.read_text().splitlines()))
    _await_drained(site, run, settings)
    entry.drain_s = round(time.monotonic() - quiet, 2)
    entry.faults, entry.dup_deliveries = dict(sorted(saboteur.landed.items())), repeater.published
    judge(site, run, entry)
    entry.violate("lost", not_shown(site, run))
    entry.violate("invariant_breaks", [f"broken off: {each}" for each in crowd.broken_off])
    entry.violate("invariant_breaks", saboteur.dead)
    entry.operations["journeys"] = crowd.journeys
    entry.seconds = round(time.monotonic() - began, 1)
    return entry, run


def _load(site: Site, settings: Settings, crowd: Crowd, history: History, say: Say) -> tuple[faults.Saboteur, Repeater]:
    """Everything at once for so many seconds; then no more faults, and what was begun comes to its end."""
    saboteur = faults.Saboteur(
        site,
        history,
        faults.drawn(random.Random(settings.seed)),
        every_seconds=settings.every_seconds,
        pause_seconds=settings.pause_seconds,
        say=say,
    )
    repeater = Repeater(site.mesh.nats_url(OBSERVER), random.Random(f"{settings.seed} repeater"))
    enough, over = threading.Event(), threading.Event()
    repeating = threading.Thread(target=repeater.work, args=(over,), name="repeater", daemon=True)
    sabotage = threading.Thread(target=saboteur.work, args=(enough, settings.faults), name="saboteur", daemon=True)
    clients = [sabotage, *crowd.threads(enough)]
    for thread in (repeating, *clients):
        thread.start()
    try:
        deadline = time.monotonic() + settings.seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(5.0, left))
            say(f"{max(0.0, deadline - time.monotonic()):4.0f} s to go, {crowd.journeys} journeys complete")
        enough.set()
        for thread in clients:
            thread.join()
    finally:
        enough.set()
        over.set()
    repeating.join()
    say(f"load is over: {crowd.journeys} journeys complete, {len(crowd.broken_off)} broken off")
    return saboteur, repeater


def _await_ready(site: Site, entry: Entry) -> None:
    try:
        site.await_ready()
    except NeverCame as never:
        down = [name for name, process in site.processes.items() if not process.running]
        entry.violate("invariant_breaks", [f"{never}; down: {down}"])


def _await_drained(site: Site, run: Run, settings: Settings) -> None:
    """Until all that was promised is there and nothing is on its way; what never comes is judged as it stands."""
    watched = set(site.services) | ({witness.NAME} if settings.inbox else set())

    def drained() -> bool:
        now = flow.read(site)
        behind = [each for each in now.missing if each.split(maxsplit=1)[0] in watched]
        on_their_way = now.undelivered or now.unpublished or behind
        return not on_their_way and not run.account.acked - set(found(site, run.name))

    with suppress(NeverCame):
        wait_until(drained, "drained", DRAIN_SECONDS)


def judge(site: Site, run: Run, entry: Entry) -> None:
    """Hold what the databases say against what was promised."""
    account, there = run.account, found(site, run.name)
    counted = tally(account.attempted, account.acked, there)
    events = flow.read(site)
    entry.attempted, entry.acked, entry.recovered = len(account.attempted), len(account.acked), len(counted.recovered)
    entry.violate("lost", counted.lost)
    entry.violate("unexpected", counted.unexpected)
    again = counted.repeated + events.announced_again + events.acted_again
    entry.violate("dup_effects", list(again.elements()))
    entry.violate("order_violations", events.disorder)
    entry.violate("invariant_breaks", books.breaks(site))
    entry.violate("invariant_breaks", [f"unpublished {each}" for each in events.unpublished])
    entry.violate("invariant_breaks", events.missing + events.unheard_of)
    entry.violate("refused", sorted(account.refused.values()))
    entry.max_stall_s = round(account.max_stall_seconds, 2)
    entry.uncertain = dict(account.uncertain.most_common())
    entry.operations |= {"begun": len(account.effects_of), "answered": len({op for _, op in account.answered})}
    entry.operations["mails sent again"] = books.mails_sent_again(site)
    entry.operations["events"] = sum(len(each) for each in events.announced.values())


def not_shown(site: Site, run: Run) -> list[str]:
    """What was promised to some of the students, and the API does not show them."""
    students = set(sorted(emails(site, run.name).values())[:MOST_ASKED])
    promised = of_these(run.account.acked, students)
    return [f"{effect} (by the API)" for effect in sorted(promised - set(shown(site, students)))]


def drill(site: Site, settings: Settings, control_seconds: float, say: Say) -> tuple[Entry, Run]:
    """The drill, and the same without the witness' inbox: there the repeated deliveries have to show."""
    entry, run = crash(site, settings, say)
    say("negative control: the same load and repetitions, the witness without its inbox")
    bad, _ = crash(site, replace(settings, inbox=False, seconds=control_seconds, faults=0), say)
    counts = {"dup_effects": bad.dup_effects, "dup_deliveries": bad.dup_deliveries, "lost": bad.lost}
    entry.negative_control = Control("inbox off", bad.dup_effects > 0, counts)
    return entry, run

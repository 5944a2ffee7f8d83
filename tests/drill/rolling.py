"""The rolling restart: each service is stopped by SIGTERM and started again under clients who never repeat a call.

What repeats for them is the gateway, and only what the contract calls idempotent. No call may fail, and what was
acknowledged has to be there. The control are clients that wait no longer than they usually have to: a service that is
away must show.
"""

import itertools
import random
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

import httpx

from deploy.local import journey
from deploy.local.rest import Refused, Rest
from tests.drill import effects, report
from tests.drill.caller import Caller
from tests.drill.crash import HISTORIES, Say
from tests.drill.found import found
from tests.drill.history import Account, History, tally
from tests.drill.journeys import Course, Student, Teacher
from tests.drill.report import Control, Entry
from tests.drill.site import NeverCame, Site, wait_until

NAME = "rolling restart"
SETTLE_SECONDS = 0.5
FOUND_SECONDS = PREPARATION_SECONDS = 60.0
PATIENT_SECONDS, IMPATIENT_SECONDS = 20.0, 0.3
# Hashing a password costs more than all other calls of a round together.
ROUNDS_PER_REGISTRATION = 4


@dataclass(frozen=True)
class Settings:
    """`rounds`: how often each service is restarted."""

    seed: int
    clients: int = 6
    calls_per_second: float = 60.0
    rounds: int = 1


@dataclass(frozen=True)
class Call:
    """Something a client does once, and the effects that it has if it is answered."""

    kind: str
    do: Callable[[Rest], object]
    effects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Courses:
    """One to finish, one to enrol in for nothing, one that is only ever ordered."""

    done: Course
    free: Course
    wanted: Course


class Regular:
    """A student who has finished a course and goes on using every service: reads, and writes that carry their ids."""

    def __init__(self, caller: Caller, base: Rest, email: str, courses: Courses) -> None:
        self._email, self._courses = email, courses
        student = Student(caller, base, email, random.Random(email))
        student.travel([courses.done])
        self.rest = student.rest
        self._enrollment = journey.await_enrollment(self.rest, courses.done.id)["enrollmentId"]
        self._notification = journey.await_notification(self.rest, "NOTIFICATION_KIND_WELCOME")["notificationId"]
        self._order = uuid.uuid4().hex

    def calls(self) -> Iterator[Call]:
        """Without end: for each service a read and an idempotent write."""
        course = {"courseId": self._courses.done.id}
        read = f"/v1/notifications/{self._notification}:read"
        for number in itertools.count():
            yield from self._of_identity(number)
            yield Call("course", lambda rest: rest.get(f"/v1/courses/{self._courses.done.id}"))
            yield from self._of_learning()
            yield from self._of_billing()
            yield Call("certificate", lambda rest: rest.post("/v1/certificates:generate", course))
            yield Call("certificates", lambda rest: rest.get("/v1/certificates"))
            yield Call("read", lambda rest: rest.post(read), (effects.read_mark(self._notification),))
            yield Call("notifications", lambda rest: rest.get("/v1/notifications"))

    def _of_identity(self, number: int) -> Iterator[Call]:
        yield Call("profile", lambda rest: rest.get("/v1/profile"))
        if number % ROUNDS_PER_REGISTRATION == 0:
            email = f"n{number}-{self._email}"
            body = {"email": email, "password": journey.PASSWORD, "name": "Ada Lovelace"}
            key = uuid.uuid4().hex
            made = (effects.user(email), effects.notification("welcome", email))
            yield Call("register", lambda rest: rest.post("/v1/users:register", body, key), made)

    def _of_learning(self) -> Iterator[Call]:
        path = f"/v1/enrollments/{self._enrollment}"
        beat = journey.operation(self._courses.done.lessons[-1], {"watched": {"fromMs": 0, "toMs": 5000}})
        entry = (effects.operation(self._email, beat["operationId"]),)
        yield Call("heartbeat", lambda rest: rest.post(f"{path}/heartbeat", {"operation": beat}), entry)
        yield Call("progress", lambda rest: rest.get(f"{path}/progress"))
        free = self._courses.free.id
        told = effects.notification("enrollment_created", self._email, free)
        made = (*(effects.of_learner(kind, self._email, free) for kind in ("enrolment", "entitlement")), told)
        yield Call("enroll", lambda rest: rest.post("/v1/enrollments", {"courseId": free}), made)

    def _of_billing(self) -> Iterator[Call]:
        wanted = self._courses.wanted.id
        made = (effects.of_learner("order", self._email, wanted),)
        yield Call("checkout", lambda rest: journey.start_checkout(rest, wanted, self._order), made)
        yield Call("payments", lambda rest: rest.get("/v1/payments"))


class Traffic:
    """Regular students at a steady pace; each call is made once."""

    def __init__(
        self, history: History, regulars: list[Regular], calls_per_second: float, timeout_seconds: float
    ) -> None:
        self._history, self._regulars = history, regulars
        self._pause, self._timeout = len(regulars) / calls_per_second, timeout_seconds

    def threads(self, stopping: threading.Event) -> list[threading.Thread]:
        return [threading.Thread(target=self._go, args=(regular, stopping), daemon=True) for regular in self._regulars]

    def _go(self, regular: Regular, stopping: threading.Event) -> None:
        # A context of its own: loading the system's authorities would cost more than a call.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with httpx.Client(timeout=self._timeout, verify=context) as client:
            rest = Rest(regular.rest.base, regular.rest.token, client)
            due = time.monotonic()
            for call in regular.calls():
                due += self._pause
                if stopping.wait(max(0.0, due - time.monotonic())):
                    return
                self._make(call, rest)

    def _make(self, call: Call, rest: Rest) -> None:
        operation = uuid.uuid4().hex
        self._history.invoke(operation, call.kind, call.effects)
        try:
            call.do(rest)
        except Refused as refusal:
            self._history.fail(operation, str(refusal))
        except httpx.HTTPError as error:
            self._history.fail(operation, type(error).__name__)
        else:
            self._history.ok(operation)


def rolling(site: Site, settings: Settings, services: tuple[str, ...], timeout_seconds: float, say: Say) -> Entry:
    """Restarts these services in turn; its judgement, without a control."""
    began = time.monotonic()
    run = f"run{uuid.uuid4().hex[:8]}"
    entry = Entry(NAME, settings.seed, versions=report.versions())
    history = History(HISTORIES / f"rolling-{settings.seed}-{run}.jsonl")
    regulars = _regulars(site, settings, history, run)
    stopping = threading.Event()
    threads = Traffic(history, regulars, settings.calls_per_second, timeout_seconds).threads(stopping)
    for thread in threads:
        thread.start()
    try:
        _restart_each(site, services * settings.rounds, entry, say)
    finally:
        stopping.set()
    for thread in threads:
        thread.join()
    history.close()
    _judge(site, Account.of(history.path.read_text().splitlines()), run, entry)
    entry.seconds = round(time.monotonic() - began, 1)
    return entry


def _restart_each(site: Site, services: tuple[str, ...], entry: Entry, say: Say) -> None:
    time.sleep(SETTLE_SECONDS)
    for service in services:
        at = time.monotonic()
        site.mesh.process(service).restart()
        say(f"sigterm:{service}, ready again after {time.monotonic() - at:.1f} s")
        entry.faults[f"sigterm:{service}"] = entry.faults.get(f"sigterm:{service}", 0) + 1
        time.sleep(SETTLE_SECONDS)


def _regulars(site: Site, settings: Settings, history: History, run: str) -> list[Regular]:
    caller = Caller(history, PREPARATION_SECONDS, random.Random(settings.seed))
    teacher = Teacher(caller, site.rest().signed_in(*site.account("instructor")))
    prices = {"done": 4900, "free": 0, "wanted": 900}
    courses = Courses(**{name: teacher.publish(f"{run} {name}", price) for name, price in prices.items()})

    def prepared(number: int) -> Regular:
        return Regular(caller, site.rest(), f"r{number}@{run}.example", courses)

    with ThreadPoolExecutor(settings.clients) as pool:
        return list(pool.map(prepared, range(settings.clients)))


def _judge(site: Site, account: Account, run: str, entry: Entry) -> None:
    quiet = time.monotonic()
    with suppress(NeverCame):
        wait_until(lambda: not account.acked - set(found(site, run)), "all that was acknowledged", FOUND_SECONDS)
    entry.drain_s = round(time.monotonic() - quiet, 2)
    counted = tally(account.attempted, account.acked, found(site, run))
    entry.attempted, entry.acked, entry.recovered = len(account.attempted), len(account.acked), len(counted.recovered)
    entry.violate("lost", counted.lost)
    entry.violate("unexpected", counted.unexpected)
    entry.violate("dup_effects", list(counted.repeated.elements()))
    entry.violate("refused", sorted(account.refused.values()))
    entry.max_stall_s = round(account.max_stall_seconds, 2)
    entry.operations = {"begun": len(account.effects_of), "answered": len(account.answered), "failed": entry.refused}


def drill(site: Site, settings: Settings, say: Say) -> Entry:
    """Every service in turn, then one of them under clients that have no patience."""
    entry = rolling(site, settings, site.services, PATIENT_SECONDS, say)
    say(f"negative control: clients that wait {IMPATIENT_SECONDS} s")
    bad = rolling(site, replace(settings, clients=3, rounds=1), ("learning",), IMPATIENT_SECONDS, say)
    counts = {"failed": bad.refused, "calls": bad.operations["begun"]}
    entry.negative_control = Control("impatient clients", bad.refused > 0, counts)
    return entry

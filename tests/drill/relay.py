"""The relay drill: many writers whose transactions commit out of order, one relay, and what of it reaches the stream.

The relay, NATS and PostgreSQL are killed meanwhile. The control is a relay that follows the outbox by a cursor.
"""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import nats
import sqlalchemy as sa
from nats.js.api import AckPolicy, ConsumerConfig

from deploy.local.nats import OBSERVER
from services.chassis.db import Writer
from services.chassis.tables import outbox
from services.kernel.errors import CampusError
from services.kernel.ids import new_id
from tests.drill import faults, relay_process, report, witness
from tests.drill.crash import HISTORIES
from tests.drill.history import Account, History, tally
from tests.drill.report import Control, Entry
from tests.drill.site import NeverCame, Site, wait_until

NAME = "relay"
SUBJECT, STREAM = "campus.witness.v1.Written", "CAMPUS_WITNESS"
ROW = {"subject": SUBJECT, "payload": b"", "headers": {"occurred-at": "2026-01-01T00:00:00+00:00"}}
# The longest time between a row's number and its commit.
LONGEST_TRANSACTION_SECONDS = 0.02
DRAIN_SECONDS = 60.0

Say = Callable[[str], None]
Stored = tuple[str, str, int]


@dataclass(frozen=True)
class Settings:
    seconds: float
    seed: int
    writers: int = 8
    every_seconds: float = 3.0
    faults: int | None = None
    by_cursor: bool = False


class Writing:
    """Threads with an aggregate each; every transaction announces one to three events, and takes its time to commit."""

    def __init__(self, site: Site, history: History, settings: Settings) -> None:
        self._history, self._settings = history, settings
        self._writer = Writer(site.mesh.database_url(witness.NAME, "writer"), settings.writers)

    def threads(self, stopping: threading.Event) -> list[threading.Thread]:
        numbers = range(self._settings.writers)
        return [threading.Thread(target=self._write, args=(number, stopping), daemon=True) for number in numbers]

    def close(self) -> None:
        self._writer.close()

    def _write(self, number: int, stopping: threading.Event) -> None:
        chance = random.Random(f"{self._settings.seed} {number}")
        aggregate, version = new_id(), 0
        while not stopping.is_set():
            version += 1
            ids = [new_id() for _ in range(chance.randint(1, 3))]
            rows = [{**ROW, "id": each, "aggregate_id": aggregate, "aggregate_version": version} for each in ids]
            operation = new_id()
            self._history.invoke(operation, "write", ids)
            try:
                with self._writer.begin() as work:
                    work.execute(sa.insert(outbox), rows)
                    time.sleep(chance.uniform(0, LONGEST_TRANSACTION_SECONDS))
            except CampusError as error:
                # Perhaps committed. Nobody asks again: whether it is published depends on whether it is there.
                self._history.info(operation, error.reason)
                time.sleep(0.1)
            else:
                self._history.ok(operation)


async def _stored(url: str) -> list[Stored]:
    client = await nats.connect(url)
    js = client.jetstream()
    found: list[Stored] = []
    last = (await js.stream_info(STREAM)).state.last_seq
    subscription = await js.pull_subscribe(SUBJECT, stream=STREAM, config=ConsumerConfig(ack_policy=AckPolicy.NONE))
    reached = 0
    while reached < last:
        for message in await subscription.fetch(500, timeout=5):
            headers = message.headers or {}
            found.append((headers["Nats-Msg-Id"], headers["aggregate-id"], int(headers["aggregate-version"])))
            reached = message.metadata.sequence.stream
    await client.close()
    return found


def stored(site: Site) -> list[Stored]:
    """Everything in the stream, in its order: event, aggregate, version."""
    return asyncio.run(_stored(site.mesh.nats_url(OBSERVER)))


def waiting(site: Site) -> int:
    """How many events are committed and not marked as published."""
    with site.database(witness.NAME) as connection:
        found = connection.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL").fetchone()
    return int(str(found[0])) if found else 0


def disorder(events: list[Stored]) -> list[str]:
    """Events that stand in the stream after a later version of their aggregate."""
    newest: dict[str, int] = {}
    found = []
    for event, aggregate, version in events:
        if version < newest.get(aggregate, 0):
            found.append(f"{event}: version {version} of {aggregate} after {newest[aggregate]}")
        newest[aggregate] = max(version, newest.get(aggregate, 0))
    return found


def relay(site: Site, settings: Settings, say: Say) -> Entry:
    """One run and its judgement, without a control."""
    began = time.monotonic()
    entry = Entry(NAME, settings.seed, versions=report.versions())
    flags = ("--by-cursor",) if settings.by_cursor else ()
    site.add(relay_process.NAME, lambda: ("tests.drill.relay_process", *flags))
    try:
        account, saboteur = _load(site, settings, say)
        site.await_ready()
        quiet = time.monotonic()
        if settings.by_cursor:
            # It keeps no record, so it gets as long as it had; what it missed it has passed by long before.
            time.sleep(settings.seconds)
        with suppress(NeverCame):
            wait_until(lambda: settings.by_cursor or not waiting(site), "published", DRAIN_SECONDS)
        entry.drain_s = round(time.monotonic() - quiet, 2)
        events = stored(site)
    finally:
        site.remove(relay_process.NAME)
    entry.faults = dict(sorted(saboteur.landed.items()))
    entry.violate("invariant_breaks", saboteur.dead)
    _judge(account, events, entry)
    entry.seconds = round(time.monotonic() - began, 1)
    return entry


def _load(site: Site, settings: Settings, say: Say) -> tuple[Account, faults.Saboteur]:
    history = History(HISTORIES / f"relay-{settings.seed}-{new_id()}.jsonl")
    writing = Writing(site, history, settings)
    saboteur = faults.Saboteur(
        site,
        history,
        faults.of(random.Random(settings.seed), relay_process.NAME, relay_process.NAME, *faults.STORES),
        every_seconds=settings.every_seconds,
        pause_seconds=0,
        say=say,
    )
    enough = threading.Event()
    sabotage = threading.Thread(target=saboteur.work, args=(enough, settings.faults), daemon=True)
    threads = [sabotage, *writing.threads(enough)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(settings.seconds)
    finally:
        enough.set()
    for thread in threads:
        thread.join()
    writing.close()
    history.close()
    return Account.of(history.path.read_text().splitlines()), saboteur


def _judge(account: Account, events: list[Stored], entry: Entry) -> None:
    attempted = account.attempted
    mine = [event for event in events if event[0] in attempted]
    counted = tally(attempted, account.acked, Counter(event for event, _, _ in mine))
    entry.attempted, entry.acked, entry.recovered = len(attempted), len(account.acked), len(counted.recovered)
    entry.violate("lost", counted.lost)
    entry.violate("order_violations", disorder(mine))
    # A second copy in the stream is what inboxes are for; it is no effect.
    entry.dup_deliveries = counted.repeated.total()
    entry.max_stall_s = round(account.max_stall_seconds, 2)
    entry.uncertain = dict(account.uncertain.most_common())
    entry.operations = {"begun": len(account.effects_of), "answered": len(account.answered)}


def drill(site: Site, settings: Settings, control_seconds: float, say: Say) -> Entry:
    """The drill, and the same with a relay that follows a cursor: it has to miss something."""
    entry = relay(site, settings, say)
    say("negative control: a relay by cursor")
    bad = relay(site, Settings(control_seconds, settings.seed, settings.writers, faults=0, by_cursor=True), say)
    entry.negative_control = Control("relay by cursor", bad.lost > 0, {"lost": bad.lost, "acked": bad.acked})
    return entry

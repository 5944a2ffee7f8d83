"""Publishes what was committed: a relay that forgets nothing and keeps each aggregate's order."""

import random
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
from prometheus_client import Gauge, Histogram

from services.chassis.db import Writer
from services.chassis.driver import connector
from services.chassis.telemetry import logger

log = logger("campus.outbox")

_BACKLOG = Gauge("campus_outbox_backlog", "Events that are committed and not yet published")
_OLDEST = Gauge("campus_outbox_oldest_seconds", "Age of the oldest event that is not yet published")
_LATENCY = Histogram("campus_outbox_publish_seconds", "From the transaction of an event to its acknowledgement by NATS")

# A transaction may commit after one with a higher `seq`. Whoever remembers how far it came would skip it, so the relay
# asks for what is not published, always.
_TAKE = """
SELECT id, subject, payload, headers, aggregate_id, aggregate_version FROM outbox
WHERE published_at IS NULL ORDER BY seq LIMIT %s FOR UPDATE SKIP LOCKED
"""
_MARK = """
UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY(%s::uuid[])
RETURNING extract(epoch FROM clock_timestamp() - created_at)::float8
"""
_MEASURE = """
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8
FROM outbox WHERE published_at IS NULL
"""
# One relay of a service publishes at a time, or two could overtake each other within one aggregate.
_MY_TURN = f"SELECT pg_try_advisory_xact_lock({zlib.crc32(b'campus outbox relay')})"
# Streams keep events for 35 days, and nothing older can come a second time; the inbox outlives them by far.
_CLEAN = (
    "DELETE FROM outbox WHERE published_at < now() - interval '35 days'",
    "DELETE FROM requests WHERE created_at < now() - interval '35 days'",
    "DELETE FROM inbox WHERE handled_at < now() - interval '70 days'",
)


@dataclass(frozen=True)
class Outgoing:
    """An event on its way. `id` is what NATS knows duplicates by."""

    id: str
    subject: str
    payload: bytes
    headers: dict[str, str]
    aggregate_id: str


# Takes chains of events, each chain to be published in its order up to the first failure, and returns the ids that are
# surely stored. An id that isn't returned may be stored all the same.
Publish = Callable[[Sequence[Sequence[Outgoing]]], set[str]]


class Relay:
    """A thread that takes events from the outbox to NATS: woken after a commit, and looking by itself now and then."""

    def __init__(self, writer: Writer, publish: Publish, *, batch: int = 200, poll: float = 0.25) -> None:
        self._connect = connector(writer.url, "relay")
        self._publish, self._batch, self._poll = publish, batch, poll
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._alarm, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox-relay", daemon=True)
        self._housekeeping = threading.Thread(target=self._keep_house, name="outbox-housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._housekeeping.start()

    def wake(self) -> None:
        """Something was committed; never blocks."""
        self._alarm.set()

    def stop(self) -> None:
        """Publishes what is there once more, then ends; what remains is for the next process."""
        self._stopping.set()
        self._alarm.set()
        self._thread.join()
        self._housekeeping.join()

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.is_set():
            self._alarm.wait(pause)
            self._alarm.clear()
            pause = self._round_or_pause()
        self._round_or_pause()
        if self._connection:
            self._connection.close()

    def _round_or_pause(self) -> float:
        """How long to wait until the next round, unless woken."""
        try:
            return self._round()
        except psycopg.Error as error:
            log.warning("the outbox can't be read", exc_info=error)
            if self._connection:
                self._connection.close()
            self._connection = None
            # Deaf to alarms: each commit would otherwise try anew.
            self._stopping.wait(self._poll)
            return 0

    def _round(self) -> float:
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        with connection.transaction():
            if connection.execute(_MY_TURN).fetchone() != (True,):
                return random.uniform(0.005, 0.02)  # noqa: S311 - so that relays don't meet again in step
            chains = _chains(connection.execute(_TAKE, [self._batch]).fetchall())
            if not chains:
                return self._poll
            stored = self._publish(chains)
            for (seconds,) in connection.execute(_MARK, [list(stored)]).fetchall():
                _LATENCY.observe(float(str(seconds)))
        if len(stored) == sum(map(len, chains)):
            return 0
        self._stopping.wait(self._poll)
        return 0

    def _keep_house(self) -> None:
        """Measures what waits, every few seconds, and once an hour forgets what nobody will ask for again."""
        rounds = 0
        while True:
            try:
                with self._connect() as connection:
                    backlog, oldest = connection.execute(_MEASURE).fetchone() or (0, 0.0)
                    _BACKLOG.set(backlog)
                    _OLDEST.set(oldest)
                    for statement in _CLEAN if rounds % 360 == 0 else ():
                        connection.execute(statement)
                rounds += 1
            except psycopg.Error as error:
                log.warning("the outbox can't be measured", exc_info=error)
            if self._stopping.wait(10):
                return


def _chains(rows: Sequence[tuple[object, ...]]) -> list[list[Outgoing]]:
    """Events by aggregate, each aggregate's in order."""
    chains: dict[str, list[Outgoing]] = {}
    for event_id, subject, payload, headers, aggregate_id, version in rows:
        assert isinstance(headers, dict)
        assert isinstance(payload, bytes)
        all_headers = {
            **headers,
            "Nats-Msg-Id": str(event_id),
            "aggregate-id": str(aggregate_id),
            "aggregate-version": str(version),
        }
        event = Outgoing(str(event_id), str(subject), payload, all_headers, str(aggregate_id))
        chains.setdefault(event.aggregate_id, []).append(event)
    return list(chains.values())

"""Handles neighbours' events, each once: its handler, its mark in the inbox, and the dead letters it may end among."""

import hashlib
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message
from prometheus_client import Counter, Histogram
from sqlalchemy.dialects.postgresql import insert

from services.chassis.db import Writer
from services.chassis.tables import dead_letters
from services.chassis.telemetry import describe, in_trace, logger
from services.kernel.events import AlreadyHandled, handling
from services.kernel.ids import id_from, new_id

log = logger("campus.events")

_EVENTS = Counter("campus_events_total", "Events of neighbours by what became of them", ["event", "outcome"])
_LATENCY = Histogram("campus_event_effect_seconds", "From the moment an event occurred to its effect here", ["event"])


@dataclass(frozen=True)
class Envelope:
    """What is known of every event, whatever it says."""

    event_id: str
    subject: str
    occurred_at: datetime
    aggregate_id: str
    aggregate_version: int
    actor: str

    @classmethod
    def of(cls, subject: str, headers: Mapping[str, str], payload: bytes) -> "Envelope":
        return cls(
            event_id=event_id_of(subject, headers, payload),
            subject=subject,
            occurred_at=datetime.fromisoformat(headers["occurred-at"]),
            aggregate_id=headers["aggregate-id"],
            aggregate_version=int(headers["aggregate-version"]),
            actor=headers.get("actor", ""),
        )


def event_id_of(subject: str, headers: Mapping[str, str], payload: bytes) -> str:
    """The event's id; one that came without a proper id is known by its content."""
    try:
        return str(uuid.UUID(headers.get("Nats-Msg-Id", "")))
    except ValueError:
        return id_from(subject, hashlib.sha256(payload).hexdigest())


@dataclass(frozen=True)
class Subscription:
    """Which event is handled by which function. A handler that stores does so in one transaction, which carries the
    event's mark; one that stores nothing is marked afterwards, and must bear being called twice."""

    message_type: type[Message]
    handler: Callable[[Any, Envelope], None]

    @property
    def subject(self) -> str:
        return self.message_type.DESCRIPTOR.full_name

    @property
    def stream(self) -> str:
        return stream_of(self.subject)


def stream_of(subject: str) -> str:
    """The stream of the service that announces `campus.<service>.v1.<Event>`."""
    return f"CAMPUS_{subject.split('.')[1].upper()}"


class Consumer:
    """All that a service does about other services' events."""

    def __init__(self, service: str, writer: Writer, subscriptions: Sequence[Subscription]) -> None:
        self.name, self._writer = service, writer
        self.subscriptions = {subscription.subject: subscription for subscription in subscriptions}
        if len(self.subscriptions) != len(subscriptions):
            raise ValueError("an event has one handler in a service")

    def handle(self, subject: str, headers: Mapping[str, str], payload: bytes) -> None:
        """Returns when the event had its effect, now or before; raises what the handler raises."""
        outcome = "failed"
        try:
            self._handle(subject, headers, payload)
            outcome = "handled"
        except AlreadyHandled:
            outcome = "duplicate"
        finally:
            _EVENTS.labels(subject, outcome).inc()

    def _handle(self, subject: str, headers: Mapping[str, str], payload: bytes) -> None:
        envelope = Envelope.of(subject, headers, payload)
        subscription = self.subscriptions[subject]
        message = subscription.message_type.FromString(payload)
        trace = in_trace(headers.get("traceparent"), headers.get("correlation-id"), envelope.actor)
        with trace, handling(self.name, envelope.event_id) as event:
            subscription.handler(message, envelope)
            if not event.marked:
                self._writer.mark()
        _LATENCY.labels(subject).observe((datetime.now(UTC) - envelope.occurred_at).total_seconds())

    def bury(
        self, subject: str, headers: Mapping[str, str], payload: bytes, error: BaseException, attempts: int
    ) -> None:
        """Puts an event among the dead letters, with what was wrong with it but not the words of the exception."""
        told = {"reason": f"{type(error).__name__} {describe(error)['at'][-1:]}", "attempts": attempts}
        row = {"id": new_id(), "consumer": self.name, "event_id": event_id_of(subject, headers, payload)}
        what = {"subject": subject, "headers": dict(headers), "payload": payload}
        again = {**told, "died_at": sa.func.now(), "replayed_at": None}
        statement = insert(dead_letters).values(**row, **what, **told)
        with self._writer.begin() as work:
            work.execute(statement.on_conflict_do_update(index_elements=["consumer", "event_id"], set_=again))
        _EVENTS.labels(subject, "dead").inc()
        log.error("an event died", extra={"fields": {"event": subject, **row, **told}})

    def dead(self) -> list[dict[str, Any]]:
        """The dead letters that were not replayed, oldest first, without what they say."""
        shown = [c for c in dead_letters.c if c.name not in ("payload", "headers", "replayed_at", "consumer")]
        waiting = sa.select(*shown).where(dead_letters.c.replayed_at.is_(None), dead_letters.c.consumer == self.name)
        with self._writer.begin() as work:
            return [dict(row) for row in work.execute(waiting.order_by(dead_letters.c.died_at)).mappings()]

    def replay(self, dead_letter_id: str) -> None:
        """Handles a dead letter anew; its effect happens once, however often it is replayed. Later events of the same
        aggregate went ahead of it, so its handler has to bear that."""
        this = dead_letters.c.id == dead_letter_id
        with self._writer.begin() as work:
            letter = work.execute(sa.select(dead_letters).where(this, dead_letters.c.replayed_at.is_(None))).first()
        if not letter:
            raise SystemExit(f"no dead letter {dead_letter_id} waits")
        self.handle(letter.subject, letter.headers, letter.payload)
        with self._writer.begin() as work:
            work.execute(sa.update(dead_letters).where(this).values(replayed_at=sa.func.now()))

    def dead_letters_task(self, arguments: list[str]) -> None:
        """What an operator types: `list`, or `replay` and the ids of dead letters."""
        match arguments or ["list"]:
            case ["list"]:
                for letter in self.dead():
                    sys.stdout.write(" ".join(f"{key}={value}" for key, value in letter.items()) + "\n")
            case ["replay", *ids] if ids:
                for letter_id in ids:
                    self.replay(letter_id)
            case _:
                raise SystemExit("usage: dead-letters [list | replay ID...]")

"""Events on their way: every outbox against every inbox, and in which order each consumer acted."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx
from campus.learning.v1 import events_pb2

from tests.drill import witness
from tests.drill.site import Site

# What must happen once for each aggregate; lessons are told apart by what the event says.
ONCE = {
    "campus.identity.v1.UserRegistered",
    "campus.billing.v1.PaymentSucceeded",
    "campus.billing.v1.EntitlementGranted",
    "campus.learning.v1.EnrollmentCreated",
    "campus.learning.v1.CourseCompleted",
    "campus.certification.v1.CertificateIssued",
}
LISTENERS = ("learning", "certification", "messaging", witness.NAME)
LESSON_COMPLETED = events_pb2.LessonCompleted.DESCRIPTOR.full_name


@dataclass(frozen=True)
class Announced:
    """A row of an outbox."""

    id: str
    subject: str
    aggregate: str
    version: int
    published: bool
    payload: bytes

    @property
    def cause(self) -> tuple[str, ...] | None:
        """What may be announced once only."""
        if self.subject == LESSON_COMPLETED:
            return self.subject, self.aggregate, events_pb2.LessonCompleted.FromString(self.payload).lesson_id
        return (self.subject, self.aggregate) if self.subject in ONCE else None


@dataclass(frozen=True)
class Flow:
    """Everything that was announced, and the places at which each consumer acted on it."""

    announced: dict[str, list[Announced]]
    wanted: dict[str, set[str]]
    acted: dict[str, dict[str, list[Any]]]
    undelivered: int = 0

    @property
    def unpublished(self) -> list[str]:
        return [f"{each.subject} {each.id}" for each in self._all() if not each.published]

    @property
    def missing(self) -> list[str]:
        """Events that a consumer wants and did not act on, and consumers that should want some and don't."""
        return [f"{consumer} listens to nothing" for consumer in LISTENERS if not self.wanted.get(consumer)] + [
            f"{consumer} lacks {each.subject} {each.id}"
            for consumer, subjects in self.wanted.items()
            for each in self._all()
            if each.subject in subjects and each.id not in self.acted[consumer]
        ]

    @property
    def unheard_of(self) -> list[str]:
        """Events that a consumer acted on and nobody announced."""
        known = {each.id for each in self._all()}
        return [
            f"{consumer} {event}" for consumer, events in self.acted.items() for event in events if event not in known
        ]

    @property
    def acted_again(self) -> Counter[str]:
        """Per consumer, actions beyond the first of each event. Inboxes can't show any; the witness can."""
        again = {
            consumer: sum(len(places) - 1 for places in events.values()) for consumer, events in self.acted.items()
        }
        return +Counter(again)

    @property
    def announced_again(self) -> Counter[str]:
        """Events announced more than once for the same cause."""
        causes = Counter(each.cause for each in self._all() if each.cause)
        return Counter({" ".join(cause): count - 1 for cause, count in causes.items() if cause and count > 1})

    @property
    def disorder(self) -> list[str]:
        """Events of an aggregate that a consumer acted on the wrong way round, or that carry falling versions."""
        found = []
        for aggregate, events in self._by_aggregate().items():
            found += [
                f"{aggregate}: version {later.version} after {earlier.version}"
                for earlier, later in itertools.pairwise(events)
                if later.version < earlier.version
            ]
            for consumer, acted in self.acted.items():
                seen = [(each, acted[each.id][0]) for each in events if each.id in acted]
                found += [
                    f"{consumer}: {later.subject} {later.id} before {earlier.subject} {earlier.id}"
                    for (earlier, first), (later, second) in itertools.pairwise(seen)
                    if second < first
                ]
        return found

    def _all(self) -> Iterable[Announced]:
        return itertools.chain.from_iterable(self.announced.values())

    def _by_aggregate(self) -> dict[str, list[Announced]]:
        found: dict[str, list[Announced]] = defaultdict(list)
        for events in self.announced.values():
            for each in events:
                found[each.aggregate].append(each)
        return found


def read(site: Site) -> Flow:
    """The flow as it is now. Consumers first: what they lack is then surely in an outbox that is read later."""
    consumers = _consumers(site)
    wanted = _wanted(consumers)
    acted = {consumer: _acted(site, consumer) for consumer in wanted}
    undelivered = sum(consumer["num_pending"] for consumer in consumers)
    return Flow({service: _outbox(site, service) for service in site.services}, wanted, acted, undelivered)


def _consumers(site: Site) -> list[dict[str, Any]]:
    """What JetStream knows of the consumers that services and the witness made."""
    monitor = f"http://127.0.0.1:{site.mesh.plan.nats.monitor_port}/jsz"
    answer = httpx.get(monitor, params={"consumers": "1", "config": "1"}, timeout=5).json()
    return [
        consumer
        for account in answer.get("account_details", [])
        for stream in account.get("stream_detail") or []
        for consumer in stream.get("consumer_detail") or []
        if consumer["config"].get("durable_name") in (*site.services, witness.NAME)
    ]


def _wanted(consumers: list[dict[str, Any]]) -> dict[str, set[str]]:
    """The events each consumer asked for; the witness wants all of them."""
    found: dict[str, set[str]] = defaultdict(set)
    for consumer in consumers:
        config = consumer["config"]
        found[config["durable_name"]].update(config.get("filter_subjects") or [config.get("filter_subject")])
    found[witness.NAME] |= {event_type.DESCRIPTOR.full_name for event_type in witness.event_types()}
    return dict(found)


def _outbox(site: Site, service: str) -> list[Announced]:
    query = """
        SELECT id::text, subject, aggregate_id, aggregate_version, published_at IS NOT NULL, payload
        FROM outbox ORDER BY seq"""
    with site.database(service) as connection:
        return [Announced(*row) for row in connection.execute(query).fetchall()]  # type: ignore[arg-type]


def _acted(site: Site, consumer: str) -> dict[str, list[Any]]:
    if consumer == witness.NAME:
        query = "SELECT event_id::text, place FROM seen ORDER BY place"
    else:
        query = "SELECT event_id::text, handled_at FROM inbox"
    found: dict[str, list[Any]] = defaultdict(list)
    with site.database(consumer) as connection:
        for event_id, place in connection.execute(query).fetchall():
            found[str(event_id)].append(place)
    return dict(found)

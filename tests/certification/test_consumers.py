"""Learning's event: it has its effect once, in whatever company it comes."""

import pytest
from campus.learning.v1.events_pb2 import CourseCompleted

from services.certification import commands
from services.certification.adapters.postgres import PostgresStore
from services.certification.consumers import Consumers
from services.certification.domain.certificate import Completion
from services.certification.domain.errors import CourseNotCompleted
from services.certification.wire import timestamp
from services.chassis.consumer import Consumer
from services.chassis.db import Database
from services.kernel.errors import DependencyUnavailable
from services.kernel.ids import new_id
from tests.certification.conftest import DONE, START, FakeClock, FakeNeighbours
from tests.harness.databases import announced


class Told:
    """Hands events to the service as the bus does: with their headers, and a mark in the inbox."""

    def __init__(self, database: Database, neighbours: FakeNeighbours, clock: FakeClock) -> None:
        self.store, self.woken = PostgresStore(database.writer), 0
        consumers = Consumers(self.store, neighbours, self._wake, clock)
        self._consumer = Consumer("certification", database.writer, consumers.subscriptions)

    def __call__(self, ids: tuple[str, str], event_id: str = "") -> None:
        message = CourseCompleted(
            enrollment_id=new_id(), user_id=ids[0], course_id=ids[1], course_version=3, completed_at=timestamp(DONE)
        )
        headers = {
            "Nats-Msg-Id": event_id or new_id(),
            "occurred-at": START.isoformat(),
            "aggregate-id": new_id(),
            "aggregate-version": "1",
        }
        self._consumer.handle(message.DESCRIPTOR.full_name, headers, message.SerializeToString())

    def certified(self, ids: tuple[str, str]) -> bool:
        with self.store.begin() as tx:
            return tx.certificates.of_learner(*ids) is not None

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def told(database: Database, neighbours: FakeNeighbours, clock: FakeClock) -> Told:
    return Told(database, neighbours, clock)


def test_a_completion_certifies_once_however_often_it_is_told(
    told: Told, neighbours: FakeNeighbours, database: Database
) -> None:
    ids, event_id = neighbours.completes(), new_id()
    for same in (event_id, event_id, new_id()):
        told(ids, same)
    assert told.certified(ids)
    assert announced(database) == ["CertificateIssued"]
    assert told.woken


def test_a_completion_finds_the_certificate_that_was_asked_for_meanwhile(
    told: Told, neighbours: FakeNeighbours, database: Database, clock: FakeClock
) -> None:
    ids = neighbours.completes()
    commands.generate_certificate(commands.GenerateCertificate(*ids), told.store, neighbours, clock)
    told(ids)
    assert announced(database) == ["CertificateIssued"]


def test_who_lost_the_entitlement_gets_none_and_may_ask_later(
    told: Told, neighbours: FakeNeighbours, clock: FakeClock
) -> None:
    ids, event_id = neighbours.completes(), new_id()
    neighbours.entitled.clear()
    told(ids, event_id)
    assert not told.certified(ids)
    neighbours.entitled.add(ids)
    told(ids, event_id)
    assert not told.certified(ids), "the event was handled"
    commands.generate_certificate(commands.GenerateCertificate(*ids), told.store, neighbours, clock)
    assert told.certified(ids)


def test_an_event_that_no_neighbour_confirms_yet_comes_again(told: Told, neighbours: FakeNeighbours) -> None:
    ids, event_id = neighbours.completes(), new_id()
    true, name = neighbours.completions[ids], neighbours.names.pop(ids[0])
    with pytest.raises(DependencyUnavailable):
        told(ids, event_id)
    neighbours.names[ids[0]] = name
    neighbours.completions[ids] = Completion(None, new_id(), 3, 5_000, 1)
    with pytest.raises(CourseNotCompleted):
        told(ids, event_id)
    assert not told.certified(ids)
    neighbours.completions[ids] = true
    told(ids, event_id)
    assert told.certified(ids)

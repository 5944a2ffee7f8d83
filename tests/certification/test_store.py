"""One suite for the store in memory and the one in PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from services.certification.adapters.postgres import PostgresStore
from services.certification.domain.certificate import Certificate, State
from services.certification.domain.document import Document
from services.certification.ports import Store
from services.chassis.db import Database
from services.chassis.driver import ConstraintBroken
from services.kernel.errors import StaleVersion
from services.kernel.events import AlreadyHandled, handling
from services.kernel.ids import new_id
from tests.certification.conftest import START, added, certificate
from tests.harness.databases import announced

LATER = START + timedelta(seconds=30)


def take(store: Store, after: timedelta = timedelta()) -> str | None:
    with store.begin() as tx:
        return tx.documents.take_due(START + after, START + after + timedelta(seconds=30))


def add(store: Store, made: Certificate) -> bool:
    with store.begin() as tx:
        return tx.certificates.add(made)


def test_what_is_added_is_found_by_id_and_by_learner_and_course(store: Store) -> None:
    made = added(store, certificate(name="Зоя", title="漢字"))
    assert made.version == 1
    with store.begin() as tx:
        assert tx.certificates.get(made.id) == made
        assert tx.certificates.of_learner(made.user_id, made.course_id) == made
        assert tx.certificates.get(new_id()) is None
        assert tx.certificates.of_learner(made.user_id, new_id()) is None


def test_there_is_one_per_learner_and_course(store: Store) -> None:
    first = added(store, certificate())
    second = certificate(first.user_id, first.course_id)
    with store.begin() as tx:
        assert not tx.certificates.add(second)
        assert tx.certificates.of_learner(first.user_id, first.course_id) == first
        assert tx.certificates.get(second.id) is None
    assert add(store, certificate(first.user_id))
    assert add(store, certificate(course_id=first.course_id))


def test_of_those_who_add_at_once_one_wins(store: Store) -> None:
    user_id, course_id = new_id(), new_id()
    with ThreadPoolExecutor(6) as threads:
        won = list(threads.map(lambda _: add(store, certificate(user_id, course_id)), range(12)))
    assert won.count(True) == 1


def test_the_second_of_two_writers_is_told_to_read_again(store: Store) -> None:
    made = added(store, certificate())
    with store.begin() as tx:
        stale = tx.certificates.get(made.id)
    assert stale
    made.revoke()
    with store.begin() as tx:
        tx.certificates.save(made)
    with store.begin() as tx:
        kept = tx.certificates.get(made.id)
    assert kept
    assert (kept.state, kept.version) == (State.REVOKED, 2)
    with pytest.raises(StaleVersion), store.begin() as tx:
        tx.certificates.save(stale)


def test_a_transaction_that_fails_leaves_no_trace(store: Store) -> None:
    made = certificate()
    with pytest.raises(ZeroDivisionError), store.begin() as tx:
        tx.certificates.add(made)
        raise ZeroDivisionError
    with store.begin() as tx:
        assert tx.certificates.get(made.id) is None
    assert take(store) is None


def test_each_document_is_given_to_one_until_the_lease_ends(store: Store) -> None:
    made = {added(store, certificate()).id for _ in range(3)}
    with ThreadPoolExecutor(6) as threads:
        taken = [id_ for id_ in threads.map(lambda _: take(store), range(12)) if id_]
    # Someone may pass over what another one is just taking; whoever looks again finds it.
    taken += list(iter(lambda: take(store), None))
    assert sorted(taken) == sorted(made)
    assert take(store, timedelta(seconds=29)) is None
    assert take(store, timedelta(seconds=30)) in made


def test_what_is_recorded_first_stands_and_is_due_no_more(store: Store) -> None:
    made = added(store, certificate())
    first, second = Document(made.id, "name", "a" * 64), Document(made.id, "name", "b" * 64)
    with store.begin() as tx:
        assert tx.documents.get(made.id) is None
        assert tx.documents.record(first, START) == first
    with store.begin() as tx:
        assert tx.documents.record(second, LATER) == first
        assert tx.documents.get(made.id) == first
    assert take(store, timedelta(days=1)) is None


def test_an_event_has_its_effect_once(store: Store) -> None:
    made, event_id = certificate(), new_id()
    with handling("certification", event_id), store.begin() as tx:
        tx.certificates.add(made)
    with pytest.raises(AlreadyHandled), handling("certification", event_id), store.begin() as tx:
        tx.certificates.add(certificate())
    with store.begin() as tx:
        assert tx.certificates.get(made.id) == made


def test_a_code_belongs_to_one_certificate(database: Database) -> None:
    store = PostgresStore(database.writer)
    first, second = added(store, certificate()), certificate()
    second.code = first.code
    with pytest.raises(ConstraintBroken, match="certificates_code_excl"):
        add(store, second)
    assert announced(database) == ["CertificateIssued"]

"""One suite for memory and PostgreSQL: devices, counted tries, letters and their tokens, held rows."""

from dataclasses import replace
from datetime import timedelta

from services.identity.domain.letter import LEASE, Letter, MailToken, Subject
from services.identity.domain.session import Session
from services.identity.domain.throttle import Limit
from services.identity.ports import Store
from services.kernel.ids import new_id
from tests.identity.conftest import START
from tests.identity.test_store import add, user

LIMIT = Limit("key", 3, timedelta(minutes=15))
MINUTE = timedelta(minutes=1)


def test_tries_are_counted_per_key_until_their_window_ends(store: Store) -> None:
    with store.begin() as tx:
        assert tx.attempts.count(LIMIT, START) == (1, START + LIMIT.window)
        assert tx.attempts.count(LIMIT, START + MINUTE) == (2, START + LIMIT.window)
        assert tx.attempts.count(Limit("other", 3), START)[0] == 1
        assert tx.attempts.count(LIMIT, START + LIMIT.window) == (1, START + 2 * LIMIT.window)


def test_good_tries_are_taken_back_and_a_proof_forgets_all(store: Store) -> None:
    with store.begin() as tx:
        for _ in range(3):
            tx.attempts.count(LIMIT, START)
        tx.attempts.uncount(LIMIT)
        assert tx.attempts.count(LIMIT, START)[0] == 3
        tx.attempts.clear(LIMIT)
        assert tx.attempts.count(LIMIT, START)[0] == 1
        tx.attempts.uncount(Limit("never counted", 3))


def test_a_device_belongs_to_who_signed_in_on_it_first(store: Store) -> None:
    ada, bob = user(), user("bob@example.com", "bob")
    add(store, ada, bob)
    with store.begin() as tx:
        tx.devices.remember("device", ada.id, START)
        tx.devices.remember("device", bob.id, START + MINUTE)
        assert tx.devices.belongs("device", ada.id)
        assert not tx.devices.belongs("device", bob.id)
        assert not tx.devices.belongs("other", ada.id)


def test_a_link_is_taken_once_and_comes_back_neither_used_nor_replaced(store: Store) -> None:
    ada = user()
    add(store, ada)
    first = MailToken("first", ada.id, Subject.RESET_PASSWORD, "ada@example.com", START)
    second = replace(first, token_hash="second", issued_at=START + MINUTE)
    with store.begin() as tx:
        tx.mail_tokens.issue(first)
        assert tx.mail_tokens.take("first", Subject.VERIFY_EMAIL, START) is None
        assert tx.mail_tokens.take("first", Subject.RESET_PASSWORD, START) == first
        tx.mail_tokens.issue(first)
        assert tx.mail_tokens.take("first", Subject.RESET_PASSWORD, START) is None
        tx.mail_tokens.issue(second)
        tx.mail_tokens.issue(first)
        assert tx.mail_tokens.take("first", Subject.RESET_PASSWORD, START) is None
        assert tx.mail_tokens.take("second", Subject.RESET_PASSWORD, START) == second


def test_a_leased_letter_is_nobody_elses_until_the_lease_ends(store: Store) -> None:
    letter = Letter(new_id(), Subject.VERIFY_EMAIL, "sealed", START, START)
    with store.begin() as tx:
        tx.letters.add(letter)
        assert tx.letters.lease(START - MINUTE) is None
        assert tx.letters.lease(START) == replace(letter, attempts=1, due_at=START + LEASE)
        assert tx.letters.lease(START) is None
        assert tx.letters.lease(START + LEASE) == replace(letter, attempts=2, due_at=START + 3 * LEASE)
        tx.letters.remove(letter.id)
        assert tx.letters.lease(START + timedelta(days=1)) is None


def test_only_the_users_living_sessions_are_held(store: Store) -> None:
    ada, bob = user(), user("bob@example.com", "bob")
    add(store, ada, bob)
    mine, ended, theirs = (Session.start(new_id(), whose, START, "Firefox") for whose in (ada.id, ada.id, bob.id))
    with store.begin() as tx:
        for number, session in enumerate((mine, ended, theirs)):
            tx.sessions.add(session, f"hash-{number}")
        ended.revoke(START)
        tx.sessions.save(ended)
        assert tx.sessions.hold_living(ada.id) == [mine]
        assert tx.users.hold(ada.id) == ada
        assert tx.users.by_identifier("") is None

"""One suite for the store in memory and the one in PostgreSQL."""

from datetime import timedelta

import pytest

from services.identity.domain.errors import EmailTaken, UsernameTaken
from services.identity.domain.session import Refreshed, Session
from services.identity.domain.user import User
from services.identity.ports import Store
from services.kernel.errors import RequestIdReused, StaleVersion
from services.kernel.events import AlreadyHandled, handling
from services.kernel.ids import new_id
from services.kernel.requests import RequestKey
from tests.identity.conftest import START


def user(email: str = "ada@example.com", username: str = "Ada") -> User:
    return User.register(new_id(), email=email, username=username, name="Ada", password_hash="h", now=START)


def add(store: Store, *users: User) -> None:
    with store.begin() as tx:
        for each in users:
            tx.users.add(each)


def test_what_is_added_is_found_by_id_email_and_username(store: Store) -> None:
    ada = user()
    add(store, ada)
    with store.begin() as tx:
        assert tx.users.get(ada.id) == ada
        assert tx.users.by_identifier("ADA@example.com") == ada
        assert tx.users.by_identifier("aDA") == ada
        assert tx.users.by_identifier("someone") is None
        assert tx.users.get(new_id()) is None


def test_an_email_and_a_username_belong_to_one_account_whatever_the_case(store: Store) -> None:
    add(store, user())
    with pytest.raises(EmailTaken):
        add(store, user("Ada@Example.com", "other"))
    with pytest.raises(UsernameTaken):
        add(store, user("other@example.com", "ADA"))


def test_many_accounts_may_have_no_username(store: Store) -> None:
    users = [user("a@example.com", ""), user("b@example.com", "")]
    add(store, *users)
    with store.begin() as tx:
        assert [tx.users.get(each.id) for each in users] == users


def test_a_username_taken_meanwhile_is_refused_when_saved(store: Store) -> None:
    ada, bob = user(), user("bob@example.com", "bob")
    add(store, ada, bob)
    with pytest.raises(UsernameTaken), store.begin() as tx:
        found = tx.users.get(bob.id)
        assert found
        found.update_profile({"username": "ada"}, "", START)
        tx.users.save(found)


def test_the_second_of_two_writers_is_told_to_read_again(store: Store) -> None:
    ada = user()
    add(store, ada)
    with store.begin() as tx:
        first, second = tx.users.get(ada.id), tx.users.get(ada.id)
        assert first
        assert second
    with store.begin() as tx:
        first.update_profile({"name": "First"}, "", START)
        tx.users.save(first)
    with pytest.raises(StaleVersion), store.begin() as tx:
        second.update_profile({"name": "Second"}, "", START)
        tx.users.save(second)


def test_a_refused_transaction_leaves_no_trace(store: Store) -> None:
    ada = user()
    with pytest.raises(LookupError), store.begin() as tx:
        tx.users.add(ada)
        raise LookupError
    with store.begin() as tx:
        assert tx.users.get(ada.id) is None


def test_every_refresh_token_of_a_session_leads_to_it_with_its_generation(store: Store) -> None:
    ada = user()
    session = Session.start(new_id(), ada.id, START)
    add(store, ada)
    with store.begin() as tx:
        tx.sessions.add(session, "hash-1")
    with store.begin() as tx:
        found = tx.sessions.by_refresh_hash("hash-1")
        assert found == (session, 1)
        assert found[0].refresh(1, START + timedelta(days=1)) is Refreshed.ROTATED
        tx.sessions.save(found[0], "hash-2")
    with store.begin() as tx:
        older, newer = tx.sessions.by_refresh_hash("hash-1"), tx.sessions.by_refresh_hash("hash-2")
        assert older
        assert newer
        assert (older[1], newer[1]) == (1, 2)
        assert older[0] == newer[0] == tx.sessions.get(session.id)
        assert tx.sessions.by_refresh_hash("hash-3") is None


def test_a_request_id_leads_to_what_the_first_call_made(store: Store) -> None:
    key = RequestKey("someone", "Register", "r1", b"content")
    with store.begin() as tx:
        assert tx.requests.claim(key, "made-first") is None
    with store.begin() as tx:
        assert tx.requests.claim(key, "made-second") == "made-first"
    with pytest.raises(RequestIdReused), store.begin() as tx:
        tx.requests.claim(RequestKey("someone", "Register", "r1", b"other"), "made-third")
    with store.begin() as tx:
        assert tx.requests.claim(RequestKey("someone else", "Register", "r1", b"other"), "theirs") is None


def test_an_event_has_its_effect_once(store: Store) -> None:
    event_id = new_id()
    with handling("identity", event_id):
        add(store, user())
    with handling("identity", event_id), pytest.raises(AlreadyHandled):
        add(store, user("bob@example.com", "bob"))
    with store.begin() as tx:
        assert tx.users.by_identifier("bob") is None

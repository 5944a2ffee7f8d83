"""One suite for memory and PostgreSQL: instructor applications and the audit log."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from services.identity import commands
from services.identity.domain.application import Evidence, InstructorApplication
from services.identity.domain.audit import Deed
from services.identity.domain.errors import ApplicationPending
from services.identity.ports import Store
from services.kernel.errors import StaleVersion
from services.kernel.ids import new_id
from tests.identity.conftest import START, FakeClock
from tests.identity.test_store import add, user


def test_a_user_has_one_application_and_the_second_writer_reads_again(store: Store) -> None:
    ada = user()
    add(store, ada)
    evidence = (Evidence("Diploma", "https://example.com/d"),)
    application = InstructorApplication.submit(new_id(), ada.id, "Algebra", evidence, START)
    with store.begin() as tx:
        assert tx.applications.of_user(ada.id) is None
        tx.applications.add(application)
        assert tx.applications.get(application.id) == tx.applications.of_user(ada.id) == application
    with pytest.raises(ApplicationPending), store.begin() as tx:
        tx.applications.add(InstructorApplication.submit(new_id(), ada.id, "Again", (), START))
    with store.begin() as tx:
        first, second = tx.applications.get(application.id), tx.applications.get(application.id)
    assert first
    assert second
    with store.begin() as tx:
        first.approve(START)
        tx.applications.save(first)
    with pytest.raises(StaleVersion), store.begin() as tx:
        second.reject("no", START)
        tx.applications.save(second)


def test_deeds_done_at_once_stand_one_after_the_other(store: Store, clock: FakeClock) -> None:
    accounts = [user(f"u{number}@example.com", f"u{number}") for number in range(12)]
    add(store, *accounts)

    def block(user_id: str) -> None:
        commands.block_user(commands.BlockUser(new_id(), user_id, "spam"), store, clock)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(block, [each.id for each in accounts]))
    with store.begin() as tx:
        # The next one follows from the last of them: nothing was left out, nothing stands twice.
        tx.audit.append(Deed("operator", "Test", accounts[0].id, {}, {}, START))
        assert all(blocked and blocked.blocked_at for blocked in (tx.users.get(each.id) for each in accounts))

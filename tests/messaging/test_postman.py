"""The sender: woken at once, sharing the work, and taking over from one that was killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from deploy.local import ports
from services.chassis.db import Database
from services.chassis.worker import Worker
from services.kernel.clock import system_clock
from services.kernel.ids import new_id
from services.messaging import commands, queries
from services.messaging.adapters.postgres import PostgresStore
from services.messaging.adapters.smtp import SmtpMailer
from services.messaging.domain.delivery import LEASE, State
from services.messaging.domain.notification import Channel
from tests.deploy.standins.mail.post_office import PostOffice
from tests.messaging.conftest import SITE, FakeClock, FakeUsers, notification, stored
from tests.messaging.doomed_postman import Ada

SENDER = "no-reply@campus.test"


def within(seconds: float, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def mailed(store: PostgresStore, user_id: str = "") -> str:
    """Stores a notification by mail, due now; the id of its delivery."""
    return stored(store, notification(user_id, (Channel.EMAIL,), at=system_clock()))[0].id


def state(database: Database, delivery_id: str) -> tuple[str, int]:
    page = queries.list_deliveries(queries.ListDeliveries("", None, None, 100, ""), database.reader)
    (row,) = (row for row in page.rows if row.id == delivery_id)
    return row.state, row.attempt_count


@pytest.fixture
def store(database: Database) -> PostgresStore:
    return PostgresStore(database.writer)


@pytest.fixture
def postmen() -> Iterator[Callable[..., Worker]]:
    running: list[Worker] = []

    def start(deliver_next: Callable[[], bool], **options: Any) -> Worker:
        running.append(Worker("postman", deliver_next, **options))
        running[-1].start()
        return running[-1]

    yield start
    for postman in running:
        postman.stop()


def test_a_mail_goes_out_as_soon_as_the_sender_is_woken(
    database: Database, store: PostgresStore, users: FakeUsers, office: PostOffice, postmen: Callable[..., Worker]
) -> None:
    to = f"u{new_id()}@example.com"
    mailer = SmtpMailer(f"smtp://127.0.0.1:{office.smtp_port}", SENDER, system_clock)
    looked = threading.Event()

    def deliver() -> bool:
        found = commands.deliver_next(store, users, mailer, SITE, system_clock)
        looked.set()
        return found

    postman = postmen(deliver, threads=1, pause=60)
    assert looked.wait(5)
    mail = mailed(store, users.has("Ada", to))
    postman.wake()
    within(30, lambda: state(database, mail) == (State.SENT, 1))
    assert len(office.messages(to)) == 1


def test_several_senders_share_the_work_and_each_mail_is_sent_once(
    database: Database, store: PostgresStore, users: FakeUsers, office: PostOffice, postmen: Callable[..., Worker]
) -> None:
    addresses = [f"u{new_id()}@example.com" for _ in range(24)]
    mails = [mailed(store, users.has("Ada", to)) for to in addresses]
    mailer = SmtpMailer(f"smtp://127.0.0.1:{office.smtp_port}", SENDER, system_clock)
    for _ in range(3):
        postmen(lambda: commands.deliver_next(store, users, mailer, SITE, system_clock), threads=2, pause=1)
    within(60, lambda: all(state(database, mail)[0] == State.SENT for mail in mails))
    assert [len(office.messages(to)) for to in addresses] == [1] * len(addresses)
    assert {state(database, mail)[1] for mail in mails} == {1}


class Killer:
    """A mail server that takes the letter and, before it says so, kills who sent it; later ones live."""

    def __init__(self) -> None:
        self.letters: list[bytes] = []
        self.victim: subprocess.Popen[bytes] | None = None

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.letters.append(envelope.content)
        if self.victim is not None:
            os.kill(self.victim.pid, signal.SIGKILL)
            self.victim = None
        return "250 2.0.0 Taken"


@pytest.fixture
def killer() -> Iterator[tuple[Killer, int]]:
    handler = Killer()
    controller = Controller(handler, hostname="127.0.0.1", port=ports.choose())
    controller.start()
    yield handler, controller.port
    controller.stop()


def test_a_killed_senders_mail_is_sent_by_the_next_one_under_the_same_id(
    database: Database, store: PostgresStore, killer: tuple[Killer, int]
) -> None:
    handler, port = killer
    mail = mailed(store)
    url = f"smtp://127.0.0.1:{port}"
    program = [sys.executable, "-m", "tests.messaging.doomed_postman", database.writer.url, url]
    victim = handler.victim = subprocess.Popen(program)
    assert victim.wait(60) == -signal.SIGKILL
    assert state(database, mail) == (State.PENDING, 1)

    clock = FakeClock()
    clock.now = system_clock()
    mailer = SmtpMailer(url, SENDER, clock)
    assert not commands.deliver_next(store, Ada(), mailer, SITE, clock), "it is the killed one's for the time being"
    clock.advance(LEASE)
    assert commands.deliver_next(store, Ada(), mailer, SITE, clock)
    assert state(database, mail) == (State.SENT, 2)
    ids = [message_from_bytes(letter)["Message-ID"] for letter in handler.letters]
    assert ids == [f"<{mail}@campus.test>"] * 2

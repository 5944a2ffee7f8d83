"""The real processes on real PostgreSQL, NATS, certificates and mail: from an event to list, stream and inbox."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from campus.catalog.v1 import catalog_internal_service_pb2 as catalog_pb
from campus.catalog.v1 import catalog_internal_service_pb2_grpc as catalog_grpc
from campus.identity.v1 import identity_internal_service_pb2 as identity_pb
from campus.identity.v1 import identity_internal_service_pb2_grpc as identity_grpc
from campus.identity.v1 import key_service_pb2_grpc as key_grpc
from campus.identity.v1.events_pb2 import SessionRevoked, UserRegistered
from campus.identity.v1.profile_service_pb2 import User
from campus.learning.v1.events_pb2 import EnrollmentCreated
from campus.messaging.v1 import notification_service_pb2 as pb
from campus.messaging.v1.notification_service_pb2_grpc import NotificationServiceStub
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.local import ports
from deploy.local.nats import Nats
from deploy.local.pki import Pki
from deploy.local.postgres import Postgres
from services.chassis.bus import Bus
from services.chassis.outbox import Outgoing
from services.kernel.clock import system_clock
from services.kernel.ids import new_id
from services.messaging.wire import timestamp
from tests.deploy.standins.mail.post_office import PostOffice
from tests.harness.databases import migrated
from tests.harness.serving import Signer
from tests.messaging.test_postman import within

LATIN = new_id()


class Accounts(identity_grpc.IdentityInternalServiceServicer, key_grpc.KeyServiceServicer):
    """The part of identity that messaging asks."""

    def __init__(self) -> None:
        self.signer = Signer()
        self.kept: dict[str, User] = {}

    def has(self, name: str) -> User:
        user_id = new_id()
        self.kept[user_id] = User(user_id=user_id, name=name, email=f"{name.lower()}-{user_id}@example.com")
        return self.kept[user_id]

    def BatchGetUsers(self, request: Any, context: grpc.ServicerContext) -> identity_pb.BatchGetUsersResponse:
        found = [self.kept[user_id] for user_id in request.user_ids if user_id in self.kept]
        return identity_pb.BatchGetUsersResponse(users=found)

    def ConfirmErasure(self, request: Any, context: grpc.ServicerContext) -> identity_pb.ConfirmErasureResponse:
        raise AssertionError("messaging erases nothing")

    def GetKeySet(self, request: Any, context: grpc.ServicerContext) -> HttpBody:
        return HttpBody(content_type="application/jwk-set+json", data=self.signer.key_set())


class Titles(catalog_grpc.CatalogInternalServiceServicer):
    """The part of catalog that messaging asks."""

    def BatchGetCourses(self, request: Any, context: grpc.ServicerContext) -> catalog_pb.BatchGetCoursesResponse:
        known = [catalog_pb.CourseFacts(course_id=LATIN, title="Latin <for> beginners")]
        return catalog_pb.BatchGetCoursesResponse(
            courses=[each for each in known if each.course_id in request.course_ids]
        )

    def GetCourseOutline(self, request: Any, context: grpc.ServicerContext) -> catalog_pb.CourseOutline:
        raise AssertionError("messaging doesn't ask for outlines")


@contextmanager
def neighbour(pki: Pki, name: str, *adds: Callable[[grpc.Server], None]) -> Iterator[str]:
    files = pki.of(name)
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    for add in adds:
        add(server)
    pair = [(files.key.read_bytes(), files.cert.read_bytes())]
    credentials = grpc.ssl_server_credentials(pair, files.ca.read_bytes(), require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


class Process:
    """`python -m services.messaging`, started and ended like any process."""

    def __init__(self, env: dict[str, str], pki: Pki, log: Path) -> None:
        self.address = f"127.0.0.1:{ports.choose()}"
        self._env, self._pki, self.log = env | {"CAMPUS_LISTEN": self.address}, pki, log
        self._channel = self.channel()

    def start(self) -> "Process":
        with self.log.open("wb") as log:
            program = [sys.executable, "-m", "services.messaging", "serve"]
            self._child = subprocess.Popen(program, env=self._env, stdout=log, stderr=log)
        stub: Any = health_pb2_grpc.HealthStub(self._channel)
        ready, request = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckRequest()
        within(30, lambda: stub.Check(request, timeout=30, wait_for_ready=True).status == ready)
        return self

    def migrate(self) -> int:
        return subprocess.run(
            [sys.executable, "-m", "services.messaging", "migrate"], env=self._env, check=False
        ).returncode

    def end(self) -> int:
        if self._child.poll() is None:
            self._child.terminate()
        return self._child.wait(60)

    def kill(self) -> None:
        self._child.kill()
        self._child.wait(60)

    def channel(self) -> grpc.Channel:
        files = self._pki.of("gateway")
        credentials = grpc.ssl_channel_credentials(
            files.ca.read_bytes(), files.key.read_bytes(), files.cert.read_bytes()
        )
        return grpc.secure_channel(self.address, credentials)

    @property
    def api(self) -> NotificationServiceStub:
        return NotificationServiceStub(self._channel)


class Mesh:
    def __init__(self, accounts: Accounts, start: Callable[[], Process], buses: dict[str, Bus]) -> None:
        self.accounts, self.start, self._buses = accounts, start, buses

    def bearer(self, user_id: str, *roles: str, **claims: Any) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.accounts.signer.token(user_id, roles or ('student',), **claims)}"),)

    def tell(self, message: Message) -> None:
        """Announces an event as its service does; twice, because that happens."""
        subject = message.DESCRIPTOR.full_name
        headers = {"Nats-Msg-Id": new_id(), "occurred-at": system_clock().isoformat()}
        headers |= {"aggregate-id": new_id(), "aggregate-version": "1", "actor": "", "correlation-id": "c"}
        event = Outgoing(headers["Nats-Msg-Id"], subject, message.SerializeToString(), headers, headers["aggregate-id"])
        bus = self._buses[subject.split(".")[1]]
        for _ in range(2):
            within(30, lambda: bus.publish([[event]]) == {event.id})

    def opened(self, process: Process, user_id: str, **claims: Any) -> Iterator[pb.WatchNotificationsResponse]:
        stream: Iterator[pb.WatchNotificationsResponse] = process.api.WatchNotifications(
            pb.WatchNotificationsRequest(), metadata=self.bearer(user_id, **claims), timeout=60
        )
        assert next(stream).HasField("heartbeat")
        return stream


@pytest.fixture
def mesh(postgres: Postgres, nats: Nats, pki: Pki, office: PostOffice, tmp_path: Path) -> Iterator[Mesh]:
    accounts, titles = Accounts(), Titles()
    add_users = identity_grpc.add_IdentityInternalServiceServicer_to_server
    with migrated(postgres, "messaging"), ExitStack() as running:
        identity = running.enter_context(
            neighbour(
                pki,
                "identity",
                lambda server: add_users(accounts, server),
                lambda server: key_grpc.add_KeyServiceServicer_to_server(accounts, server),
            )
        )
        add_courses = catalog_grpc.add_CatalogInternalServiceServicer_to_server
        catalog = running.enter_context(neighbour(pki, "catalog", lambda server: add_courses(titles, server)))
        env = dict(os.environ) | postgres.service_urls("messaging") | pki.of("messaging").env()
        env |= {"CAMPUS_NATS_URL": nats.url("messaging"), "CAMPUS_DRAIN_SECONDS": "0.1"}
        env |= {"CAMPUS_PEERS": f"identity={identity},catalog={catalog}"}
        # Nobody looks for mail unasked: what arrives was sent because the sender was woken.
        env |= {"CAMPUS_SMTP_URL": f"smtp://127.0.0.1:{office.smtp_port}", "CAMPUS_MAIL_POLL_SECONDS": "3600"}
        buses = {name: Bus(nats.url(name), name) for name in ("identity", "learning")}
        for bus in buses.values():
            bus.start()
            running.callback(bus.stop)

        def start() -> Process:
            process = Process(env, pki, tmp_path / f"{new_id()}.log").start()
            running.callback(process.end)
            return process

        yield Mesh(accounts, start, buses)


def shown(stream: Iterator[pb.WatchNotificationsResponse]) -> pb.Notification:
    return next(message.notification for message in stream if message.HasField("notification"))


def test_from_an_event_to_list_stream_and_inbox_in_two_processes(mesh: Mesh, office: PostOffice) -> None:
    one, other = mesh.start(), mesh.start()
    assert one.migrate() == 0, "which has nothing left to do"
    ada, eve = mesh.accounts.has("Ada"), mesh.accounts.has("Eve")
    streams = [mesh.opened(process, ada.user_id) for process in (one, other)]
    mesh.tell(UserRegistered(user_id=ada.user_id))
    assert {shown(stream).kind for stream in streams} == {pb.NOTIFICATION_KIND_WELCOME}
    mesh.tell(EnrollmentCreated(enrollment_id=new_id(), user_id=ada.user_id, course_id=LATIN))
    assert {shown(stream).subject for stream in streams} == {"You are enrolled: Latin <for> beginners"}

    within(30, lambda: len(office.messages(ada.email)) == 2)
    enrolled = office.message(office.messages(ada.email)[0]["id"])
    assert enrolled["text"].startswith("Hello Ada,")
    assert "Latin &lt;for&gt; beginners" in enrolled["html"]

    request = pb.SendNotificationRequest(
        user_id=ada.user_id, channels=[pb.CHANNEL_IN_APP], subject="News", message="From an admin"
    )
    sent = one.api.SendNotification(request, metadata=mesh.bearer(eve.user_id, "admin"), timeout=10)
    assert [shown(stream) for stream in streams] == [sent, sent]
    listed = other.api.ListNotifications(pb.ListNotificationsRequest(), metadata=mesh.bearer(ada.user_id), timeout=10)
    assert (len(listed.notifications), listed.unread_count) == (3, 3)

    phone = mesh.opened(other, ada.user_id, sid="phone")
    until = timestamp(system_clock())
    mesh.tell(SessionRevoked(session_id="phone", user_id=ada.user_id, tokens_expire_at=until))
    assert [message.end.reason for message in phone if message.HasField("end")] == [pb.StreamEnd.REASON_SESSION_REVOKED]

    assert one.end() == 0
    (last,) = streams[0]
    assert last.end.reason == pb.StreamEnd.REASON_SERVER_LEAVING
    mesh.tell(EnrollmentCreated(enrollment_id=new_id(), user_id=ada.user_id, course_id=new_id()))
    assert shown(streams[1]).subject == "You are enrolled"
    assert other.end() == 0
    for process in (one, other):
        logged = process.log.read_text()
        assert "ready" in logged
        assert "@example.com" not in logged
        assert "Ada" not in logged


def test_a_killed_process_leaves_nothing_untold(mesh: Mesh, office: PostOffice) -> None:
    users = [mesh.accounts.has(f"U{n}") for n in range(30)]
    first = mesh.start()
    for number, user in enumerate(users):
        mesh.tell(UserRegistered(user_id=user.user_id))
        if number == 15:
            first.kill()
    second = mesh.start()

    def listed(user: User) -> int:
        request, bearer = pb.ListNotificationsRequest(), mesh.bearer(user.user_id)
        return len(second.api.ListNotifications(request, metadata=bearer, timeout=10).notifications)

    within(30, lambda: all(listed(user) == 1 for user in users))

    def mails() -> list[pb.Delivery]:
        request = pb.ListDeliveriesRequest(channel=pb.CHANNEL_EMAIL, page_size=100)
        bearer = mesh.bearer(new_id(), "admin")
        return list(second.api.ListDeliveries(request, metadata=bearer, timeout=10).deliveries)

    # One that the killed process had in hand comes back after its lease.
    within(30, lambda: sum(mail.state == pb.Delivery.STATE_SENT for mail in mails()) >= len(users) - 2)
    assert len(mails()) == len(users)
    assert all(len(office.messages(user.email)) <= 1 or mail_ids(office, user) == 1 for user in users)


def mail_ids(office: PostOffice, user: User) -> int:
    found = [dict(office.message(row["id"])["headers"]) for row in office.messages(user.email)]
    return len({headers["Message-ID"] for headers in found})

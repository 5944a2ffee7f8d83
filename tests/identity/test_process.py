"""The real process on real PostgreSQL, NATS and certificates."""

import time
from collections.abc import Callable

import grpc
import psycopg
from campus.identity.v1 import instructor_application_service_pb2 as application_pb
from campus.identity.v1.admin_user_service_pb2 import BlockUserRequest, GetUserRequest
from campus.identity.v1.admin_user_service_pb2_grpc import AdminUserServiceStub
from campus.identity.v1.auth_service_pb2 import LoginRequest, LogoutRequest, RegisterRequest, Session
from campus.identity.v1.auth_service_pb2_grpc import AuthServiceStub
from campus.identity.v1.credential_service_pb2 import RequestPasswordResetRequest, ResetPasswordRequest
from campus.identity.v1.credential_service_pb2_grpc import CredentialServiceStub
from campus.identity.v1.instructor_application_service_pb2_grpc import InstructorApplicationServiceStub
from campus.identity.v1.profile_service_pb2 import ROLE_INSTRUCTOR, GetProfileRequest
from campus.identity.v1.profile_service_pb2_grpc import ProfileServiceStub

from deploy.local.nats import Nats
from deploy.local.pki import Pki
from deploy.local.postgres import Postgres
from tests.harness.databases import migrated, owner_url
from tests.identity.process import Process, running

Metadata = tuple[tuple[str, str], ...]
PASSWORD = "correct horse"


def within(seconds: float, holds: Callable[[], bool]) -> float:
    """How long it took to become true."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() < start + seconds
        time.sleep(0.02)
    return time.monotonic() - start


def test_the_process_does_what_its_parts_promise(postgres: Postgres, nats: Nats, pki: Pki) -> None:
    with migrated(postgres, "identity"), running(postgres, nats, pki) as (process, mails):
        assert process.task("migrate").returncode == 0, "which has nothing left to do"
        seeded = process.task(
            "seed-user", "--email=root@example.com", f"--password={PASSWORD}", "--name=Root", "--role=admin"
        )
        assert seeded.returncode == 0, seeded.stderr
        request = RegisterRequest(email="ada@example.com", password=PASSWORD, name="Ada")
        ada = AuthServiceStub(process.channel()).Register(request).user_id
        an_instructor_is_made_by_the_event(process, ada)
        a_forgotten_password_is_set_anew(process, lambda: [each.message for each in mails.sent.values()])
        assert mails.senders == {"identity"}
        revocations_are_heard_of(process, ada)
        assert process.task("verify-audit").returncode == 0
        with psycopg.connect(owner_url(postgres, "identity"), autocommit=True) as owner:
            owner.execute("UPDATE audit_log SET actor = 'user:nobody' WHERE number = 2")
        damaged = process.task("verify-audit")
        assert (damaged.returncode, "broken at number 2" in damaged.stderr) == (1, True)


def login(process: Process, email: str, password: str = PASSWORD) -> tuple[Session, Metadata]:
    session = AuthServiceStub(process.channel()).Login(LoginRequest(identifier=email, password=password))
    return session, (("authorization", f"Bearer {session.access_token}"),)


def an_instructor_is_made_by_the_event(process: Process, ada: str) -> None:
    _, mine = login(process, "ada@example.com")
    _, admin = login(process, "root@example.com")
    stub = InstructorApplicationServiceStub(process.channel())
    submission = application_pb.SubmitInstructorApplicationRequest(motivation="Algebra")
    application = stub.SubmitInstructorApplication(submission, metadata=mine)
    approval = application_pb.ApproveInstructorApplicationRequest(application_id=application.application_id)
    stub.ApproveInstructorApplication(approval, metadata=admin)
    users = AdminUserServiceStub(process.channel())

    def teaches() -> bool:
        return ROLE_INSTRUCTOR in users.GetUser(GetUserRequest(user_id=ada), metadata=admin).user.roles

    within(10, teaches)


def a_forgotten_password_is_set_anew(process: Process, mails: Callable[[], list[str]]) -> None:
    stub = CredentialServiceStub(process.channel())
    stub.RequestPasswordReset(RequestPasswordResetRequest(email="ada@example.com"))
    within(10, lambda: any("token=" in mail for mail in mails()))
    (link,) = [line for mail in mails() for line in mail.splitlines() if "token=" in line]
    token = link.partition("token=")[2]
    stub.ResetPassword(ResetPasswordRequest(token=token, new_password="battery staple"))
    within(10, lambda: any("was changed" in mail for mail in mails()))


def revocations_are_heard_of(process: Process, ada: str) -> None:
    """Signing out and being blocked end access tokens within two seconds."""
    profile = ProfileServiceStub(process.channel())
    _, admin = login(process, "root@example.com")

    def refused(token: Metadata) -> bool:
        try:
            profile.GetProfile(GetProfileRequest(), metadata=token)
        except grpc.RpcError as error:
            return isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.UNAUTHENTICATED
        return False

    for _ in range(10):
        _, mine = login(process, "ada@example.com", "battery staple")
        assert not refused(mine)
        AuthServiceStub(process.channel()).Logout(LogoutRequest(), metadata=mine)
        assert within(5, lambda: refused(mine)) < 2  # noqa: B023  # called within the same round
    _, mine = login(process, "ada@example.com", "battery staple")
    AdminUserServiceStub(process.channel()).BlockUser(BlockUserRequest(user_id=ada, comment="spam"), metadata=admin)
    assert within(5, lambda: refused(mine)) < 2

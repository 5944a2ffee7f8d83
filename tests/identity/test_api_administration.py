"""What admins do over the wire: see, block, unblock, assign; and what the audit log keeps of it."""

from collections.abc import Callable

import grpc
import psycopg
import pytest
from campus.identity.v1 import admin_user_service_pb2 as pb
from campus.identity.v1.admin_user_service_pb2_grpc import AdminUserServiceStub
from campus.identity.v1.audit_service_pb2 import SearchAuditLogRequest
from campus.identity.v1.audit_service_pb2_grpc import AuditServiceStub
from campus.identity.v1.auth_service_pb2 import LoginRequest, RefreshSessionRequest
from campus.identity.v1.auth_service_pb2_grpc import AuthServiceStub
from campus.identity.v1.profile_service_pb2 import ROLE_INSTRUCTOR, ROLE_STUDENT
from google.protobuf.json_format import MessageToDict

from deploy.local.postgres import Postgres
from services.chassis.db import Database
from services.identity import queries
from services.kernel.ids import new_id
from tests.harness.databases import announced, owner_url
from tests.harness.serving import Served, refused
from tests.identity.test_api_sessions import login, register

Code = grpc.StatusCode
ROOT = new_id()


def admin(identity: Served) -> AdminUserServiceStub:
    return identity.as_user(AdminUserServiceStub, ROOT, "admin")


def test_accounts_are_found_by_what_they_are_called_and_what_they_may(identity: Served) -> None:
    ada, bob = register(identity), register(identity, "bob")
    admin(identity).AssignRoles(pb.AssignRolesRequest(user_id=bob, roles=[ROLE_STUDENT, ROLE_INSTRUCTOR]))
    admin(identity).BlockUser(pb.BlockUserRequest(user_id=ada, comment="spam"))

    def found(**filters: object) -> list[str]:
        listed = admin(identity).ListUsers(pb.ListUsersRequest(**filters))  # type: ignore[arg-type]
        return [each.user.user_id for each in listed.accounts]

    assert found() == [bob, ada]
    assert found(query="ADA@") == [ada]
    assert found(query="%") == []
    assert found(role=ROLE_INSTRUCTOR) == [bob]
    assert found(blocked_only=True) == [ada]
    first = admin(identity).ListUsers(pb.ListUsersRequest(page_size=1))
    second = admin(identity).ListUsers(pb.ListUsersRequest(page_size=1, page_token=first.next_page_token))
    assert ([first.accounts[0].user.user_id, second.accounts[0].user.user_id], second.next_page_token) == (
        [bob, ada],
        "",
    )
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        identity.as_user(AdminUserServiceStub, ada, "instructor").ListUsers(pb.ListUsersRequest())


def test_a_blocked_user_is_out_at_once_and_back_in_when_unblocked(identity: Served, database: Database) -> None:
    ada = register(identity)
    session = login(identity)
    for _ in range(2):
        account = admin(identity).BlockUser(pb.BlockUserRequest(user_id=ada, comment="spam"))
        assert account.blocked
    auth = identity.anonymous(AuthServiceStub)
    with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
        auth.RefreshSession(RefreshSessionRequest(refresh_token=session.refresh_token))
    with refused(Code.PERMISSION_DENIED, "USER_BLOCKED"):
        login(identity)
    with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
        auth.Login(LoginRequest(identifier="ada", password="guess"))
    assert not admin(identity).UnblockUser(pb.UnblockUserRequest(user_id=ada)).HasField("blocked_at")
    login(identity)
    assert announced(database) == ["UserRegistered", "UserBlocked", "SessionRevoked", "UserUnblocked"]


def test_a_role_taken_away_ends_the_sessions_and_a_role_given_does_not(identity: Served) -> None:
    ada = register(identity)
    session = login(identity)
    auth = identity.anonymous(AuthServiceStub)
    both = pb.AssignRolesRequest(user_id=ada, roles=[ROLE_STUDENT, ROLE_INSTRUCTOR])
    assert list(admin(identity).AssignRoles(both).user.roles) == [ROLE_STUDENT, ROLE_INSTRUCTOR]
    renewed = auth.RefreshSession(RefreshSessionRequest(refresh_token=session.refresh_token))
    admin(identity).AssignRoles(pb.AssignRolesRequest(user_id=ada, roles=[ROLE_STUDENT]))
    with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
        auth.RefreshSession(RefreshSessionRequest(refresh_token=renewed.refresh_token))


def test_admins_do_nothing_to_themselves_nor_to_nobody(identity: Served) -> None:
    with refused(Code.FAILED_PRECONDITION, "OWN_ACCOUNT"):
        admin(identity).BlockUser(pb.BlockUserRequest(user_id=ROOT, comment="oops"))
    with refused(Code.FAILED_PRECONDITION, "OWN_ACCOUNT"):
        admin(identity).AssignRoles(pb.AssignRolesRequest(user_id=ROOT, roles=[ROLE_STUDENT]))
    calls: list[Callable[[], object]] = [
        lambda: admin(identity).GetUser(pb.GetUserRequest(user_id=new_id())),
        lambda: admin(identity).BlockUser(pb.BlockUserRequest(user_id=new_id(), comment="spam")),
        lambda: admin(identity).UnblockUser(pb.UnblockUserRequest(user_id=new_id())),
        lambda: admin(identity).AssignRoles(pb.AssignRolesRequest(user_id=new_id(), roles=[ROLE_STUDENT])),
    ]
    for call in calls:
        with refused(Code.NOT_FOUND, "USER_NOT_FOUND"):
            call()


def test_every_deed_is_in_the_audit_log_once(identity: Served) -> None:
    ada, bob = register(identity), register(identity, "bob")
    for _ in range(2):
        admin(identity).BlockUser(pb.BlockUserRequest(user_id=ada, comment="spam"))
        admin(identity).UnblockUser(pb.UnblockUserRequest(user_id=bob))
    admin(identity).AssignRoles(pb.AssignRolesRequest(user_id=bob, roles=[ROLE_INSTRUCTOR]))
    log = identity.as_user(AuditServiceStub, ROOT, "admin")
    entries = log.SearchAuditLog(SearchAuditLogRequest()).entries
    assert [(each.number, each.action, each.user_id) for each in entries] == [
        (2, "AssignRoles", bob),
        (1, "BlockUser", ada),
    ]
    assert {each.actor for each in entries} == {f"user:{ROOT}"}
    assert MessageToDict(entries[0].before) == {"roles": ["student"]}
    assert MessageToDict(entries[0].after) == {"roles": ["instructor"]}
    assert [each.number for each in log.SearchAuditLog(SearchAuditLogRequest(user_id=ada)).entries] == [1]
    assert [each.number for each in log.SearchAuditLog(SearchAuditLogRequest(action="AssignRoles")).entries] == [2]
    assert not log.SearchAuditLog(SearchAuditLogRequest(actor="operator")).entries
    page = log.SearchAuditLog(SearchAuditLogRequest(page_size=1))
    rest = SearchAuditLogRequest(page_size=1, page_token=page.next_page_token)
    assert [each.number for each in log.SearchAuditLog(rest).entries] == [1]
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        identity.as_user(AuditServiceStub, ada).SearchAuditLog(SearchAuditLogRequest())


@pytest.mark.parametrize(
    ("damage", "found_at"),
    [
        ("SELECT 1", None),
        ("UPDATE audit_log SET actor = 'user:x' WHERE number = 2", 2),
        ("UPDATE audit_log SET after = '{}' WHERE number = 1", 1),
        ("DELETE FROM audit_log WHERE number = 2", 2),
        ("DELETE FROM audit_log WHERE number = 3", 3),
        ("DELETE FROM audit_log", 1),
    ],
)
def test_the_verifier_says_where_the_log_was_damaged(
    identity: Served, database: Database, postgres: Postgres, damage: str, found_at: int | None
) -> None:
    ada = register(identity)
    for roles in ([ROLE_INSTRUCTOR], [ROLE_STUDENT], [ROLE_INSTRUCTOR]):
        admin(identity).AssignRoles(pb.AssignRolesRequest(user_id=ada, roles=roles))
    with psycopg.connect(owner_url(postgres, "identity"), autocommit=True) as owner:
        owner.execute(damage.encode())
    assert queries.check_audit_log(queries.CheckAuditLog(), database.reader) == found_at


def test_not_even_the_service_itself_can_change_what_is_in_the_log(identity: Served, database: Database) -> None:
    ada = register(identity)
    admin(identity).BlockUser(pb.BlockUserRequest(user_id=ada, comment="spam"))
    for change in (b"UPDATE audit_log SET actor = ''", b"DELETE FROM audit_log"):
        with psycopg.connect(database.writer.url) as writer, pytest.raises(psycopg.errors.InsufficientPrivilege):
            writer.execute(change)

"""API keys over the wire: made by who knows the password, exchanged within their scopes, revoked with their tokens."""

from datetime import timedelta

import grpc
import jwt
import psycopg
import pytest
from campus.identity.v1 import api_key_service_pb2 as pb
from campus.identity.v1.admin_user_service_pb2 import AssignRolesRequest, BlockUserRequest
from campus.identity.v1.admin_user_service_pb2_grpc import AdminUserServiceStub
from campus.identity.v1.api_key_service_pb2_grpc import ApiKeyServiceStub
from campus.identity.v1.profile_service_pb2 import ROLE_ADMIN, ROLE_INSTRUCTOR, ROLE_STUDENT

from services.chassis.db import Database
from services.identity.domain.api_key import MOST_KEYS
from services.kernel.ids import new_id
from tests.harness.databases import announced
from tests.harness.serving import Served, refused
from tests.identity.conftest import FakeClock
from tests.identity.test_api_administration import ROOT
from tests.identity.test_api_sessions import PASSWORD, register

Code = grpc.StatusCode


def make(identity: Served, user_id: str, *scopes: int, password: str = PASSWORD) -> pb.NewApiKey:
    request = pb.CreateApiKeyRequest(name="nightly", password=password)
    request.scopes.extend(scopes or (ROLE_STUDENT,))  # type: ignore[arg-type]  # enum numbers
    return identity.as_user(ApiKeyServiceStub, user_id).CreateApiKey(request)


def exchange(identity: Served, key: str) -> dict[str, object]:
    token = identity.anonymous(ApiKeyServiceStub).ExchangeApiKey(pb.ExchangeApiKeyRequest(key=key)).access_token
    claims: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return claims


def roles(identity: Served, user_id: str, *held: int) -> None:
    request = AssignRolesRequest(user_id=user_id)
    request.roles.extend(held)  # type: ignore[arg-type]  # enum numbers
    identity.as_user(AdminUserServiceStub, ROOT, "admin").AssignRoles(request)


def test_a_key_gives_tokens_with_its_scopes_and_nothing_more(identity: Served, database: Database) -> None:
    ada = register(identity)
    roles(identity, ada, ROLE_STUDENT, ROLE_INSTRUCTOR, ROLE_ADMIN)
    made = make(identity, ada, ROLE_INSTRUCTOR)
    claims = exchange(identity, made.key)
    assert (claims["sub"], claims["sid"], claims["roles"]) == (ada, made.api_key.api_key_id, ["instructor"])
    (listed,) = identity.as_user(ApiKeyServiceStub, ada).ListApiKeys(pb.ListApiKeysRequest()).api_keys
    assert (listed.name, list(listed.scopes), listed.HasField("last_used_at")) == ("nightly", [ROLE_INSTRUCTOR], True)
    with psycopg.connect(database.writer.url) as connection:
        assert made.key not in str(connection.execute("SELECT k::text FROM api_keys k").fetchall())


def test_a_key_is_made_only_by_who_knows_the_password_and_within_their_roles(identity: Served) -> None:
    ada = register(identity)
    with refused(Code.INVALID_ARGUMENT, "CURRENT_PASSWORD_WRONG", "password"):
        make(identity, ada, password="guess")
    with refused(Code.INVALID_ARGUMENT, "SCOPE_NOT_HELD", "scopes"):
        make(identity, ada, ROLE_ADMIN)
    for _ in range(MOST_KEYS):
        make(identity, ada)
    with refused(Code.FAILED_PRECONDITION, "TOO_MANY_API_KEYS"):
        make(identity, ada)


def test_a_revoked_key_is_over_and_so_are_its_tokens(identity: Served, database: Database) -> None:
    ada, bob = register(identity), register(identity, "bob")
    made = make(identity, ada)
    request = pb.RevokeApiKeyRequest(api_key_id=made.api_key.api_key_id)
    theirs = identity.as_user(ApiKeyServiceStub, bob)
    for wrong in (request, pb.RevokeApiKeyRequest(api_key_id=new_id())):
        with refused(Code.NOT_FOUND, "API_KEY_NOT_FOUND"):
            theirs.RevokeApiKey(wrong)
    exchange(identity, made.key)
    mine = identity.as_user(ApiKeyServiceStub, ada)
    for _ in range(2):
        mine.RevokeApiKey(request)
    assert announced(database).count("SessionRevoked") == 1
    assert not mine.ListApiKeys(pb.ListApiKeysRequest()).api_keys
    for key in (made.key, "A" * 43):
        with refused(Code.UNAUTHENTICATED, "API_KEY_INVALID"):
            exchange(identity, key)


@pytest.mark.parametrize("how", ["block", "demote"])
def test_who_is_blocked_or_loses_a_role_loses_the_keys(identity: Served, clock: FakeClock, how: str) -> None:
    ada = register(identity)
    roles(identity, ada, ROLE_STUDENT, ROLE_INSTRUCTOR)
    made = make(identity, ada, ROLE_INSTRUCTOR)
    clock.advance(timedelta(days=1))
    if how == "demote":
        roles(identity, ada, ROLE_STUDENT)
        with refused(Code.UNAUTHENTICATED, "API_KEY_INVALID"):
            exchange(identity, made.key)
        return
    admin = identity.as_user(AdminUserServiceStub, ROOT, "admin")
    admin.BlockUser(BlockUserRequest(user_id=ada, comment="spam"))
    with refused(Code.PERMISSION_DENIED, "USER_BLOCKED"):
        exchange(identity, made.key)

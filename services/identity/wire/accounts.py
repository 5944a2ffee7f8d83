"""Accounts between the contract's messages and identity's own types."""

from campus.identity.v1 import auth_service_pb2, identity_internal_service_pb2, profile_service_pb2

from services.chassis.requests import request_key
from services.identity import commands, queries
from services.identity.domain.errors import FieldNotUpdatable
from services.identity.domain.user import UPDATABLE, Role, User, folded
from services.identity.wire.times import timestamp
from services.kernel.ids import id_from

ROLES = {
    Role.STUDENT: profile_service_pb2.ROLE_STUDENT,
    Role.INSTRUCTOR: profile_service_pb2.ROLE_INSTRUCTOR,
    Role.ADMIN: profile_service_pb2.ROLE_ADMIN,
}


def to_register(request: auth_service_pb2.RegisterRequest) -> commands.Register:
    # Nobody is signed in: the address says whose request id it is, in a form that tells nothing.
    key = request_key(request, caller=id_from("register", folded(request.email or request.phone)), secret=("password",))
    return commands.Register(request.email, request.name, request.username, key, request.password, request.phone)


def to_update_profile(user_id: str, request: profile_service_pb2.UpdateProfileRequest) -> commands.UpdateProfile:
    paths = list(request.update_mask.paths) or [field for field in UPDATABLE if getattr(request, field)]
    if unknown := set(paths) - set(UPDATABLE):
        raise FieldNotUpdatable(field="update_mask", path=min(unknown))
    return commands.UpdateProfile(user_id, {path: getattr(request, path) for path in paths}, request.etag)


def user(found: User | queries.UserRow | queries.AccountRow) -> profile_service_pb2.User:
    held = [role for role in Role if role in found.roles]
    return profile_service_pb2.User(
        user_id=found.id,
        email=found.email,
        username=found.username,
        name=found.name,
        roles=[ROLES[role] for role in held],
        primary_role=ROLES[held[-1]],
        created_at=timestamp(found.created_at),
        updated_at=timestamp(found.updated_at),
        etag=str(found.version),
        phone=found.phone,
        email_verified=found.email_verified_at is not None,
    )


def users(found: list[queries.UserRow]) -> identity_internal_service_pb2.BatchGetUsersResponse:
    return identity_internal_service_pb2.BatchGetUsersResponse(users=[user(row) for row in found])

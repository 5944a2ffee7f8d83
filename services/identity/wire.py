"""Between the contract's messages and identity's own types, both ways."""

from datetime import datetime

from campus.identity.v1 import auth_service_pb2, events_pb2, identity_internal_service_pb2, profile_service_pb2
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.requests import request_key
from services.identity import commands, queries
from services.identity.domain.errors import FieldNotUpdatable
from services.identity.domain.session import SessionRevoked
from services.identity.domain.user import ProfileUpdated, Role, User, UserRegistered, folded
from services.kernel.events import DomainEvent
from services.kernel.ids import id_from

_ROLES = {
    Role.STUDENT: profile_service_pb2.ROLE_STUDENT,
    Role.INSTRUCTOR: profile_service_pb2.ROLE_INSTRUCTOR,
    Role.ADMIN: profile_service_pb2.ROLE_ADMIN,
}
_UPDATABLE = ("name", "username")


def timestamp(moment: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(moment)
    return found


def to_register(request: auth_service_pb2.RegisterRequest) -> commands.Register:
    # Nobody is signed in: the address says whose request id it is, in a form that tells nothing.
    key = request_key(request, caller=id_from("register", folded(request.email)), secret=("password",))
    return commands.Register(request.email, request.name, request.username, key, request.password)


def to_update_profile(user_id: str, request: profile_service_pb2.UpdateProfileRequest) -> commands.UpdateProfile:
    paths = list(request.update_mask.paths) or [field for field in _UPDATABLE if getattr(request, field)]
    if unknown := set(paths) - set(_UPDATABLE):
        raise FieldNotUpdatable(field="update_mask", path=min(unknown))
    return commands.UpdateProfile(user_id, {path: getattr(request, path) for path in paths}, request.etag)


def user(found: User | queries.UserRow) -> profile_service_pb2.User:
    held = [role for role in Role if role in found.roles]
    return profile_service_pb2.User(
        user_id=found.id,
        email=found.email,
        username=found.username,
        name=found.name,
        roles=[_ROLES[role] for role in held],
        primary_role=_ROLES[held[-1]],
        created_at=timestamp(found.created_at),
        updated_at=timestamp(found.updated_at),
        etag=str(found.version),
    )


def users(found: list[queries.UserRow]) -> identity_internal_service_pb2.BatchGetUsersResponse:
    return identity_internal_service_pb2.BatchGetUsersResponse(users=[user(row) for row in found])


def session(opened: commands.OpenSession) -> auth_service_pb2.Session:
    return auth_service_pb2.Session(
        session_id=opened.session.id,
        user_id=opened.session.user_id,
        access_token=opened.access.token,
        token_type="Bearer",  # noqa: S106  # the scheme's name
        access_expires_at=timestamp(opened.access.expires_at),
        refresh_token=opened.refresh_token,
        refresh_expires_at=timestamp(opened.session.expires_at),
    )


def announced(event: DomainEvent) -> Message:
    """The event as the other services hear it."""
    match event:
        case UserRegistered():
            return events_pb2.UserRegistered(user_id=event.user_id)
        case ProfileUpdated():
            return events_pb2.ProfileUpdated(user_id=event.user_id)
        case SessionRevoked():
            until = timestamp(event.tokens_expire_at)
            return events_pb2.SessionRevoked(session_id=event.session_id, user_id=event.user_id, tokens_expire_at=until)
    raise TypeError(type(event).__name__)

"""Events as the other services hear them."""

from campus.identity.v1 import events_pb2
from google.protobuf.message import Message

from services.identity.domain.application import (
    InstructorApplicationApproved,
    InstructorApplicationRejected,
    InstructorApplicationSubmitted,
)
from services.identity.domain.erasure import UserErasureRequested
from services.identity.domain.preferences import PreferencesUpdated
from services.identity.domain.session import SessionRevoked
from services.identity.domain.user import (
    AccountBlocked,
    AccountUnblocked,
    ProfileUpdated,
    RolesAssigned,
    UserRegistered,
)
from services.identity.wire.times import timestamp
from services.kernel.events import DomainEvent

# These say in the contract what they say here, field by field.
_SAME: dict[type[DomainEvent], type[Message]] = {
    UserRegistered: events_pb2.UserRegistered,
    ProfileUpdated: events_pb2.ProfileUpdated,
    AccountBlocked: events_pb2.UserBlocked,
    AccountUnblocked: events_pb2.UserUnblocked,
    RolesAssigned: events_pb2.RolesAssigned,
    PreferencesUpdated: events_pb2.PreferencesUpdated,
    UserErasureRequested: events_pb2.UserErasureRequested,
    InstructorApplicationSubmitted: events_pb2.InstructorApplicationSubmitted,
    InstructorApplicationApproved: events_pb2.InstructorApplicationApproved,
    InstructorApplicationRejected: events_pb2.InstructorApplicationRejected,
}


def announced(event: DomainEvent) -> Message:
    if isinstance(event, SessionRevoked):
        until = timestamp(event.tokens_expire_at)
        return events_pb2.SessionRevoked(session_id=event.session_id, user_id=event.user_id, tokens_expire_at=until)
    return _SAME[type(event)](**vars(event))

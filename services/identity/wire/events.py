"""Events as the other services hear them."""

from campus.identity.v1 import events_pb2
from google.protobuf.message import Message

from services.identity.domain.session import SessionRevoked
from services.identity.domain.user import ProfileUpdated, UserRegistered
from services.identity.wire.times import timestamp
from services.kernel.events import DomainEvent


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

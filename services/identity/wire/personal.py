"""Preferences and erasures between the contract's messages and identity's own types."""

from typing import TypeVar

from campus.identity.v1 import erasure_service_pb2, preference_service_pb2
from google.protobuf.message import Message

from services.identity import commands, queries
from services.identity.domain.erasure import SERVICES, Erasure
from services.identity.domain.preferences import Preferences
from services.identity.wire.times import timestamp

T = TypeVar("T")


def to_update_preferences(
    user_id: str, request: preference_service_pb2.UpdatePreferencesRequest
) -> commands.UpdatePreferences:
    def given(name: str, value: T) -> T | None:
        return value if _has(request, name) else None

    return commands.UpdatePreferences(
        user_id,
        given("language", request.language),
        given("time_zone", request.time_zone),
        given("email_notifications", request.email_notifications),
        given("in_app_notifications", request.in_app_notifications),
    )


def _has(message: Message, name: str) -> bool:
    return message.HasField(name)


def preferences(found: Preferences | queries.PreferencesRow) -> preference_service_pb2.Preferences:
    return preference_service_pb2.Preferences(
        language=found.language,
        time_zone=found.time_zone,
        email_notifications=found.email_notifications,
        in_app_notifications=found.in_app_notifications,
    )


def erasure(found: Erasure | queries.ErasureView) -> erasure_service_pb2.Erasure:
    return erasure_service_pb2.Erasure(
        erasure_id=found.id,
        user_id=found.user_id,
        requested_at=timestamp(found.requested_at),
        receipts=[
            erasure_service_pb2.ErasureReceipt(service=service, received_at=timestamp(moment))
            for service, moment in sorted(found.receipts.items())
        ],
        complete=set(found.receipts) >= SERVICES,
    )

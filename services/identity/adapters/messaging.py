"""Mails about accounts, sent by messaging."""

from campus.messaging.v1 import notification_service_pb2 as messaging_pb
from campus.messaging.v1.messaging_internal_service_pb2_grpc import MessagingInternalServiceStub

from services.chassis.clients import Neighbour
from services.identity.domain.letter import Subject

_RESET = """Somebody, probably you, asked for a new password. Open this link within 30 minutes to set one:

{url}/account/reset-password?token={token}

If it was not you, do nothing: your password stays as it is."""
_VERIFY = """Open this link within 30 minutes to confirm that this address is yours:

{url}/account/verify-email?token={token}"""
_CHANGED = """The password of your account was changed, and all other devices were signed out.

If it was not you, set a new one now: {url}/account/forgot-password"""
_TEXTS = {
    Subject.RESET_PASSWORD: ("Set a new password", _RESET),
    Subject.VERIFY_EMAIL: ("Confirm your e-mail address", _VERIFY),
    Subject.PASSWORD_CHANGED: ("Your password was changed", _CHANGED),
}


class MessagingPost:
    def __init__(self, neighbour: Neighbour, public_url: str) -> None:
        self._neighbour, self._url = neighbour, public_url.rstrip("/")
        self._stub = MessagingInternalServiceStub(neighbour.channel)

    def send(self, letter_id: str, user_id: str, subject: Subject, token: str) -> None:
        title, text = _TEXTS[subject]
        request = messaging_pb.SendNotificationRequest(
            user_id=user_id,
            channels=[messaging_pb.CHANNEL_EMAIL],
            subject=title,
            message=text.format(url=self._url, token=token),
            request_id=letter_id,
        )
        self._neighbour.call(self._stub.SendNotification, request)

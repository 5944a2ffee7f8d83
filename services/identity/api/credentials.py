"""Passwords and e-mail addresses."""

import grpc
from campus.identity.v1 import credential_service_pb2 as pb
from campus.identity.v1 import credential_service_pb2_grpc

from services.chassis.access import principal
from services.identity import commands
from services.identity.ports import CommonPasswords, PasswordHasher, Sealer, Store
from services.kernel.clock import Clock


class CredentialService(credential_service_pb2_grpc.CredentialServiceServicer):
    def __init__(
        self, store: Store, hasher: PasswordHasher, common: CommonPasswords, sealer: Sealer, clock: Clock
    ) -> None:
        self._store, self._hasher, self._common = store, hasher, common
        self._sealer, self._clock = sealer, clock

    def ChangePassword(
        self, request: pb.ChangePasswordRequest, context: grpc.ServicerContext
    ) -> pb.ChangePasswordResponse:
        who = principal()
        command = commands.ChangePassword(who.user_id, who.session_id, request.current_password, request.new_password)
        ended = commands.change_password(command, self._store, self._hasher, self._common, self._sealer, self._clock)
        return pb.ChangePasswordResponse(ended_sessions=ended)

    def RequestPasswordReset(
        self, request: pb.RequestPasswordResetRequest, context: grpc.ServicerContext
    ) -> pb.RequestPasswordResetResponse:
        command = commands.RequestPasswordReset(request.email)
        commands.request_password_reset(command, self._store, self._sealer, self._clock)
        return pb.RequestPasswordResetResponse()

    def ResetPassword(
        self, request: pb.ResetPasswordRequest, context: grpc.ServicerContext
    ) -> pb.ResetPasswordResponse:
        command = commands.ResetPassword(request.token, request.new_password)
        commands.reset_password(command, self._store, self._hasher, self._common, self._sealer, self._clock)
        return pb.ResetPasswordResponse()

    def RequestEmailVerification(
        self, request: pb.RequestEmailVerificationRequest, context: grpc.ServicerContext
    ) -> pb.RequestEmailVerificationResponse:
        command = commands.RequestEmailVerification(principal().user_id)
        commands.request_email_verification(command, self._store, self._sealer, self._clock)
        return pb.RequestEmailVerificationResponse()

    def ConfirmEmail(self, request: pb.ConfirmEmailRequest, context: grpc.ServicerContext) -> pb.ConfirmEmailResponse:
        commands.confirm_email(commands.ConfirmEmail(request.token), self._store, self._clock)
        return pb.ConfirmEmailResponse()

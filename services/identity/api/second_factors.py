"""Second factors."""

import grpc
from campus.identity.v1 import second_factor_service_pb2 as pb
from campus.identity.v1 import second_factor_service_pb2_grpc

from services.chassis.access import principal
from services.identity import commands, queries
from services.identity.ports import OneTimeCodes, PasswordHasher, Store
from services.kernel.clock import Clock
from services.kernel.rows import Rows


class SecondFactorService(second_factor_service_pb2_grpc.SecondFactorServiceServicer):
    def __init__(self, store: Store, rows: Rows, hasher: PasswordHasher, codes: OneTimeCodes, clock: Clock) -> None:
        self._store, self._rows, self._hasher, self._codes, self._clock = store, rows, hasher, codes, clock

    def GetSecondFactor(self, request: pb.GetSecondFactorRequest, context: grpc.ServicerContext) -> pb.SecondFactor:
        found = queries.get_second_factor(queries.GetSecondFactor(principal().user_id), self._rows)
        return pb.SecondFactor(enabled=found.enabled, recovery_codes_left=found.recovery_codes_left)

    def StartTotp(self, request: pb.StartTotpRequest, context: grpc.ServicerContext) -> pb.StartTotpResponse:
        command = commands.StartTotp(principal().user_id, request.password)
        begun = commands.start_totp(command, self._store, self._hasher, self._codes, self._clock)
        return pb.StartTotpResponse(secret=begun.secret, uri=begun.uri)

    def ConfirmTotp(self, request: pb.ConfirmTotpRequest, context: grpc.ServicerContext) -> pb.ConfirmTotpResponse:
        who = principal()
        command = commands.ConfirmTotp(who.user_id, who.session_id, request.code)
        recovery = commands.confirm_totp(command, self._store, self._codes, self._clock)
        return pb.ConfirmTotpResponse(recovery_codes=recovery)

    def RemoveTotp(self, request: pb.RemoveTotpRequest, context: grpc.ServicerContext) -> pb.RemoveTotpResponse:
        command = commands.RemoveTotp(principal().user_id, request.password, request.code)
        commands.remove_totp(command, self._store, self._hasher, self._codes, self._clock)
        return pb.RemoveTotpResponse()

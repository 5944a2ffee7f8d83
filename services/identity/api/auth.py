"""Opening sessions, keeping and ending them."""

import grpc
from campus.identity.v1 import auth_service_pb2 as auth_pb
from campus.identity.v1 import auth_service_pb2_grpc
from campus.identity.v1 import profile_service_pb2 as profile_pb

from services.chassis.access import principal
from services.identity import commands
from services.identity.ports import CommonPasswords, OneTimeCodes, PasswordHasher, Store, TokenIssuer
from services.identity.wire import accounts, caller, sessions
from services.kernel.clock import Clock


class AuthService(auth_service_pb2_grpc.AuthServiceServicer):
    def __init__(
        self,
        store: Store,
        hasher: PasswordHasher,
        common: CommonPasswords,
        codes: OneTimeCodes,
        issuer: TokenIssuer,
        clock: Clock,
    ) -> None:
        self._store, self._hasher, self._common = store, hasher, common
        self._codes, self._issuer, self._clock = codes, issuer, clock

    def Register(self, request: auth_pb.RegisterRequest, context: grpc.ServicerContext) -> profile_pb.User:
        command = accounts.to_register(request)
        return accounts.user(commands.register(command, self._store, self._hasher, self._common, self._clock))

    def Login(self, request: auth_pb.LoginRequest, context: grpc.ServicerContext) -> auth_pb.Session:
        command = commands.Login(
            request.identifier,
            request.password,
            caller.device(context),
            caller.address(context),
            request.device_token,
            request.second_factor_code,
        )
        opened = commands.login(command, self._store, self._hasher, self._codes, self._issuer, self._clock)
        return sessions.session(opened)

    def RefreshSession(self, request: auth_pb.RefreshSessionRequest, context: grpc.ServicerContext) -> auth_pb.Session:
        command = commands.RefreshSession(request.refresh_token)
        return sessions.session(commands.refresh_session(command, self._store, self._issuer, self._clock))

    def Logout(self, request: auth_pb.LogoutRequest, context: grpc.ServicerContext) -> auth_pb.LogoutResponse:
        commands.logout(commands.Logout(principal().session_id), self._store, self._clock)
        return auth_pb.LogoutResponse()

"""The gRPC servicers: message in, command or query out, message back."""

import grpc
from campus.identity.v1 import (
    auth_service_pb2 as auth_pb,
)
from campus.identity.v1 import (
    auth_service_pb2_grpc,
    identity_internal_service_pb2_grpc,
    key_service_pb2_grpc,
    profile_service_pb2_grpc,
)
from campus.identity.v1 import (
    identity_internal_service_pb2 as internal_pb,
)
from campus.identity.v1 import (
    key_service_pb2 as key_pb,
)
from campus.identity.v1 import (
    profile_service_pb2 as profile_pb,
)
from google.api import httpbody_pb2

from services.chassis.access import principal
from services.identity import commands, queries, wire
from services.identity.ports import PasswordHasher, Store, TokenIssuer
from services.kernel.clock import Clock
from services.kernel.rows import Rows


class AuthService(auth_service_pb2_grpc.AuthServiceServicer):
    def __init__(self, store: Store, hasher: PasswordHasher, issuer: TokenIssuer, clock: Clock) -> None:
        self._store, self._hasher, self._issuer, self._clock = store, hasher, issuer, clock

    def Register(self, request: auth_pb.RegisterRequest, context: grpc.ServicerContext) -> profile_pb.User:
        return wire.user(commands.register(wire.to_register(request), self._store, self._hasher, self._clock))

    def Login(self, request: auth_pb.LoginRequest, context: grpc.ServicerContext) -> auth_pb.Session:
        command = commands.Login(request.identifier, request.password)
        return wire.session(commands.login(command, self._store, self._hasher, self._issuer, self._clock))

    def RefreshSession(self, request: auth_pb.RefreshSessionRequest, context: grpc.ServicerContext) -> auth_pb.Session:
        command = commands.RefreshSession(request.refresh_token)
        return wire.session(commands.refresh_session(command, self._store, self._issuer, self._clock))

    def Logout(self, request: auth_pb.LogoutRequest, context: grpc.ServicerContext) -> auth_pb.LogoutResponse:
        commands.logout(commands.Logout(principal().session_id), self._store, self._clock)
        return auth_pb.LogoutResponse()


class ProfileService(profile_service_pb2_grpc.ProfileServiceServicer):
    def __init__(self, store: Store, rows: Rows, clock: Clock) -> None:
        self._store, self._rows, self._clock = store, rows, clock

    def GetProfile(self, request: profile_pb.GetProfileRequest, context: grpc.ServicerContext) -> profile_pb.User:
        return wire.user(queries.get_profile(queries.GetProfile(principal().user_id), self._rows))

    def UpdateProfile(self, request: profile_pb.UpdateProfileRequest, context: grpc.ServicerContext) -> profile_pb.User:
        command = wire.to_update_profile(principal().user_id, request)
        return wire.user(commands.update_profile(command, self._store, self._clock))


class KeyService(key_service_pb2_grpc.KeyServiceServicer):
    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer

    def GetKeySet(self, request: key_pb.GetKeySetRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        context.send_initial_metadata((("cache-control", "public, max-age=300"),))
        keys = queries.get_key_set(queries.GetKeySet(), self._issuer)
        return httpbody_pb2.HttpBody(content_type="application/jwk-set+json", data=keys)


class IdentityInternalService(identity_internal_service_pb2_grpc.IdentityInternalServiceServicer):
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def BatchGetUsers(
        self, request: internal_pb.BatchGetUsersRequest, context: grpc.ServicerContext
    ) -> internal_pb.BatchGetUsersResponse:
        return wire.users(queries.batch_get_users(queries.BatchGetUsers(tuple(request.user_ids)), self._rows))

"""What users say of themselves, for them and for the other services."""

import grpc
from campus.identity.v1 import identity_internal_service_pb2 as internal_pb
from campus.identity.v1 import identity_internal_service_pb2_grpc, profile_service_pb2_grpc
from campus.identity.v1 import profile_service_pb2 as profile_pb

from services.chassis.access import principal
from services.identity import commands, queries
from services.identity.ports import Store
from services.identity.wire import accounts
from services.kernel.clock import Clock
from services.kernel.rows import Rows


class ProfileService(profile_service_pb2_grpc.ProfileServiceServicer):
    def __init__(self, store: Store, rows: Rows, clock: Clock) -> None:
        self._store, self._rows, self._clock = store, rows, clock

    def GetProfile(self, request: profile_pb.GetProfileRequest, context: grpc.ServicerContext) -> profile_pb.User:
        return accounts.user(queries.get_profile(queries.GetProfile(principal().user_id), self._rows))

    def UpdateProfile(self, request: profile_pb.UpdateProfileRequest, context: grpc.ServicerContext) -> profile_pb.User:
        command = accounts.to_update_profile(principal().user_id, request)
        return accounts.user(commands.update_profile(command, self._store, self._clock))


class IdentityInternalService(identity_internal_service_pb2_grpc.IdentityInternalServiceServicer):
    def __init__(self, store: Store, rows: Rows, clock: Clock) -> None:
        self._store, self._rows, self._clock = store, rows, clock

    def BatchGetUsers(
        self, request: internal_pb.BatchGetUsersRequest, context: grpc.ServicerContext
    ) -> internal_pb.BatchGetUsersResponse:
        return accounts.users(queries.batch_get_users(queries.BatchGetUsers(tuple(request.user_ids)), self._rows))

    def ConfirmErasure(
        self, request: internal_pb.ConfirmErasureRequest, context: grpc.ServicerContext
    ) -> internal_pb.ConfirmErasureResponse:
        command = commands.ConfirmErasure(request.erasure_id, principal().service)
        commands.confirm_erasure(command, self._store, self._clock)
        return internal_pb.ConfirmErasureResponse()

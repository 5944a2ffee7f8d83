"""What users decide about themselves."""

import grpc
from campus.identity.v1 import erasure_service_pb2 as erasure_pb
from campus.identity.v1 import erasure_service_pb2_grpc, preference_service_pb2_grpc
from campus.identity.v1 import preference_service_pb2 as preference_pb

from services.chassis.access import principal
from services.identity import commands, queries
from services.identity.ports import PasswordHasher, Store
from services.identity.wire import personal as wire
from services.kernel.clock import Clock
from services.kernel.rows import Rows


class PreferenceService(preference_service_pb2_grpc.PreferenceServiceServicer):
    def __init__(self, store: Store, rows: Rows) -> None:
        self._store, self._rows = store, rows

    def GetPreferences(
        self, request: preference_pb.GetPreferencesRequest, context: grpc.ServicerContext
    ) -> preference_pb.Preferences:
        query = queries.GetPreferences(principal().user_id)
        return wire.preferences(queries.get_preferences(query, self._rows))

    def UpdatePreferences(
        self, request: preference_pb.UpdatePreferencesRequest, context: grpc.ServicerContext
    ) -> preference_pb.Preferences:
        command = wire.to_update_preferences(principal().user_id, request)
        return wire.preferences(commands.update_preferences(command, self._store))


class ErasureService(erasure_service_pb2_grpc.ErasureServiceServicer):
    def __init__(self, store: Store, rows: Rows, hasher: PasswordHasher, clock: Clock) -> None:
        self._store, self._rows, self._hasher, self._clock = store, rows, hasher, clock

    def DeleteProfile(
        self, request: erasure_pb.DeleteProfileRequest, context: grpc.ServicerContext
    ) -> erasure_pb.Erasure:
        command = commands.DeleteProfile(principal().user_id, request.password)
        return wire.erasure(commands.delete_profile(command, self._store, self._hasher, self._clock))

    def GetErasure(self, request: erasure_pb.GetErasureRequest, context: grpc.ServicerContext) -> erasure_pb.Erasure:
        return wire.erasure(queries.get_erasure(queries.GetErasure(request.erasure_id), self._rows))

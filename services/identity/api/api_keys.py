"""API keys."""

import grpc
from campus.identity.v1 import api_key_service_pb2 as pb
from campus.identity.v1 import api_key_service_pb2_grpc

from services.chassis.access import principal
from services.identity import commands, queries
from services.identity.ports import PasswordHasher, Store, TokenIssuer
from services.identity.wire import api_keys as wire
from services.kernel.clock import Clock
from services.kernel.rows import Rows


class ApiKeyService(api_key_service_pb2_grpc.ApiKeyServiceServicer):
    def __init__(self, store: Store, rows: Rows, hasher: PasswordHasher, issuer: TokenIssuer, clock: Clock) -> None:
        self._store, self._rows, self._hasher, self._issuer, self._clock = store, rows, hasher, issuer, clock

    def CreateApiKey(self, request: pb.CreateApiKeyRequest, context: grpc.ServicerContext) -> pb.NewApiKey:
        command = wire.to_create(principal().user_id, request)
        return wire.made(commands.create_api_key(command, self._store, self._hasher, self._clock))

    def ListApiKeys(self, request: pb.ListApiKeysRequest, context: grpc.ServicerContext) -> pb.ListApiKeysResponse:
        return wire.api_keys(queries.list_api_keys(queries.ListApiKeys(principal().user_id), self._rows))

    def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, context: grpc.ServicerContext) -> pb.RevokeApiKeyResponse:
        command = commands.RevokeApiKey(principal().user_id, request.api_key_id)
        commands.revoke_api_key(command, self._store, self._clock)
        return pb.RevokeApiKeyResponse()

    def ExchangeApiKey(self, request: pb.ExchangeApiKeyRequest, context: grpc.ServicerContext) -> pb.ApiKeyToken:
        command = commands.ExchangeApiKey(request.key)
        return wire.token(commands.exchange_api_key(command, self._store, self._issuer, self._clock))

"""The keys by which tokens are checked."""

import grpc
from campus.identity.v1 import key_service_pb2 as pb
from campus.identity.v1 import key_service_pb2_grpc
from google.api import httpbody_pb2

from services.identity import queries
from services.identity.ports import TokenIssuer


class KeyService(key_service_pb2_grpc.KeyServiceServicer):
    def __init__(self, issuer: TokenIssuer) -> None:
        self._issuer = issuer

    def GetKeySet(self, request: pb.GetKeySetRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        context.send_initial_metadata((("cache-control", "public, max-age=300"),))
        keys = queries.get_key_set(queries.GetKeySet(), self._issuer)
        return httpbody_pb2.HttpBody(content_type="application/jwk-set+json", data=keys)

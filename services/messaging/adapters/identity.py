"""Names and addresses, asked from identity and kept by nobody."""

from campus.identity.v1 import identity_internal_service_pb2 as pb
from campus.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceStub

from services.chassis.clients import Neighbour
from services.messaging.domain.letter import Recipient


class IdentityNeighbour:
    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour, self._stub = neighbour, IdentityInternalServiceStub(neighbour.channel)

    def find(self, user_id: str) -> Recipient | None:
        found = self._neighbour.call(self._stub.BatchGetUsers, pb.BatchGetUsersRequest(user_ids=[user_id]))
        return next((Recipient(user.name, user.email) for user in found.users), None)

"""The neighbours that catalog asks, served over mTLS with their own certificates, as far as catalog asks them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import ModuleType

import grpc
from campus.identity.v1 import key_service_pb2, key_service_pb2_grpc
from campus.learning.v1 import learning_internal_service_pb2 as learning_pb
from campus.learning.v1 import learning_internal_service_pb2_grpc
from google.api.httpbody_pb2 import HttpBody

from deploy.local.pki import Pki
from tests.harness.serving import Signer, served


class Identity(key_service_pb2_grpc.KeyServiceServicer):
    def __init__(self, signer: Signer) -> None:
        self.signer = signer

    def GetKeySet(self, request: key_service_pb2.GetKeySetRequest, context: grpc.ServicerContext) -> HttpBody:
        return HttpBody(content_type="application/jwk-set+json", data=self.signer.key_set())


class Learning(learning_internal_service_pb2_grpc.LearningInternalServiceServicer):
    def __init__(self) -> None:
        self.enrolled: set[tuple[str, str]] = set()

    def CheckEnrollment(
        self, request: learning_pb.CheckEnrollmentRequest, context: grpc.ServicerContext
    ) -> learning_pb.CheckEnrollmentResponse:
        return learning_pb.CheckEnrollmentResponse(enrolled=(request.user_id, request.course_id) in self.enrolled)


@dataclass
class Neighbours:
    """`peers` is what CAMPUS_PEERS says of them."""

    signer: Signer = field(default_factory=Signer)
    learning: Learning = field(default_factory=Learning)
    peers: str = ""


def _functions(*names: str) -> ModuleType:
    """Stands where a served neighbour would have its queries."""
    module = ModuleType("queries")
    for name in names:
        setattr(module, name, object)
    return module


@contextmanager
def neighbours(pki: Pki) -> Iterator[Neighbours]:
    found = Neighbours()
    nothing = ModuleType("commands")
    with ExitStack() as stack:
        key_queries = _functions("get_key_set")
        identity = stack.enter_context(served([Identity(found.signer)], nothing, key_queries, pki))
        checks = _functions("check_enrollment", "check_completion")
        learning = stack.enter_context(served([found.learning], nothing, checks, pki, peer="learning"))
        found.peers = f"identity={identity.address},learning={learning.address}"
        yield found

"""What learning knows about enrolments, asked over the mesh."""

from campus.learning.v1 import learning_internal_service_pb2 as learning_pb
from campus.learning.v1 import learning_internal_service_pb2_grpc

from services.chassis.clients import Neighbour


class LearningEnrollments:
    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour = neighbour
        self._stub = learning_internal_service_pb2_grpc.LearningInternalServiceStub(neighbour.channel)

    def enrolled(self, user_id: str, course_id: str) -> bool:
        request = learning_pb.CheckEnrollmentRequest(user_id=user_id, course_id=course_id)
        answer: learning_pb.CheckEnrollmentResponse = self._neighbour.call(self._stub.CheckEnrollment, request)
        return answer.enrolled

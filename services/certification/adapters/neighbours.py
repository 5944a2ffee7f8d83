"""What is asked from learning, billing, identity and catalog before a certificate is issued."""

from dataclasses import dataclass
from datetime import UTC

from campus.billing.v1 import billing_internal_service_pb2 as billing_pb
from campus.billing.v1.billing_internal_service_pb2_grpc import BillingInternalServiceStub
from campus.catalog.v1 import catalog_internal_service_pb2 as catalog_pb
from campus.catalog.v1.catalog_internal_service_pb2_grpc import CatalogInternalServiceStub
from campus.identity.v1 import identity_internal_service_pb2 as identity_pb
from campus.identity.v1.identity_internal_service_pb2_grpc import IdentityInternalServiceStub
from campus.learning.v1 import learning_internal_service_pb2 as learning_pb
from campus.learning.v1.learning_internal_service_pb2_grpc import LearningInternalServiceStub

from services.certification.domain.certificate import Completion
from services.certification.ports import Billing, Catalog, Identity, Learning
from services.chassis.clients import Neighbour
from services.kernel.errors import DependencyUnavailable


class LearningNeighbour:
    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour, self._stub = neighbour, LearningInternalServiceStub(neighbour.channel)

    def completion(self, user_id: str, course_id: str) -> Completion:
        request = learning_pb.CheckCompletionRequest(user_id=user_id, course_id=course_id)
        found = self._neighbour.call(self._stub.CheckCompletion, request)
        return Completion(
            found.completed_at.ToDatetime(UTC) if found.completed else None,
            found.enrollment_id,
            found.course_version,
            found.progress_basis_points,
            len(found.missing_lesson_ids),
        )


class BillingNeighbour:
    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour, self._stub = neighbour, BillingInternalServiceStub(neighbour.channel)

    def is_entitled(self, user_id: str, course_id: str) -> bool:
        request = billing_pb.CheckEntitlementRequest(user_id=user_id, course_id=course_id)
        return bool(self._neighbour.call(self._stub.CheckEntitlement, request).entitled)


class IdentityNeighbour:
    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour, self._stub = neighbour, IdentityInternalServiceStub(neighbour.channel)

    def name_of(self, user_id: str) -> str:
        request = identity_pb.BatchGetUsersRequest(user_ids=[user_id])
        for user in self._neighbour.call(self._stub.BatchGetUsers, request).users:
            return str(user.name)
        raise DependencyUnavailable(dependency="identity")


class CatalogNeighbour:
    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour, self._stub = neighbour, CatalogInternalServiceStub(neighbour.channel)

    def title_of(self, course_id: str) -> str:
        request = catalog_pb.BatchGetCoursesRequest(course_ids=[course_id])
        for course in self._neighbour.call(self._stub.BatchGetCourses, request).courses:
            return str(course.title)
        raise DependencyUnavailable(dependency="catalog")


@dataclass(frozen=True)
class AllNeighbours:
    learning: Learning
    billing: Billing
    identity: Identity
    catalog: Catalog

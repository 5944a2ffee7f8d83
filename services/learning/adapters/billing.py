"""Entitlements, asked from billing."""

from campus.billing.v1 import billing_internal_service_pb2 as pb
from campus.billing.v1 import payment_service_pb2
from campus.billing.v1.billing_internal_service_pb2_grpc import BillingInternalServiceStub

from services.chassis.clients import Neighbour
from services.kernel.errors import Refused
from services.learning.domain.enrollment import Entitlement, Source
from services.learning.domain.errors import CourseNotAvailable, CourseNotFound, NotEntitled

_SOURCES = {
    payment_service_pb2.ENTITLEMENT_SOURCE_PURCHASE: Source.PURCHASE,
    payment_service_pb2.ENTITLEMENT_SOURCE_FREE: Source.FREE,
}
_REFUSALS = {
    "COURSE_NOT_FOUND": CourseNotFound,
    "COURSE_NOT_AVAILABLE": CourseNotAvailable,
    "COURSE_NOT_FREE": NotEntitled,
}


class BillingNeighbour:
    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour, self._stub = neighbour, BillingInternalServiceStub(neighbour.channel)

    def live_entitlement(self, user_id: str, course_id: str) -> Entitlement | None:
        request = pb.CheckEntitlementRequest(user_id=user_id, course_id=course_id)
        found = self._neighbour.call(self._stub.CheckEntitlement, request)
        if not found.entitled:
            return None
        return Entitlement(found.entitlement_id, _SOURCES[found.source], found.order_id)

    def grant_free(self, user_id: str, course_id: str) -> Entitlement:
        request = pb.GrantFreeEntitlementRequest(user_id=user_id, course_id=course_id)
        try:
            found = self._neighbour.call(self._stub.GrantFreeEntitlement, request)
        except Refused as refusal:
            if meant := _REFUSALS.get(refusal.reason):
                raise meant(course_id=course_id) from None
            raise
        return Entitlement(found.entitlement_id, _SOURCES[found.source], found.order_id)

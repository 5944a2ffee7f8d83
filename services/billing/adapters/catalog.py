"""Courses, asked fresh from the catalog."""

from campus.catalog.v1 import catalog_internal_service_pb2_grpc, course_service_pb2
from campus.catalog.v1.catalog_internal_service_pb2 import BatchGetCoursesRequest

from services.billing.ports import CourseFacts
from services.chassis.clients import Neighbour
from services.kernel.money import Money


class CatalogNeighbour:
    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour = neighbour
        self._stub = catalog_internal_service_pb2_grpc.CatalogInternalServiceStub(neighbour.channel)

    def course(self, course_id: str) -> CourseFacts | None:
        request = BatchGetCoursesRequest(course_ids=[course_id])
        for course in self._neighbour.call(self._stub.BatchGetCourses, request).courses:
            published = course.state == course_service_pb2.Course.STATE_PUBLISHED
            price = Money(course.price.currency, course.price.amount_minor)
            return CourseFacts(course.course_id, course.title, course.instructor_id, published, price)
        return None

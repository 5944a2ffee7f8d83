"""Titles of courses, asked from catalog."""

from campus.catalog.v1 import catalog_internal_service_pb2 as pb
from campus.catalog.v1.catalog_internal_service_pb2_grpc import CatalogInternalServiceStub

from services.chassis.clients import Neighbour


class CatalogNeighbour:
    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour, self._stub = neighbour, CatalogInternalServiceStub(neighbour.channel)

    def title(self, course_id: str) -> str:
        found = self._neighbour.call(self._stub.BatchGetCourses, pb.BatchGetCoursesRequest(course_ids=[course_id]))
        return next((course.title for course in found.courses), "")

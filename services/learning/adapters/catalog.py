"""Published versions of courses, asked from catalog."""

from campus.catalog.v1 import catalog_internal_service_pb2 as pb
from campus.catalog.v1 import lesson_service_pb2
from campus.catalog.v1.catalog_internal_service_pb2_grpc import CatalogInternalServiceStub

from services.chassis.clients import Neighbour
from services.kernel.errors import Refused
from services.learning.domain.errors import CourseNotAvailable, CourseNotFound
from services.learning.domain.outline import Lesson, LessonKind, Outline

_KINDS = {
    lesson_service_pb2.LESSON_KIND_ARTICLE: LessonKind.ARTICLE,
    lesson_service_pb2.LESSON_KIND_VIDEO: LessonKind.VIDEO,
}
_REFUSALS = {"COURSE_NOT_FOUND": CourseNotFound, "COURSE_VERSION_NOT_FOUND": CourseNotAvailable}


class CatalogNeighbour:
    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour, self._stub = neighbour, CatalogInternalServiceStub(neighbour.channel)

    def latest_outline(self, course_id: str) -> Outline:
        try:
            found = self._neighbour.call(self._stub.GetCourseOutline, pb.GetCourseOutlineRequest(course_id=course_id))
        except Refused as refusal:
            if meant := _REFUSALS.get(refusal.reason):
                raise meant(course_id=course_id) from None
            raise
        lessons = (Lesson(each.lesson_id, _KINDS[each.kind], each.duration_seconds * 1000) for each in found.lessons)
        return Outline(found.course_id, found.version, tuple(lessons))

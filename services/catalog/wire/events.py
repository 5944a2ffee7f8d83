"""What catalog's events look like to the other services."""

from campus.catalog.v1 import events_pb2
from google.protobuf.message import Message

from services.catalog.domain.course import CourseArchived, CoursePublished, CourseUpdated
from services.catalog.wire.values import money
from services.kernel.events import DomainEvent


def announced(event: DomainEvent) -> Message:
    match event:
        case CoursePublished():
            return events_pb2.CoursePublished(
                course_id=event.course_id,
                version=event.version,
                instructor_id=event.instructor_id,
                title=event.title,
                price=money(event.price),
                lesson_count=event.lesson_count,
            )
        case CourseUpdated():
            return events_pb2.CourseUpdated(
                course_id=event.course_id,
                instructor_id=event.instructor_id,
                title=event.title,
                price=money(event.price),
            )
        case CourseArchived():
            return events_pb2.CourseArchived(
                course_id=event.course_id, version=event.version, instructor_id=event.instructor_id
            )
    raise TypeError(type(event).__name__)

"""catalog hears its own events: what another process of it changed is forgotten here too."""

from campus.catalog.v1 import events_pb2

from services.catalog.ports import PublicPages
from services.chassis.bus import Envelope


class Consumers:
    def __init__(self, pages: PublicPages) -> None:
        self._pages = pages

    def on_course_published(self, message: events_pb2.CoursePublished, _: Envelope) -> None:
        self._pages.forget(message.course_id)

    def on_course_updated(self, message: events_pb2.CourseUpdated, _: Envelope) -> None:
        self._pages.forget(message.course_id)

    def on_course_archived(self, message: events_pb2.CourseArchived, _: Envelope) -> None:
        self._pages.forget(message.course_id)

"""How long a page is kept, and what makes it be forgotten."""

from collections.abc import Callable
from dataclasses import dataclass

from campus.catalog.v1 import events_pb2
from google.protobuf.message import Message

from services.catalog.adapters.pages import MemoryPages
from services.catalog.consumers import Consumers
from services.catalog.ports import PublicPage
from services.chassis.bus import Envelope
from tests.catalog.conftest import START

PAGE = PublicPage(b"page", "u1")


@dataclass
class Seconds:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def keep(pages: MemoryPages, course_id: str, page: PublicPage = PAGE) -> None:
    pages.keep(course_id, page, pages.reading())


def test_a_page_is_kept_for_its_time_and_no_longer() -> None:
    clock = Seconds()
    pages = MemoryPages(30, clock=clock)
    keep(pages, "c1")
    clock.now += 29.9
    assert pages.get("c1") == PAGE
    clock.now += 0.2
    assert pages.get("c1") is None
    assert pages.get("c2") is None


def test_with_no_time_nothing_is_kept() -> None:
    pages = MemoryPages(0)
    keep(pages, "c1")
    assert pages.get("c1") is None


def test_a_page_read_before_a_change_is_not_kept_after_it() -> None:
    pages = MemoryPages(30)
    mark = pages.reading()
    pages.forget("c1")
    pages.keep("c1", PAGE, mark)
    assert pages.get("c1") is None
    keep(pages, "c1")
    assert pages.get("c1") == PAGE


def test_the_pages_together_stay_small_and_the_oldest_go_first() -> None:
    pages = MemoryPages(30, most_bytes=10)
    for course_id in ("c1", "c2", "c1", "c3"):
        keep(pages, course_id)
    assert [pages.get(course_id) is not None for course_id in ("c1", "c2", "c3")] == [True, False, True]
    keep(pages, "huge", PublicPage(b"x" * 11, "u1"))
    assert [pages.get(course_id) for course_id in ("c1", "c3", "huge")] == [None, None, None]
    keep(pages, "c1")
    keep(pages, "c2")
    assert pages.get("c1") == pages.get("c2") == PAGE


def test_each_event_about_a_course_makes_its_page_be_forgotten_as_often_as_it_comes() -> None:
    pages = MemoryPages(30)
    consumers = Consumers(pages)
    envelope = Envelope("e1", "s", START, "c1", 1, "")
    events: list[tuple[Callable[..., None], Message]] = [
        (consumers.on_course_published, events_pb2.CoursePublished(course_id="c1")),
        (consumers.on_course_updated, events_pb2.CourseUpdated(course_id="c1")),
        (consumers.on_course_archived, events_pb2.CourseArchived(course_id="c1")),
    ]
    for handle, message in events:
        keep(pages, "c1")
        keep(pages, "c2")
        for _ in range(2):
            handle(message, envelope)
            assert pages.get("c1") is None
        assert pages.get("c2") == PAGE

"""The servicers in a real server, with the real chain, certificates and tokens; codes and reasons asserted."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from campus.catalog.v1 import catalog_internal_service_pb2 as internal_pb
from campus.catalog.v1 import course_service_pb2 as course_pb
from campus.catalog.v1 import lesson_service_pb2 as lesson_pb
from campus.catalog.v1.catalog_internal_service_pb2_grpc import CatalogInternalServiceStub
from campus.catalog.v1.course_service_pb2_grpc import CourseServiceStub
from campus.catalog.v1.lesson_service_pb2_grpc import LessonServiceStub
from campus.types.v1.money_pb2 import Money
from google.protobuf.field_mask_pb2 import FieldMask

from deploy.local.pki import Pki
from services.catalog import api, commands, queries
from services.catalog.adapters.pages import MemoryPages
from services.catalog.adapters.postgres import PostgresStore
from services.chassis.db import Database
from services.kernel.ids import new_id
from tests.catalog.conftest import FakeClock, FakeEnrollments
from tests.harness.serving import Served, refused, served

Code = grpc.StatusCode
PRICE = Money(currency="EUR", amount_minor=4900)


class Catalog:
    """The served API, and an instructor who uses it."""

    def __init__(self, found: Served, pages: MemoryPages, enrollments: FakeEnrollments) -> None:
        self.served, self.pages, self.enrollments = found, pages, enrollments
        self.owner = new_id()
        self.courses = found.as_user(CourseServiceStub, self.owner, "instructor")
        self.lessons = found.as_user(LessonServiceStub, self.owner, "instructor")
        self.public = found.anonymous(CourseServiceStub)
        self.stranger = found.as_user(CourseServiceStub, new_id(), "instructor")

    def create(self, **other: Any) -> course_pb.Course:
        return self.courses.CreateCourse(request(**other))

    def filled(self, **other: Any) -> course_pb.Course:
        course = self.create(**other)
        module = self.lessons.CreateModule(lesson_pb.CreateModuleRequest(course_id=course.course_id, title="Basics"))
        self.lessons.CreateLesson(video(module))
        self.lessons.CreateLesson(article(module))
        return course

    def published(self, **other: Any) -> course_pb.Course:
        return self.courses.PublishCourse(course_pb.PublishCourseRequest(course_id=self.filled(**other).course_id))

    def get(self, course_id: str) -> course_pb.Course:
        return self.public.GetCourse(course_pb.GetCourseRequest(course_id=course_id))


def request(**other: Any) -> course_pb.CreateCourseRequest:
    given: dict[str, Any] = {
        "title": "Python for beginners",
        "description": "Loops",
        "category": "programming",
        "language": "en",
        "difficulty": course_pb.DIFFICULTY_BEGINNER,
        "price": PRICE,
    }
    return course_pb.CreateCourseRequest(**(given | other))


def video(module: lesson_pb.Module, **other: Any) -> lesson_pb.CreateLessonRequest:
    content = lesson_pb.VideoContent(duration_seconds=90)
    given: dict[str, Any] = {"title": "Variables", "video": content, "course_id": module.course_id}
    return lesson_pb.CreateLessonRequest(**(given | {"module_id": module.module_id} | other))


def article(module: lesson_pb.Module) -> lesson_pb.CreateLessonRequest:
    made = video(module, title="Reading", free_preview=True)
    made.article.body = "# Loops"
    return made


@pytest.fixture
def catalog(database: Database, pki: Pki, clock: FakeClock, enrollments: FakeEnrollments) -> Iterator[Catalog]:
    store, pages = PostgresStore(database.writer), MemoryPages(30)
    servicers = [
        api.CourseService(store, database.reader, pages, clock),
        api.LessonService(store, database.reader, enrollments, clock),
        api.CatalogInternalService(database.reader),
    ]
    with served(servicers, commands, queries, pki) as found:
        yield Catalog(found, pages, enrollments)


def test_a_created_course_is_a_draft_of_the_caller(catalog: Catalog) -> None:
    course = catalog.create(request_id="r1")
    assert (course.instructor_id, course.state) == (catalog.owner, course_pb.Course.STATE_DRAFT)
    assert (course.title, course.price, course.version) == ("Python for beginners", PRICE, 0)
    assert not course.HasField("published_at")
    assert catalog.create(request_id="r1") == course
    with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED", "request_id"):
        catalog.create(request_id="r1", title="Other")


def test_creating_is_for_instructors_and_needs_a_price_also_when_it_is_nothing(catalog: Catalog) -> None:
    assert catalog.create(price=Money(currency="EUR")).price.amount_minor == 0
    for field, wrong in [
        ("price", None),
        ("price", Money(currency="EUR", amount_minor=-1)),
        ("price.currency", Money(currency="euro")),
    ]:
        with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", field):
            catalog.create(price=wrong)
    for field, value in [("title", " "), ("category", "No Slug"), ("language", "English"), ("difficulty", 0)]:
        with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", field):
            catalog.create(**{field: value})
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        catalog.served.as_user(CourseServiceStub, new_id(), "student").CreateCourse(request())
    with refused(Code.UNAUTHENTICATED, "TOKEN_MISSING"):
        catalog.public.CreateCourse(request())


def test_an_update_changes_what_the_mask_names_or_what_is_given(catalog: Catalog) -> None:
    course = catalog.create()
    update = course_pb.UpdateCourseRequest(course_id=course.course_id.upper(), title="Better")
    changed = catalog.courses.UpdateCourse(update)
    assert (changed.title, changed.description, changed.price) == ("Better", "Loops", PRICE)
    assert catalog.courses.UpdateCourse(update) == changed
    masked = course_pb.UpdateCourseRequest(
        course_id=course.course_id,
        title="Ignored",
        difficulty=course_pb.DIFFICULTY_ADVANCED,
        price=Money(currency="USD"),
        update_mask=FieldMask(paths=["description", "difficulty", "price"]),
        etag=changed.etag,
    )
    cleared = catalog.courses.UpdateCourse(masked)
    assert (cleared.title, cleared.description, cleared.price.currency) == ("Better", "", "USD")
    assert cleared.difficulty == course_pb.DIFFICULTY_ADVANCED
    assert catalog.courses.UpdateCourse(masked) == cleared


def test_an_update_refuses_who_and_what_it_has_to(catalog: Catalog) -> None:
    course = catalog.published()
    update = course_pb.UpdateCourseRequest(course_id=course.course_id, title="Better", etag="1")
    with refused(Code.ABORTED, "STALE_VERSION", "etag"):
        catalog.courses.UpdateCourse(update)
    with refused(Code.PERMISSION_DENIED, "COURSE_NOT_OWNED"):
        catalog.stranger.UpdateCourse(update)
    with refused(Code.NOT_FOUND, "COURSE_NOT_FOUND"):
        catalog.courses.UpdateCourse(course_pb.UpdateCourseRequest(course_id=new_id(), title="Better"))
    with refused(Code.NOT_FOUND, "COURSE_NOT_FOUND"):
        catalog.stranger.UpdateCourse(
            course_pb.UpdateCourseRequest(course_id=catalog.create().course_id, title="Better")
        )
    mask = FieldMask(paths=["title"])
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST"):
        catalog.courses.UpdateCourse(course_pb.UpdateCourseRequest(course_id=course.course_id, update_mask=mask))
    catalog.courses.ArchiveCourse(course_pb.ArchiveCourseRequest(course_id=course.course_id))
    with refused(Code.FAILED_PRECONDITION, "COURSE_ARCHIVED"):
        catalog.courses.UpdateCourse(course_pb.UpdateCourseRequest(course_id=course.course_id, title="Better"))


def test_a_published_course_is_open_to_anyone_and_a_draft_is_not(catalog: Catalog) -> None:
    course = catalog.published()
    assert (course.state, course.version) == (course_pb.Course.STATE_PUBLISHED, 1)
    found = catalog.get(course.course_id)
    assert found == course
    assert [lesson.title for lesson in found.modules[0].lessons] == ["Variables", "Reading"]
    draft = catalog.filled()
    with refused(Code.NOT_FOUND, "COURSE_NOT_FOUND"):
        catalog.get(draft.course_id)
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "course_id"):
        catalog.get("1")
    with refused(Code.UNAUTHENTICATED, "TOKEN_INVALID"):
        catalog.served.with_token(CourseServiceStub, "junk").GetCourse(
            course_pb.GetCourseRequest(course_id=course.course_id)
        )


def test_a_page_from_memory_is_the_same_as_one_from_the_database_and_never_older_than_a_change(
    catalog: Catalog,
) -> None:
    course = catalog.published()
    first = catalog.get(course.course_id.upper())
    kept = catalog.pages.get(course.course_id)
    assert kept
    assert course_pb.Course.FromString(kept.content) == first == catalog.get(course.course_id)
    update = course_pb.UpdateCourseRequest(course_id=course.course_id, title="Better")
    catalog.courses.UpdateCourse(update)
    assert catalog.get(course.course_id).title == "Better"
    module = catalog.lessons.CreateModule(lesson_pb.CreateModuleRequest(course_id=course.course_id, title="More"))
    catalog.lessons.CreateLesson(video(module))
    assert len(catalog.get(course.course_id).modules) == 1
    catalog.courses.PublishCourse(course_pb.PublishCourseRequest(course_id=course.course_id))
    assert (catalog.get(course.course_id).version, len(catalog.get(course.course_id).modules)) == (2, 2)
    catalog.courses.ArchiveCourse(course_pb.ArchiveCourseRequest(course_id=course.course_id))
    assert catalog.get(course.course_id).state == course_pb.Course.STATE_ARCHIVED


def test_the_owner_is_never_answered_with_the_public_page(catalog: Catalog) -> None:
    course = catalog.published()
    catalog.get(course.course_id)
    catalog.lessons.CreateModule(lesson_pb.CreateModuleRequest(course_id=course.course_id, title="New"))
    get = course_pb.GetCourseRequest(course_id=course.course_id)
    admin = catalog.served.as_user(CourseServiceStub, new_id(), "admin")
    assert len(catalog.courses.GetCourse(get).modules) == len(admin.GetCourse(get).modules) == 2
    assert len(catalog.get(course.course_id).modules) == len(catalog.stranger.GetCourse(get).modules) == 1


def test_caches_are_told_what_they_may_keep(catalog: Catalog) -> None:
    course = catalog.published()
    reads: list[tuple[str, Any]] = [
        ("GetCourse", course_pb.GetCourseRequest(course_id=course.course_id)),
        ("ListCourses", course_pb.ListCoursesRequest()),
        ("SearchCourses", course_pb.SearchCoursesRequest(q="python")),
    ]
    rest = [("x-envoy-original-path", "/v1/courses")]
    for stub, said in [(catalog.public, "public, max-age=30"), (catalog.courses, "private, no-cache")]:
        for name, message in reads:
            _, call = getattr(stub, name).with_call(message, metadata=rest)
            headers = dict(call.initial_metadata())
            assert (headers["cache-control"], headers["vary"]) == (said, "authorization")
            _, call = getattr(stub, name).with_call(message)
            assert "cache-control" not in dict(call.initial_metadata())


def test_lists_show_published_courses_page_by_page_without_outlines(catalog: Catalog) -> None:
    courses = [catalog.published(title=title) for title in "AB"]
    catalog.filled()
    page = catalog.public.ListCourses(course_pb.ListCoursesRequest(page_size=1, order=course_pb.COURSE_ORDER_TITLE))
    assert [each.title for each in page.courses] == ["A"]
    assert not page.courses[0].modules
    assert page.courses[0].lesson_count == 2
    again = course_pb.ListCoursesRequest(
        page_size=1, order=course_pb.COURSE_ORDER_TITLE, page_token=page.next_page_token
    )
    rest = catalog.public.ListCourses(again)
    assert [each.course_id for each in rest.courses] == [courses[1].course_id]
    assert rest.next_page_token == ""
    again.order = course_pb.COURSE_ORDER_PRICE
    with refused(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", "page_token"):
        catalog.public.ListCourses(again)
    free = course_pb.ListCoursesRequest(price_kind=course_pb.PRICE_KIND_FREE)
    assert not catalog.public.ListCourses(free).courses
    hard = course_pb.ListCoursesRequest(difficulty=course_pb.DIFFICULTY_ADVANCED)
    assert not catalog.public.ListCourses(hard).courses
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "page_size"):
        catalog.public.ListCourses(course_pb.ListCoursesRequest(page_size=-1))


def test_my_courses_are_the_callers_own_in_every_state(catalog: Catalog) -> None:
    draft, published = catalog.filled(), catalog.published()
    mine = catalog.courses.ListMyCourses(course_pb.ListMyCoursesRequest()).courses
    assert [each.course_id for each in mine] == [published.course_id, draft.course_id]
    drafts = course_pb.ListMyCoursesRequest(state=course_pb.Course.STATE_DRAFT)
    assert [each.course_id for each in catalog.courses.ListMyCourses(drafts).courses] == [draft.course_id]
    assert not catalog.stranger.ListMyCourses(course_pb.ListMyCoursesRequest()).courses
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        catalog.served.as_user(CourseServiceStub, new_id()).ListMyCourses(course_pb.ListMyCoursesRequest())


def test_search_finds_by_words(catalog: Catalog) -> None:
    course = catalog.published()
    catalog.published(title="Baking")
    found = catalog.public.SearchCourses(course_pb.SearchCoursesRequest(q="beginner python")).courses
    assert [each.course_id for each in found] == [course.course_id]
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "q"):
        catalog.public.SearchCourses(course_pb.SearchCoursesRequest(q=" "))


def test_publishing_is_for_the_owner_of_a_course_with_lessons(catalog: Catalog) -> None:
    course = catalog.published()
    publish = course_pb.PublishCourseRequest(course_id=course.course_id)
    assert catalog.courses.PublishCourse(publish) == course
    with refused(Code.PERMISSION_DENIED, "COURSE_NOT_OWNED"):
        catalog.stranger.PublishCourse(publish)
    with refused(Code.FAILED_PRECONDITION, "COURSE_EMPTY"):
        catalog.courses.PublishCourse(course_pb.PublishCourseRequest(course_id=catalog.create().course_id))


def test_archiving_is_for_the_owner_and_for_good(catalog: Catalog) -> None:
    course = catalog.published()
    archive = course_pb.ArchiveCourseRequest(course_id=course.course_id)
    with refused(Code.PERMISSION_DENIED, "COURSE_NOT_OWNED"):
        catalog.stranger.ArchiveCourse(archive)
    archived = catalog.courses.ArchiveCourse(archive)
    assert archived.state == course_pb.Course.STATE_ARCHIVED
    assert catalog.courses.ArchiveCourse(archive) == archived
    assert not catalog.public.ListCourses(course_pb.ListCoursesRequest()).courses
    with refused(Code.FAILED_PRECONDITION, "COURSE_ARCHIVED"):
        catalog.courses.PublishCourse(course_pb.PublishCourseRequest(course_id=course.course_id))


def test_modules_and_lessons_are_added_by_the_owner_once_per_request(catalog: Catalog) -> None:
    course = catalog.create()
    create = lesson_pb.CreateModuleRequest(course_id=course.course_id, title=" Basics ", request_id="m1")
    module = catalog.lessons.CreateModule(create)
    assert (module.title, module.position, module.course_id) == ("Basics", 1, course.course_id)
    assert catalog.lessons.CreateModule(create) == module
    lesson = catalog.lessons.CreateLesson(video(module, request_id="l1"))
    assert (lesson.kind, lesson.duration_seconds, lesson.position) == (lesson_pb.LESSON_KIND_VIDEO, 90, 1)
    assert lesson.access == lesson_pb.LESSON_ACCESS_OWNER
    assert catalog.lessons.CreateLesson(video(module, request_id="l1")) == lesson
    with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED", "request_id"):
        catalog.lessons.CreateLesson(video(module, request_id="l1", title="Other"))
    with refused(Code.NOT_FOUND, "MODULE_NOT_FOUND"):
        catalog.lessons.CreateLesson(video(module, module_id=new_id()))
    stranger = catalog.served.as_user(LessonServiceStub, new_id(), "instructor")
    with refused(Code.NOT_FOUND, "COURSE_NOT_FOUND"):
        stranger.CreateModule(create)
    with refused(Code.NOT_FOUND, "COURSE_NOT_FOUND"):
        stranger.CreateLesson(video(module))
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "title"):
        catalog.lessons.CreateModule(lesson_pb.CreateModuleRequest(course_id=course.course_id))
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "content"):
        bare = video(module)
        bare.ClearField("video")
        catalog.lessons.CreateLesson(bare)


def test_a_hundred_modules_are_enough(catalog: Catalog) -> None:
    course = catalog.create()
    create = lesson_pb.CreateModuleRequest(course_id=course.course_id, title="M")
    for _ in range(100):
        catalog.lessons.CreateModule(create)
    with refused(Code.FAILED_PRECONDITION, "COURSE_FULL"):
        catalog.lessons.CreateModule(create)


def test_a_locked_lesson_comes_without_what_it_holds(catalog: Catalog) -> None:
    course = catalog.published()
    locked, preview = (each.lesson_id for each in course.modules[0].lessons)
    public = catalog.served.anonymous(LessonServiceStub)
    student = new_id()
    learner = catalog.served.as_user(LessonServiceStub, student)
    get = lesson_pb.GetLessonRequest(lesson_id=locked)
    for stub in (public, learner):
        lesson = stub.GetLesson(get)
        assert (lesson.access, lesson.WhichOneof("content")) == (lesson_pb.LESSON_ACCESS_LOCKED, None)
        assert (lesson.title, lesson.duration_seconds) == ("Variables", 90)
    catalog.enrollments.known.add((student, course.course_id))
    lesson = learner.GetLesson(get)
    assert (lesson.access, lesson.video.duration_seconds) == (lesson_pb.LESSON_ACCESS_ENROLLED, 90)
    shown = public.GetLesson(lesson_pb.GetLessonRequest(lesson_id=preview))
    assert (shown.access, shown.article.body) == (lesson_pb.LESSON_ACCESS_PREVIEW, "# Loops")
    with refused(Code.NOT_FOUND, "LESSON_NOT_FOUND"):
        public.GetLesson(lesson_pb.GetLessonRequest(lesson_id=new_id()))


def test_neighbours_read_facts_and_outlines(catalog: Catalog) -> None:
    draft, course = catalog.filled(), catalog.published()
    batch = internal_pb.BatchGetCoursesRequest(course_ids=[draft.course_id, course.course_id, new_id()])
    billing = catalog.served.as_service(CatalogInternalServiceStub, "billing")
    found = {each.course_id: each for each in billing.BatchGetCourses(batch).courses}
    assert found.keys() == {draft.course_id, course.course_id}
    facts = found[course.course_id]
    assert (facts.instructor_id, facts.price, facts.version) == (catalog.owner, PRICE, 1)
    assert facts.state == course_pb.Course.STATE_PUBLISHED
    learning = catalog.served.as_service(CatalogInternalServiceStub, "learning")
    outline = learning.GetCourseOutline(internal_pb.GetCourseOutlineRequest(course_id=course.course_id))
    assert (outline.course_id, outline.version) == (course.course_id, 1)
    assert [(each.kind, each.duration_seconds) for each in outline.lessons] == [
        (lesson_pb.LESSON_KIND_VIDEO, 90),
        (lesson_pb.LESSON_KIND_ARTICLE, 0),
    ]
    assert {each.module_id for each in outline.lessons} == {course.modules[0].module_id}
    with refused(Code.NOT_FOUND, "COURSE_VERSION_NOT_FOUND"):
        learning.GetCourseOutline(internal_pb.GetCourseOutlineRequest(course_id=course.course_id, version=2))
    with refused(Code.NOT_FOUND, "COURSE_NOT_FOUND"):
        learning.GetCourseOutline(internal_pb.GetCourseOutlineRequest(course_id=new_id()))
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        billing.GetCourseOutline(internal_pb.GetCourseOutlineRequest(course_id=course.course_id))
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        catalog.served.as_user(CatalogInternalServiceStub, catalog.owner, "admin").BatchGetCourses(batch)

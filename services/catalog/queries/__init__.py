"""The read side: one frozen dataclass and one function per query."""

from services.catalog.queries.courses import (
    BatchGetCourses,
    CourseFactsRow,
    CourseView,
    GetCourse,
    GetCourseOutline,
    OutlineView,
    batch_get_courses,
    get_course,
    get_course_outline,
)
from services.catalog.queries.lessons import GetLesson, LessonView, get_lesson
from services.catalog.queries.lists import (
    CourseOrder,
    ListCourses,
    ListMyCourses,
    PriceKind,
    SearchCourses,
    list_courses,
    list_my_courses,
    search_courses,
)
from services.catalog.queries.rows import CourseRow

__all__ = [
    "BatchGetCourses",
    "CourseFactsRow",
    "CourseOrder",
    "CourseRow",
    "CourseView",
    "GetCourse",
    "GetCourseOutline",
    "GetLesson",
    "LessonView",
    "ListCourses",
    "ListMyCourses",
    "OutlineView",
    "PriceKind",
    "SearchCourses",
    "batch_get_courses",
    "get_course",
    "get_course_outline",
    "get_lesson",
    "list_courses",
    "list_my_courses",
    "search_courses",
]

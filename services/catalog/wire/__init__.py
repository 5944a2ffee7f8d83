"""Between the contract's messages and catalog's own types, both ways."""

from services.catalog.wire.courses import (
    course,
    course_bytes,
    course_list,
    facts,
    found_courses,
    my_courses,
    outline,
    outline_bytes,
    to_create_course,
    to_list_courses,
    to_list_my_courses,
    to_update_course,
)
from services.catalog.wire.events import announced
from services.catalog.wire.lessons import created_lesson, lesson, module, to_create_lesson, to_create_module

__all__ = [
    "announced",
    "course",
    "course_bytes",
    "course_list",
    "created_lesson",
    "facts",
    "found_courses",
    "lesson",
    "module",
    "my_courses",
    "outline",
    "outline_bytes",
    "to_create_course",
    "to_create_lesson",
    "to_create_module",
    "to_list_courses",
    "to_list_my_courses",
    "to_update_course",
]

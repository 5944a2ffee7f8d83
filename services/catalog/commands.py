"""The write side: one frozen dataclass and one function per command."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.catalog.domain.caller import Caller
from services.catalog.domain.course import Course, Difficulty
from services.catalog.domain.errors import CourseNotFound, LessonNotFound
from services.catalog.domain.outline import Content, Lesson, Module
from services.catalog.ports import Store, Tx
from services.kernel.clock import Clock
from services.kernel.ids import new_id
from services.kernel.money import Money
from services.kernel.requests import RequestKey


@dataclass(frozen=True)
class CreateCourse:
    caller: Caller
    title: str
    description: str
    category: str
    language: str
    difficulty: Difficulty
    price: Money
    request: RequestKey


def create_course(command: CreateCourse, store: Store, clock: Clock) -> Course:
    course = Course.create(
        new_id(),
        instructor_id=command.caller.user_id,
        title=command.title,
        description=command.description,
        category=command.category,
        language=command.language,
        difficulty=command.difficulty,
        price=command.price,
        now=clock(),
    )
    with store.begin() as tx:
        if earlier := tx.requests.claim(command.request, course.id):
            return _course(tx, earlier)
        tx.courses.add(course)
    return course


@dataclass(frozen=True)
class UpdateCourse:
    caller: Caller
    course_id: str
    changes: Mapping[str, Any]
    etag: str = ""


def update_course(command: UpdateCourse, store: Store, clock: Clock) -> Course:
    with store.begin() as tx:
        course = _course(tx, command.course_id)
        course.require(command.caller, or_admin=True)
        if course.update(command.changes, command.etag, clock()):
            tx.courses.save(course)
    return course


@dataclass(frozen=True)
class PublishCourse:
    caller: Caller
    course_id: str


def publish_course(command: PublishCourse, store: Store, clock: Clock) -> Course:
    with store.begin() as tx:
        course = _course(tx, command.course_id)
        course.require(command.caller)
        if publication := course.publish(clock()):
            tx.courses.save(course, publication)
    return course


@dataclass(frozen=True)
class ArchiveCourse:
    caller: Caller
    course_id: str


def archive_course(command: ArchiveCourse, store: Store, clock: Clock) -> Course:
    with store.begin() as tx:
        course = _course(tx, command.course_id)
        course.require(command.caller)
        if course.archive(clock()):
            tx.courses.save(course)
    return course


@dataclass(frozen=True)
class CreateModule:
    caller: Caller
    course_id: str
    title: str
    request: RequestKey


def create_module(command: CreateModule, store: Store, clock: Clock) -> Module:
    module_id = new_id()
    with store.begin() as tx:
        earlier = tx.requests.claim(command.request, module_id)
        course = _course(tx, command.course_id)
        course.require(command.caller)
        if earlier:
            return course.module(earlier)
        module = course.add_module(module_id, command.title, clock())
        tx.courses.save(course, module)
    return module


@dataclass(frozen=True)
class CreateLesson:
    caller: Caller
    course_id: str
    module_id: str
    title: str
    free_preview: bool
    content: Content
    request: RequestKey


def create_lesson(command: CreateLesson, store: Store, clock: Clock) -> Lesson:
    lesson_id = new_id()
    with store.begin() as tx:
        if earlier := tx.requests.claim(command.request, lesson_id):
            return _lesson(tx, earlier)
        course = _course(tx, command.course_id)
        course.require(command.caller)
        lesson = course.add_lesson(
            lesson_id,
            command.module_id,
            title=command.title,
            free_preview=command.free_preview,
            content=command.content,
            now=clock(),
        )
        tx.courses.save(course, lesson)
    return lesson


def _course(tx: Tx, course_id: str) -> Course:
    course = tx.courses.get(course_id)
    if course is None:
        raise CourseNotFound(course_id=course_id)
    return course


def _lesson(tx: Tx, lesson_id: str) -> Lesson:
    lesson = tx.courses.lesson(lesson_id)
    if lesson is None:
        raise LessonNotFound(lesson_id=lesson_id)
    return lesson

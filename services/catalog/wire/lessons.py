"""Modules and lessons as messages, and the requests that make them."""

from campus.catalog.v1 import lesson_service_pb2 as lesson_pb

from services.catalog import commands, queries
from services.catalog.domain.caller import Caller
from services.catalog.domain.outline import Article, Content, Lesson, LessonAccess, Module, Video
from services.catalog.wire.values import ACCESS, KINDS
from services.chassis.requests import request_key


def to_create_module(caller: Caller, request: lesson_pb.CreateModuleRequest) -> commands.CreateModule:
    return commands.CreateModule(caller, request.course_id.lower(), request.title, request_key(request))


def to_create_lesson(caller: Caller, request: lesson_pb.CreateLessonRequest) -> commands.CreateLesson:
    return commands.CreateLesson(
        caller=caller,
        course_id=request.course_id.lower(),
        module_id=request.module_id.lower(),
        title=request.title,
        free_preview=request.free_preview,
        content=_content(request),
        request=request_key(request),
    )


def _content(request: lesson_pb.CreateLessonRequest) -> Content:
    if request.HasField("article"):
        return Article(request.article.body)
    return Video(request.video.duration_seconds)


def module(found: Module) -> lesson_pb.Module:
    return lesson_pb.Module(
        module_id=found.id,
        course_id=found.course_id,
        title=found.title,
        position=found.position,
        lessons=[
            lesson_pb.LessonSummary(
                lesson_id=each.id,
                title=each.title,
                position=each.position,
                kind=KINDS[each.kind],
                duration_seconds=each.duration_seconds,
                free_preview=each.free_preview,
            )
            for each in found.lessons
        ],
    )


def lesson(found: queries.LessonView) -> lesson_pb.Lesson:
    message = lesson_pb.Lesson(
        lesson_id=found.id,
        course_id=found.course_id,
        module_id=found.module_id,
        title=found.title,
        position=found.position,
        kind=KINDS[found.kind],
        duration_seconds=found.duration_seconds,
        free_preview=found.free_preview,
        access=ACCESS[found.access],
    )
    match found.content:
        case Article(body):
            message.article.body = body
        case Video(seconds):
            message.video.duration_seconds = seconds
    return message


def created_lesson(made: Lesson) -> lesson_pb.Lesson:
    """A lesson as its owner sees it, who has just made it."""
    return lesson(
        queries.LessonView(
            id=made.id,
            course_id=made.course_id,
            module_id=made.module_id,
            title=made.title,
            position=made.position,
            kind=made.content.kind,
            duration_seconds=made.content.duration_seconds,
            free_preview=made.free_preview,
            access=LessonAccess.OWNER,
            content=made.content,
        )
    )

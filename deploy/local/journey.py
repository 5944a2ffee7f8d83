"""One student's way through Campus over REST: what the demo shows, the tests hold and the drills repeat."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import httpx

from deploy.local.rest import Json, Refused, Rest

GOOD_CARD = "4242424242424242"
DECLINED_CARD = "4000000000000002"
PATIENCE_SECONDS = 20.0
PASSWORD = "correct horse battery"  # noqa: S105  # of accounts made up on the spot

T = TypeVar("T")


class NotYet(Exception):
    """What was waited for didn't come about in time."""


def eventually(look: Callable[[], T | None], what: str, patience: float = PATIENCE_SECONDS) -> T:
    """Looks until there is something to see; events take a moment."""
    deadline = time.monotonic() + patience
    pause = 0.02
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise NotYet(f"{what}: not within {patience:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)


@dataclass
class CourseDraft:
    """A course as its instructor enters it: one module, an article and a video."""

    title: str
    price_minor: int = 4900
    currency: str = "EUR"
    video_seconds: int = 600


@dataclass
class Student:
    """Someone who registered on the spot."""

    rest: Rest
    user_id: str
    email: str
    name: str
    seen: list[str] = field(default_factory=list)


def register(base: Rest, name: str = "Grace Hopper", email: str = "") -> Student:
    email = email or f"student-{uuid.uuid4().hex[:12]}@campus.example"
    body = {"email": email, "password": PASSWORD, "name": name}
    user = base.post("/api/auth/user/register", body, key=f"register-{email.replace('@', '.')}")
    return Student(base.signed_in(email, PASSWORD), user["userId"], email, name)


def publish_course(instructor: Rest, draft: CourseDraft, key: str = "") -> Json:
    """Creates, fills and publishes a course; with the same key again, it is the same course."""
    key = key or uuid.uuid4().hex
    price = {"currency": draft.currency, "amountMinor": str(draft.price_minor)}
    facts = {
        "title": draft.title,
        "description": f"{draft.title}, from the beginning.",
        "category": "demo",
        "language": "en",
        "difficulty": "DIFFICULTY_BEGINNER",
        "price": price,
    }
    course = instructor.post("/api/courses", facts, key=f"{key}-course")
    path = f"/v1/courses/{course['courseId']}"
    module = instructor.post(f"{path}/modules", {"title": "Basics"}, key=f"{key}-module")
    lessons = f"{path}/modules/{module['moduleId']}/lessons"
    article = {"title": "Before we start", "article": {"body": "Read this first."}, "freePreview": True}
    instructor.post(lessons, article, key=f"{key}-article")
    video = {"title": "The lecture", "video": {"durationSeconds": draft.video_seconds}}
    instructor.post(lessons, video, key=f"{key}-video")
    return instructor.post(f"{path}:publish")


def start_checkout(student: Rest, course_id: str, key: str = "") -> Json:
    return student.post("/api/payments/initiate", {"courseId": course_id}, key=key or uuid.uuid4().hex)


def pay(checkout: Json, card: str = GOOD_CARD) -> httpx.Response:
    """Fills in the provider's own page, as a browser would."""
    form = {
        "card_number": card,
        "card_expiry": "12 / 34",
        "card_cvc": "123",
        "name": "Grace Hopper",
        "email": "g@x.example",
    }
    return httpx.post(checkout["checkoutUrl"], data=form, follow_redirects=False, timeout=20)


def payment_of(student: Rest, checkout: Json) -> Json:
    return student.get(f"/api/payments/status/{checkout['transactionId']}")


def await_payment(student: Rest, checkout: Json, state: str = "STATE_SUCCEEDED") -> Json:
    def look() -> Json | None:
        payment = payment_of(student, checkout)
        return payment if payment["state"] == state else None

    return eventually(look, f"payment {state}")


def await_enrollment(student: Rest, course_id: str) -> Json:
    def look() -> Json | None:
        found = student.get("/v1/enrollments", course_id=course_id).get("enrollments", [])
        return found[0] if found else None

    return eventually(look, "enrolment")


def lessons_of(base: Rest, course_id: str) -> list[Json]:
    course = base.get(f"/v1/courses/{course_id}")
    return [lesson for module in course.get("modules", []) for lesson in module.get("lessons", [])]


def operation(lesson: Json, action: Json, operation_id: str = "", position_ms: int = 0) -> Json:
    return {
        "operationId": operation_id or str(uuid.uuid4()),
        "occurredAt": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "lessonId": lesson["lessonId"],
        "positionMs": position_ms,
        **action,
    }


def study(student: Rest, enrollment: Json, lessons: list[Json]) -> Json:
    """Reads every article and watches every video, in two overlapping halves; answers with the progress."""
    operations = []
    for lesson in lessons:
        length = int(lesson.get("durationSeconds", 0)) * 1000
        if not length:
            operations.append(operation(lesson, {"completed": {}}))
            continue
        half = length // 2
        operations.append(operation(lesson, {"watched": {"fromMs": half - 1000, "toMs": length}}, position_ms=length))
        operations.append(operation(lesson, {"watched": {"fromMs": 0, "toMs": half}}, position_ms=half))
    body = {"enrollmentId": enrollment["enrollmentId"], "operations": operations}
    return student.post("/api/progress/update", body)


def await_certificate(student: Rest, course_id: str) -> Json:
    def look() -> Json | None:
        found = student.get("/api/user/certificates").get("certificates", [])
        return next((each for each in found if each["courseId"] == course_id), None)

    return eventually(look, "certificate")


def await_notification(student: Rest, kind: str) -> Json:
    def look() -> Json | None:
        found = student.get("/v1/notifications").get("notifications", [])
        return next((each for each in found if each["kind"] == kind), None)

    return eventually(look, f"notification {kind}")


def await_mail(inbox: str, to: str, count: int) -> list[Json]:
    """What the mail stand-in holds for an address, once there is enough of it."""

    def look() -> list[Json] | None:
        found: list[Json] = httpx.get(f"{inbox}/api/messages", params={"to": to}, timeout=10).json()["messages"]
        return found if len(found) >= count else None

    return eventually(look, f"{count} mails to {to}")


def refused(call: Callable[[], object]) -> Refused:
    """The refusal of a call that must be refused."""
    try:
        call()
    except Refused as refusal:
        return refusal
    raise AssertionError("the call was answered, and should have been refused")

"""What clients do: a student on the way from registration to the certificate, a teacher who publishes."""

import random
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.local import journey
from deploy.local.rest import Json, Refused, Rest
from tests.drill import effects
from tests.drill.caller import Caller

VIDEO_SECONDS = 600


@dataclass(frozen=True)
class Course:
    """A published course, as a student sees it."""

    id: str
    title: str
    price_minor: int
    lessons: tuple[Json, ...]


class Teacher:
    """Creates, fills and publishes courses; each step by an id of its own."""

    def __init__(self, caller: Caller, rest: Rest) -> None:
        self._caller, self._rest = caller, rest

    def publish(self, title: str, price_minor: int) -> Course:
        key = uuid.uuid4().hex
        facts = {
            "title": title,
            "description": f"{title}, from the beginning.",
            "category": "drill",
            "language": "en",
            "difficulty": "DIFFICULTY_BEGINNER",
            "price": {"currency": "EUR", "amountMinor": str(price_minor)},
        }
        course = self._make("course", title, "/v1/courses", facts, key)
        path = f"/v1/courses/{course['courseId']}"
        module = self._make("module", title, f"{path}/modules", {"title": title}, key)
        lessons = f"{path}/modules/{module['moduleId']}/lessons"
        article = {"title": title, "article": {"body": "Read this first."}}
        video = {"title": title, "video": {"durationSeconds": VIDEO_SECONDS}}
        made = tuple(
            self._make(kind, title, lessons, body, key) for kind, body in (("article", article), ("video", video))
        )
        self._make("publication", title, f"{path}:publish", {}, "")
        return Course(course["courseId"], title, price_minor, made)

    def _make(self, kind: str, title: str, path: str, body: Json, key: str) -> Json:
        effect = effects.of_course(kind, title)
        step = f"{key}-{kind}" if key else ""
        return self._caller.do(kind, lambda: self._rest.post(path, body, key=step), [effect])


class Student:
    """One student's journey. What can't be known to have happened is asked for again under the same id."""

    def __init__(self, caller: Caller, base: Rest, email: str, chance: random.Random) -> None:
        self._caller, self.rest, self._email, self._chance = caller, base, email, chance

    def travel(self, courses: list[Course]) -> None:
        self._register()
        for course in courses:
            enrollment = self._buy(course) if course.price_minor else self._enroll(course)
            self._study(course, enrollment)
        for course in courses:
            self._receive_certificate(course)
        self._read_notifications()

    def _effect(self, kind: str, course: Course) -> str:
        return effects.of_learner(kind, self._email, course.id)

    def _told(self, kind: str, course: Course | None = None) -> str:
        return effects.notification(kind, self._email, course.id if course else "")

    def _register(self) -> None:
        base, key = self.rest, f"register-{self._email.replace('@', '.')}"
        body = {"email": self._email, "password": journey.PASSWORD, "name": "Grace Hopper"}
        made = [effects.user(self._email), self._told("welcome")]
        self._caller.do("register", lambda: base.post("/v1/users:register", body, key=key), made)
        self.rest = self._caller.do("login", lambda: base.signed_in(self._email, journey.PASSWORD))

    def _enroll(self, course: Course) -> Json:
        made = [self._effect("entitlement", course), self._effect("enrolment", course)]
        made.append(self._told("enrollment_created", course))
        body = {"courseId": course.id}
        return self._caller.do("enroll", lambda: self.rest.post("/v1/enrollments", body), made)

    def _buy(self, course: Course) -> Json:
        key = uuid.uuid4().hex
        checkout = self._caller.do(
            "checkout",
            lambda: journey.start_checkout(self.rest, course.id, key),
            [self._effect("order", course)],
        )
        if self._chance.random() < 0.25:
            # Nobody is told of a failure that billing hears of after the success.
            made, told = [self._effect("declined", course)], [self._told("payment_failed", course)]
            self._caller.do("decline", lambda: _pay(checkout, journey.DECLINED_CARD, {402}), made, told)
        made = [self._effect(kind, course) for kind in ("payment", "sale", "entitlement", "enrolment")]
        made += [self._told("payment_succeeded", course), self._told("enrollment_created", course)]
        self._caller.do("pay", lambda: _pay(checkout, journey.GOOD_CARD, {303, 409}), made)

        def look() -> Json | None:
            found: list[Json] = self.rest.get("/v1/enrollments", course_id=course.id).get("enrollments", [])
            return found[0] if found else None

        return self._caller.await_("await enrolment", look)

    def _study(self, course: Course, enrollment: Json) -> None:
        """Several batches, each sent twice as an impatient client would; the last one completes the course."""
        article, video = course.lessons
        length = VIDEO_SECONDS * 1000
        steps: list[tuple[Json, dict[str, Any]]] = [
            (video, {"watched": {"fromMs": each * length // 3, "toMs": (each + 1) * length // 3}}) for each in range(3)
        ]
        self._chance.shuffle(steps)
        enrolled = {"enrollmentId": enrollment["enrollmentId"]}
        for lesson, action in [*steps, (article, {"completed": {}})]:
            operation = journey.operation(lesson, action)
            made = [effects.operation(self._email, operation["operationId"])]
            if lesson is article:
                made += [self._effect("completion", course), self._effect("certificate", course)]
                made.append(self._told("certificate_issued", course))
            for _ in range(2):
                self._post("progress", "/api/progress/update", made, {**enrolled, "operations": [operation]})
        path = f"/v1/enrollments/{enrollment['enrollmentId']}/heartbeat"
        beat = journey.operation(video, {"watched": {"fromMs": 0, "toMs": 1000}})
        made = [effects.operation(self._email, beat["operationId"])]
        self._post("heartbeat", path, made, {"operation": beat})

    def _receive_certificate(self, course: Course) -> None:
        def look() -> Json | None:
            found: list[Json] = self.rest.get("/v1/certificates").get("certificates", [])
            return next((each for each in found if each["courseId"] == course.id), None)

        found = self._caller.await_("await certificate", look)
        path = f"/v1/certificates/{found['certificateId']}/download"
        first = self._caller.do("download", lambda: self.rest.raw("GET", path).content)
        again = self._caller.do("download", lambda: self.rest.raw("GET", path).content)
        verified = self._caller.do("verify", lambda: self.rest.get(f"/v1/verify/{found['code']}"))
        if first != again or not first.startswith(b"%PDF") or verified.get("valid") is not True:
            raise AssertionError(f"the certificate {found['certificateId']} is not what it was")

    def _read_notifications(self) -> None:
        listed = self._caller.do("list notifications", lambda: self.rest.get("/v1/notifications"))
        for each in listed.get("notifications", [])[:2]:
            path = f"/v1/notifications/{each['notificationId']}:read"
            self._post("read", path, [effects.read_mark(each["notificationId"])])

    def _post(self, kind: str, path: str, made: list[str], body: Json | None = None) -> None:
        self._caller.do(kind, lambda: self.rest.post(path, body), made)


def _pay(checkout: Json, card: str, expected: set[int]) -> httpx.Response:
    """The provider's own page; 409 says that this checkout was paid before."""
    answer = journey.pay(checkout, card)
    if answer.status_code not in expected:
        raise Refused(answer.status_code, {"message": "the payment page"})
    return answer

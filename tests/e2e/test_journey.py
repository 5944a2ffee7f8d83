"""A student buys a course, finishes it and proves it; everything through the gateway."""

import base64
import io

import httpx
import psycopg
import pytest
from pypdf import PdfReader

from deploy.local import journey
from deploy.local.journey import CourseDraft, Student
from deploy.local.mesh import Mesh
from deploy.local.rest import Json, Rest


def bought(student: Student, course: Json) -> Json:
    checkout = journey.start_checkout(student.rest, course["courseId"])
    assert journey.pay(checkout).status_code == 303
    journey.await_payment(student.rest, checkout)
    return journey.await_enrollment(student.rest, course["courseId"])


def test_the_whole_journey(mesh: Mesh, rest: Rest, student: Student, paid_course: Json) -> None:
    course_id = paid_course["courseId"]
    enrollment = bought(student, paid_course)
    assert (enrollment["state"], enrollment["courseVersion"]) == ("STATE_IN_PROGRESS", 1)
    lessons = journey.lessons_of(student.rest, course_id)
    assert len(lessons) == 2
    progress = journey.study(student.rest, enrollment, lessons)
    assert progress["progressBasisPoints"] == 10_000
    assert student.rest.get(f"/api/enrollments/{enrollment['enrollmentId']}")["state"] == "STATE_COMPLETED"

    certificate = journey.await_certificate(student.rest, course_id)
    path = f"/api/certificates/{certificate['certificateId']}/download"
    answer = student.rest.raw("GET", path)
    assert answer.headers["content-type"] == "application/pdf"
    assert "attachment" in answer.headers["content-disposition"]
    text = PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    assert student.name in text
    assert paid_course["title"] in " ".join(text.split())
    assert student.rest.raw("GET", path).content == answer.content
    link = student.rest.post(f"/v1/certificates/{certificate['certificateId']}:link")
    assert httpx.get(link["url"], timeout=10).content == answer.content
    assert httpx.get(link["url"].replace("X-Goog-Signature=", "X-Goog-Signature=0"), timeout=10).status_code == 403

    verified = rest.get(f"/v1/verify/{certificate['code']}")
    assert (verified["valid"], verified["holderName"]) == (True, student.name)
    page = rest.raw("GET", f"/verify/{certificate['code']}")
    assert page.headers["content-type"].startswith("text/html")
    assert student.name in page.text

    inbox = mesh.description()["pages"]["Mail inbox"].rstrip("/")
    mails = journey.await_mail(inbox, student.email, 4)
    assert len({mail["subject"] for mail in mails}) == len(mails)
    for kind in ("WELCOME", "PAYMENT_SUCCEEDED", "ENROLLMENT_CREATED", "CERTIFICATE_ISSUED"):
        journey.await_notification(student.rest, f"NOTIFICATION_KIND_{kind}")


def test_completing_again_changes_nothing_and_makes_no_second_certificate(
    mesh: Mesh, student: Student, free_course: Json
) -> None:
    enrollment = student.rest.post("/api/enrollments/enroll", {"courseId": free_course["courseId"]})
    lessons = journey.lessons_of(student.rest, free_course["courseId"])
    operations = [journey.operation(lesson, {"completed": {}}) for lesson in lessons]
    body = {"enrollmentId": enrollment["enrollmentId"], "operations": operations}
    for _ in range(3):
        assert student.rest.post("/api/progress/update", body)["progressBasisPoints"] == 10_000
    certificate = journey.await_certificate(student.rest, free_course["courseId"])
    for _ in range(3):
        again = student.rest.post("/api/certificates/generate", {"courseId": free_course["courseId"]})
        assert again["certificateId"] == certificate["certificateId"]
    with psycopg.connect(mesh.database_url("learning")) as learning:
        query = "SELECT count(*) FROM outbox WHERE subject LIKE %s AND aggregate_id = %s"
        row = learning.execute(query, ("%CourseCompleted", enrollment["enrollmentId"])).fetchone()
    assert row == (1,)


def test_a_free_course_enrols_directly_and_a_paid_one_does_not(
    student: Student, free_course: Json, paid_course: Json
) -> None:
    first = student.rest.post("/api/enrollments/enroll", {"courseId": free_course["courseId"]})
    again = student.rest.post("/api/enrollments/enroll", {"courseId": free_course["courseId"]})
    assert first["enrollmentId"] == again["enrollmentId"]
    refusal = journey.refused(
        lambda: student.rest.post("/api/enrollments/enroll", {"courseId": paid_course["courseId"]})
    )
    assert (refusal.status, refusal.reason) == (400, "NOT_ENTITLED")


def test_progress_resumes_where_it_was_left(student: Student, free_course: Json) -> None:
    enrollment = student.rest.post("/api/enrollments/enroll", {"courseId": free_course["courseId"]})
    video = next(each for each in journey.lessons_of(student.rest, free_course["courseId"]) if each["durationSeconds"])
    beat = journey.operation(video, {"watched": {"fromMs": 0, "toMs": 60_000}}, position_ms=60_000)
    path = f"/v1/enrollments/{enrollment['enrollmentId']}/heartbeat"
    first = student.rest.post(path, {"operation": beat})
    again = student.rest.post(path, {"operation": beat})
    assert (first["duplicate"], again["duplicate"]) == (False, True)
    progress = student.rest.get(f"/api/progress/{enrollment['enrollmentId']}")
    assert 0 <= progress["progressBasisPoints"] < 10_000
    resume = progress["resumePoint"]
    assert (resume["lessonId"], resume["positionMs"]) == (video["lessonId"], 60_000)


def test_lists_search_and_lessons_show_what_is_public(rest: Rest, student: Student, paid_course: Json) -> None:
    listed = rest.get("/api/courses/catalog/list", page_size=1)
    assert len(listed["courses"]) == 1
    following = rest.get("/v1/courses", page_size=1, page_token=listed["nextPageToken"])
    assert following["courses"][0]["courseId"] != listed["courses"][0]["courseId"]
    word = paid_course["title"].rpartition(" ")[2]
    found = rest.get("/v1/courses:search", q=word)["courses"]
    assert [each["courseId"] for each in found] == [paid_course["courseId"]]
    preview, locked = journey.lessons_of(rest, paid_course["courseId"])
    assert rest.get(f"/v1/lessons/{preview['lessonId']}")["article"]["body"]
    assert rest.get(f"/v1/lessons/{locked['lessonId']}")["access"] == "LESSON_ACCESS_LOCKED"


def test_two_editors_do_not_overwrite_each_other(instructor: Rest) -> None:
    course = journey.publish_course(instructor, CourseDraft("Edited by two"))
    path = f"/v1/courses/{course['courseId']}"
    seen = instructor.get(path)
    change = {"title": "Edited by one", "updateMask": "title", "etag": seen["etag"]}
    assert instructor.call("PATCH", path, json=change)["title"] == "Edited by one"
    late = {"title": "Edited by the other", "updateMask": "title", "etag": seen["etag"]}
    refusal = journey.refused(lambda: instructor.call("PATCH", path, json=late))
    assert (refusal.status, refusal.reason) == (409, "STALE_VERSION")


def test_notifications_arrive_live(student: Student, admin: Rest) -> None:
    with student.rest.stream("/v1/notifications:watch") as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        lines = stream.iter_lines()
        assert "heartbeat" in next(line for line in lines if line.startswith("data: "))
        sent = admin.post(
            "/api/notifications/send",
            {"userId": student.user_id, "channels": ["CHANNEL_IN_APP"], "subject": "Hello", "message": "You there?"},
            key=f"hello-{student.user_id}",
        )
        told = next(line for line in lines if "You there?" in line)
    assert sent["notificationId"] in told
    assert student.rest.post(f"/v1/notifications/{sent['notificationId']}:read")["readAt"]


def test_the_delivery_log_is_the_admins(student: Student, admin: Rest) -> None:
    journey.await_notification(student.rest, "NOTIFICATION_KIND_WELCOME")
    log = journey.eventually(
        lambda: [
            each
            for each in admin.get("/api/notifications/log", user_id=student.user_id)["deliveries"]
            if each["channel"] == "CHANNEL_EMAIL" and each["state"] == "STATE_SENT"
        ],
        "a sent mail in the log",
    )
    assert log[0]["deliveredAt"]
    refusal = journey.refused(lambda: student.rest.get("/api/notifications/log"))
    assert (refusal.status, refusal.reason) == (403, "ACCESS_DENIED")


@pytest.mark.parametrize("path", ["/docs", "/", "/docs/api-spec.yaml"])
def test_the_pages_for_people_are_served(rest: Rest, path: str) -> None:
    answer = rest.raw("GET", path, follow_redirects=True)
    assert answer.status_code == 200
    assert answer.content


def test_the_key_set_is_public_and_holds_no_private_part(rest: Rest) -> None:
    (key,) = rest.get("/.well-known/jwks.json")["keys"]
    assert len(base64.urlsafe_b64decode(key["x"] + "=")) == 32
    assert "d" not in key

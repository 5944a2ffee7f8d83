"""One correlation id from the REST request through gRPC and NATS to the last effect, in databases and logs."""

import json
import uuid

import psycopg

from deploy.local import journey
from deploy.local.journey import Student
from deploy.local.mesh import Mesh
from deploy.local.rest import Json

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def header(mesh: Mesh, service: str, event: str, about: str, name: str) -> str:
    """What the envelope of an announced event says."""
    query = "SELECT headers->>%s FROM outbox WHERE subject LIKE %s AND position(%s in payload) > 0"
    with psycopg.connect(mesh.database_url(service)) as connection:
        rows = connection.execute(query, (name, f"%.{event}", about.encode())).fetchall()
    assert len(rows) == 1, rows
    return str(rows[0][0])


def test_a_request_is_known_by_one_id_wherever_it_leads(mesh: Mesh, student: Student, free_course: Json) -> None:
    enrollment = student.rest.post("/api/enrollments/enroll", {"courseId": free_course["courseId"]})
    lessons = journey.lessons_of(student.rest, free_course["courseId"])
    operations = [journey.operation(lesson, {"completed": {}}) for lesson in lessons]
    body = {"enrollmentId": enrollment["enrollmentId"], "operations": operations}
    parent = f"00-{TRACE_ID[:16]}{uuid.uuid4().hex[:16]}-00f067aa0ba902b7-01"
    answer = student.rest.raw("POST", "/api/progress/update", json=body, headers={"traceparent": parent})
    request_id = answer.headers["x-request-id"]
    journey.await_certificate(student.rest, free_course["courseId"])
    # learning announced the completion, and certification, told by NATS, the certificate: both for this very request.
    for service, event in (("learning", "CourseCompleted"), ("certification", "CertificateIssued")):
        assert header(mesh, service, event, enrollment["enrollmentId"], "correlation-id") == request_id
        assert header(mesh, service, event, enrollment["enrollmentId"], "traceparent")[3:35] == parent[3:35]
        assert header(mesh, service, event, enrollment["enrollmentId"], "actor") == f"user:{student.user_id}"


def test_logs_are_json_and_hold_no_personal_data(mesh: Mesh, student: Student) -> None:
    for service in mesh.plan.choices.services:
        log = mesh.process(service).log.read_text().splitlines()
        entries = [json.loads(line) for line in log]
        assert entries
        assert all({"time", "level", "service", "message"} <= set(entry) for entry in entries)
        assert not any(student.email in line or student.name in line or journey.PASSWORD in line for line in log)

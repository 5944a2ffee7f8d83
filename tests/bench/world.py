"""The mesh that is measured, what is asked of it, and the servers that stand beside it for comparison."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, cast

import grpc
import jwt
import psycopg
from campus.catalog.v1 import course_service_pb2 as course_pb
from campus.learning.v1 import enrollment_service_pb2 as enrollment_pb
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deploy.local import health, ports, table
from deploy.local.mesh import Mesh
from deploy.local.pki import Identity
from deploy.local.plan import ROOT
from deploy.local.program import Launch, Program
from deploy.local.rest import Json, Rest
from services.catalog.app import Settings as CatalogSettings
from services.learning.app import Settings as LearningSettings
from tests.bench import processes

CATALOG_THREADS = CatalogSettings.model_fields["threads"].default
# With a core of its own a process makes use of more threads than one that the scheduler moves about.
PINNED_THREADS = 8
LEARNING_THREADS = LearningSettings.model_fields["threads"].default
GET_COURSE = "/campus.catalog.v1.CourseService/GetCourse"
MODULES, LESSONS_EACH = 4, 5
LESSONS = MODULES * LESSONS_EACH
VIDEO_SECONDS = 4 * 3600
TOKEN_SECONDS = 3600
UNLIMITED = 10**7  # requests a minute


def address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


class World:
    """A running mesh with a course in it, and callers of every kind."""

    def __init__(self, mesh: Mesh, seed: int) -> None:
        self.mesh = mesh
        self.random = Random(seed)  # noqa: S311  # the same ids in every run with this seed
        rest = Rest(mesh.url)
        self.instructor = rest.signed_in(*mesh.description()["accounts"]["instructor"].split())
        self._header = jwt.get_unverified_header(self.instructor.token)
        self._claims = jwt.decode(self.instructor.token, options={"verify_signature": False})
        key = load_pem_private_key(mesh.plan.pki.signing_key.read_bytes(), None)
        self._key = cast("Ed25519PrivateKey", key)
        self.course = make_course(self.instructor)

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def token(self, user_id: str) -> str:
        """An access token as identity would give it to a student, but longer lived than the bench."""
        now = int(time.time())
        theirs = {"sub": user_id, "sid": self.new_id(), "roles": ["student"], "iat": now, "exp": now + TOKEN_SECONDS}
        return jwt.encode(self._claims | theirs, self._key, algorithm="EdDSA", headers=self._header)

    def metadata(self, token: str) -> dict[str, str]:
        """What the gateway sends on with a signed-in caller's request."""
        trace = f"00-{self.random.getrandbits(128):032x}-{self.random.getrandbits(64):016x}-00"
        return {"authorization": f"Bearer {token}", "traceparent": trace, "x-request-id": self.new_id()}

    def call(self, where: str, method: str, request: Any, metadata: dict[str, str]) -> bytes:
        """One ordinary call; the answer in wire form."""
        files = self.mesh.identity()
        credentials = grpc.ssl_channel_credentials(
            files.ca.read_bytes(), files.key.read_bytes(), files.cert.read_bytes()
        )
        with grpc.secure_channel(where, credentials) as channel:
            message = request.SerializeToString()
            answer: bytes = channel.unary_unary(method)(message, metadata=tuple(metadata.items()), timeout=10)
        return answer

    def enrol(self) -> tuple[str, str]:
        """Somebody new in the course: the enrolment and a token."""
        token = self.token(self.new_id())
        asked = enrollment_pb.EnrollRequest(course_id=self.course["courseId"])
        method = "/campus.learning.v1.EnrollmentService/Enroll"
        answer = self.call(self.mesh.address("learning"), method, asked, self.metadata(token))
        return enrollment_pb.Enrollment.FromString(answer).enrollment_id, token

    def query(self, service: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.mesh.database_url(service)) as connection:
            return connection.execute(sql, values).fetchall()

    def course_answer(self, where: str) -> bytes:
        """The course as this process of catalog answers it, after a look at what it says."""
        asked = course_pb.GetCourseRequest(course_id=self.course["courseId"])
        answer = self.call(where, GET_COURSE, asked, {})
        found = course_pb.Course.FromString(answer)
        lessons = [lesson for module in found.modules for lesson in module.lessons]
        if found.title != self.course["title"] or len(lessons) != found.lesson_count or len(lessons) != LESSONS:
            raise AssertionError(f"this is not the course: {found}")
        return answer


def make_course(instructor: Rest) -> Json:
    """A free course of the usual size, published."""
    facts = {
        "title": "Distributed systems, taken apart",
        "description": "Clocks, queues and logs: what breaks, how one notices, and what it costs to be sure. " * 4,
        "category": "programming",
        "language": "en",
        "difficulty": "DIFFICULTY_INTERMEDIATE",
        "price": {"currency": "EUR", "amountMinor": "0"},
    }
    course = instructor.post("/v1/courses", facts)
    path = f"/v1/courses/{course['courseId']}"
    for number in range(1, MODULES + 1):
        module = instructor.post(f"{path}/modules", {"title": f"Part {number}: from one machine to many"})
        for place in range(1, LESSONS_EACH + 1):
            lesson = {"title": f"Lesson {number}.{place}: a failure, and what it teaches"}
            video = {"video": {"durationSeconds": VIDEO_SECONDS}}
            instructor.post(f"{path}/modules/{module['moduleId']}/lessons", lesson | video)
    return instructor.post(f"{path}:publish")


@contextmanager
def pinned_catalog(mesh: Mesh, cache_seconds: int) -> Iterator[tuple[str, int]]:
    """One more process of catalog, set up as for a core of its own: address and process id."""
    port = ports.choose()
    listen = f"{ports.LOOPBACK}:{port}"
    own = {"CAMPUS_LISTEN": listen, "CAMPUS_METRICS_LISTEN": "", "CAMPUS_COURSE_CACHE_SECONDS": str(cache_seconds)}
    own |= {"CAMPUS_PIN_CORES": "true", "CAMPUS_THREADS": str(PINNED_THREADS)}

    def launch() -> Launch:
        return Launch(
            command=(sys.executable, "-m", "services.catalog", "serve"),
            env=table.service_environment(mesh.plan, "catalog") | own,
            ready=health.grpc_serving((listen,), mesh.identity()),
        )

    program = Program("pinned catalog", launch, mesh.plan.logs / f"catalog-cache-{cache_seconds}.log", ROOT)
    program.start()
    try:
        yield listen, program.child.pid
    finally:
        program.stop()
        ports.give_back(port)


@contextmanager
def echo(identity: Identity, threads: int, answer_bytes: int = -1) -> Iterator[tuple[tuple[str, int], int]]:
    """A bare gRPC echo server: address and process id."""
    files = [f"--{name}={getattr(identity, name)}" for name in ("cert", "key", "ca")]
    command = [sys.executable, "-m", "tests.bench.echo", *files, f"--threads={threads}"]
    command += [f"--answer-bytes={answer_bytes}"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        try:
            port = int(process.stdout.readline())
            yield (ports.LOOPBACK, port), process.pid
        finally:
            process.stdin.close()
            process.wait(10)


def remembering_commits(mesh: Mesh) -> None:
    """Lets PostgreSQL remember when each transaction was committed, from its next start on."""
    with psycopg.connect(mesh.plan.postgres.admin_url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")


def spread_out(mesh: Mesh) -> None:
    """Everything may run everywhere again."""
    for process in mesh.processes.values():
        if process.pid:
            processes.pin(process.pid)

"""The real process on real PostgreSQL, NATS, certificates and object storage: from a completed course to the PDF."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import nats as nats_client
import psycopg
import pytest
from campus.certification.v1.certificate_service_pb2 import (
    DownloadCertificateRequest,
    ListMyCertificatesRequest,
    ListMyCertificatesResponse,
)
from campus.certification.v1.certificate_service_pb2_grpc import CertificateServiceStub
from campus.certification.v1.verification_service_pb2 import VerifyCertificateRequest
from campus.certification.v1.verification_service_pb2_grpc import VerificationServiceStub
from campus.learning.v1.events_pb2 import CourseCompleted

from deploy.local.nats import Nats
from deploy.local.pki import Pki
from deploy.local.postgres import Postgres
from services.certification.wire import timestamp
from services.kernel.ids import new_id
from tests.certification.conftest import DONE
from tests.certification.mesh import Mesh, mesh
from tests.deploy.standins.storage.server import Server
from tests.harness.databases import migrated, owner_url


@pytest.fixture
def running(postgres: Postgres, nats: Nats, pki: Pki, bucket_server: Server) -> Iterator[Mesh]:
    with migrated(postgres, "certification"), mesh(postgres, nats, pki, bucket_server) as found:
        learning_streams(nats)
        found.process.start()
        yield found


def learning_streams(nats: Nats) -> None:
    async def add() -> None:
        client = await nats_client.connect(nats.url("learning"))
        await client.jetstream().add_stream(name="CAMPUS_LEARNING", subjects=["campus.learning.v1.>"])
        await client.close()

    asyncio.run(add())


def announce(nats: Nats, user_id: str, course_id: str, event_id: str) -> None:
    message = CourseCompleted(
        enrollment_id=new_id(), user_id=user_id, course_id=course_id, course_version=3, completed_at=timestamp(DONE)
    )
    headers = {"Nats-Msg-Id": event_id, "occurred-at": DONE.isoformat(), "aggregate-id": new_id()}

    async def publish() -> None:
        client = await nats_client.connect(nats.url("learning"))
        subject = message.DESCRIPTOR.full_name
        await client.jetstream().publish(
            subject, message.SerializeToString(), headers=headers | {"aggregate-version": "9"}
        )
        await client.close()

    asyncio.run(publish())


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def mine(running: Mesh, user_id: str) -> ListMyCertificatesResponse:
    stub = CertificateServiceStub(running.process.channel())
    return stub.ListMyCertificates(
        ListMyCertificatesRequest(), metadata=running.bearer(user_id), timeout=10, wait_for_ready=True
    )


def rows(postgres: Postgres, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(owner_url(postgres, "certification")) as owner:
        return owner.execute(query.encode()).fetchall()


def test_who_completes_a_course_has_a_printed_certificate_soon_and_one_only(
    running: Mesh, postgres: Postgres, nats: Nats, bucket_server: Server
) -> None:
    assert running.process.task("migrate").returncode == 0, "which has nothing left to do"
    ada, course = running.facts.completes("Ada Lovelace", "Engines")
    event_id = new_id()
    announce(nats, ada, course, event_id)
    assert within(30, lambda: len(mine(running, ada).certificates) == 1)
    announce(nats, ada, course, new_id())
    made = "SELECT object_name FROM documents WHERE made_at IS NOT NULL"
    assert within(15, lambda: len(rows(postgres, made)) == 1), "without anybody asking for it"
    (found,) = mine(running, ada).certificates
    stored = bucket_server.bucket().blob(f"certificates/{found.certificate_id}.pdf").download_as_bytes()
    stub = CertificateServiceStub(running.process.channel())
    request = DownloadCertificateRequest(certificate_id=found.certificate_id)
    assert stub.DownloadCertificate(request, metadata=running.bearer(ada), timeout=10).data == stored

    # Killed between the upload and its record: printing again finds the same bytes there.
    running.process.kill()
    forget = "UPDATE documents SET made_at = NULL, object_name = NULL, sha256 = NULL, due_at = now()"
    with psycopg.connect(owner_url(postgres, "certification")) as owner:
        owner.execute(forget)
    running.process.start()
    assert within(10, lambda: len(rows(postgres, made)) == 1)
    assert (
        stub.DownloadCertificate(
            request, metadata=running.bearer(ada), timeout=timedelta(seconds=10).total_seconds(), wait_for_ready=True
        ).data
        == stored
    )
    published = "SELECT subject FROM outbox WHERE published_at IS NOT NULL"
    assert within(15, lambda: rows(postgres, published) == [("campus.certification.v1.CertificateIssued",)])
    assert within(15, lambda: len(rows(postgres, "SELECT event_id FROM inbox")) == 2), "each event is marked"
    assert rows(postgres, "SELECT count(*) FROM certificates") == [(1,)]


def test_an_operator_revokes_a_certificate(running: Mesh, nats: Nats) -> None:
    ada, course = running.facts.completes()
    announce(nats, ada, course, new_id())
    assert within(30, lambda: len(mine(running, ada).certificates) == 1)
    (found,) = mine(running, ada).certificates
    done = running.process.task("revoke", found.certificate_id)
    assert (done.returncode, done.stdout) == (0, f"revoked {found.certificate_id}\n")
    stub = VerificationServiceStub(running.process.channel())
    assert not stub.VerifyCertificate(VerifyCertificateRequest(code=found.code), timeout=5).valid
    assert running.process.end() == 0

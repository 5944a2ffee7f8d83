"""The servicers in a real server, with the real chain, certificates, tokens, press and object storage."""

import base64
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import grpc
import httpx
import pypdf
import pytest
from campus.certification.v1.certificate_service_pb2 import (
    Certificate,
    CreateDownloadLinkRequest,
    DownloadCertificateRequest,
    GenerateCertificateRequest,
    GetCertificateRequest,
    ListMyCertificatesRequest,
)
from campus.certification.v1.certificate_service_pb2_grpc import CertificateServiceStub
from campus.certification.v1.verification_service_pb2 import GetVerificationPageRequest, VerifyCertificateRequest
from campus.certification.v1.verification_service_pb2_grpc import VerificationServiceStub

from deploy.local.pki import Pki
from services.certification import api, commands, queries
from services.certification.adapters.page import HEADERS, verification_page
from services.certification.adapters.postgres import PostgresStore
from services.certification.adapters.press import PdfPress
from services.certification.adapters.shelf import PrintingShelf
from services.certification.adapters.storage import StorageArchive
from services.certification.domain.certificate import Completion
from services.chassis.db import Database
from services.kernel.clock import system_clock
from services.kernel.ids import new_id
from tests.certification.conftest import DONE, PUBLIC_URL, START, FakeNeighbours
from tests.deploy.standins.storage.server import BUCKET, WEB, Server
from tests.harness.databases import announced
from tests.harness.serving import Served, refused, served

Code = grpc.StatusCode
STUB = CertificateServiceStub


@pytest.fixture
def woken() -> list[str]:
    return []


@pytest.fixture
def certification(
    database: Database, pki: Pki, neighbours: FakeNeighbours, bucket_server: Server, woken: list[str]
) -> Iterator[Served]:
    store, rows = PostgresStore(database.writer), database.reader
    archive, press = StorageArchive(bucket_server.client(), BUCKET), PdfPress(PUBLIC_URL)
    shelf = PrintingShelf(store, press, archive, system_clock)
    wake: Callable[[], None] = lambda: woken.append("woken")  # noqa: E731
    servicers = [
        api.CertificateService(store, rows, neighbours, shelf, archive, wake, PUBLIC_URL, system_clock),
        api.VerificationService(rows, verification_page, HEADERS),
    ]
    with served(servicers, commands, queries, pki, "certification") as found:
        yield found


def generate(certification: Served, user_id: str, course_id: str) -> Certificate:
    return certification.as_user(STUB, user_id).GenerateCertificate(GenerateCertificateRequest(course_id=course_id))


def with_headers(call: Any, request: Any) -> tuple[Any, dict[str, str]]:
    answer, details = call.with_call(request)
    return answer, dict(details.initial_metadata())


def test_who_completed_a_course_gets_the_one_certificate(
    certification: Served, neighbours: FakeNeighbours, database: Database, woken: list[str]
) -> None:
    ada, course = neighbours.completes("Ada Lovelace", "Engines")
    found = generate(certification, ada, course)
    assert (found.user_id, found.holder_name, found.course_id, found.course_title) == (
        ada,
        "Ada Lovelace",
        course,
        "Engines",
    )
    assert (found.state, found.course_version) == (Certificate.STATE_ISSUED, 3)
    assert found.completed_at.ToDatetime(UTC) == DONE
    assert found.verification_url == f"{PUBLIC_URL}/verify/{found.code}"
    assert found.certificate_url == f"{PUBLIC_URL}/v1/certificates/{found.certificate_id}/download"
    neighbours.names[ada], neighbours.titles[course] = "Ada King", "Analytical Engines"
    assert generate(certification, ada, course.upper()) == found
    assert announced(database) == ["CertificateIssued"]
    assert woken


def test_a_certificate_is_refused_with_the_reason(certification: Served, neighbours: FakeNeighbours) -> None:
    ada, course = neighbours.completes()
    neighbours.entitled.clear()
    with refused(Code.FAILED_PRECONDITION, "NOT_ENTITLED"):
        generate(certification, ada, course)
    neighbours.completions[ada, course] = Completion(None, new_id(), 1, 7_500, 1)
    with refused(Code.FAILED_PRECONDITION, "COURSE_NOT_COMPLETED"):
        generate(certification, ada, course)
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "course_id"):
        generate(certification, ada, "no id")
    with refused(Code.UNAUTHENTICATED, "TOKEN_MISSING"):
        certification.anonymous(STUB).GenerateCertificate(GenerateCertificateRequest(course_id=course))


def test_a_certificate_is_shown_to_its_holder_and_to_admins(certification: Served, neighbours: FakeNeighbours) -> None:
    ada, course = neighbours.completes()
    found = generate(certification, ada, course)
    request = GetCertificateRequest(certificate_id=found.certificate_id)
    assert certification.as_user(STUB, ada).GetCertificate(request) == found
    assert certification.as_user(STUB, new_id(), "admin").GetCertificate(request) == found
    for stranger in (certification.as_user(STUB, new_id()), certification.as_user(STUB, new_id(), "instructor")):
        with refused(Code.NOT_FOUND, "CERTIFICATE_NOT_FOUND"):
            stranger.GetCertificate(request)


def test_learners_list_their_own(certification: Served, neighbours: FakeNeighbours) -> None:
    ada, first = neighbours.completes()
    courses = [first, *(neighbours.completes(user_id=ada)[1] for _ in range(2))]
    made = [generate(certification, ada, course) for course in courses]
    generate(certification, *neighbours.completes("Bob"))
    stub = certification.as_user(STUB, ada)
    page = stub.ListMyCertificates(ListMyCertificatesRequest(page_size=2))
    rest = stub.ListMyCertificates(ListMyCertificatesRequest(page_size=2, page_token=page.next_page_token))
    assert [*page.certificates, *rest.certificates] == made[::-1]
    assert rest.next_page_token == ""
    with refused(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", "page_token"):
        stub.ListMyCertificates(ListMyCertificatesRequest(page_token="abc"))


def test_the_holder_downloads_the_same_bytes_every_time(certification: Served, neighbours: FakeNeighbours) -> None:
    ada, course = neighbours.completes("Zoë Ångström", 'C:\\ "Größen" & <b>; 漢字')
    request = DownloadCertificateRequest(certificate_id=generate(certification, ada, course).certificate_id)
    stub = certification.as_user(STUB, ada)
    body, headers = with_headers(stub.DownloadCertificate, request)
    assert (body.content_type, body.data[:5]) == ("application/pdf", b"%PDF-")
    assert "Zoë Ångström" in pypdf.PdfReader(io.BytesIO(body.data)).pages[0].extract_text()
    assert headers["cache-control"].startswith("private")
    assert headers["content-disposition"] == (
        'attachment; filename="Certificate - C Groen & b.pdf"; '
        "filename*=UTF-8''Certificate%20-%20C%20Gr%C3%B6%C3%9Fen%20%26%20b%20%E6%BC%A2%E5%AD%97.pdf"
    )
    assert stub.DownloadCertificate(request).data == body.data
    for stranger in (certification.as_user(STUB, new_id()), certification.as_user(STUB, new_id(), "admin")):
        with refused(Code.NOT_FOUND, "CERTIFICATE_NOT_FOUND"):
            stranger.DownloadCertificate(request)


def test_what_was_damaged_in_the_storage_is_not_handed_out(
    certification: Served, neighbours: FakeNeighbours, bucket_server: Server
) -> None:
    ada, course = neighbours.completes()
    found = generate(certification, ada, course)
    request = DownloadCertificateRequest(certificate_id=found.certificate_id)
    stub = certification.as_user(STUB, ada)
    stub.DownloadCertificate(request)
    bucket_server.bucket().blob(f"certificates/{found.certificate_id}.pdf").upload_from_string(b"%PDF-forged")
    with refused(Code.INTERNAL, "INTERNAL_FAULT"):
        stub.DownloadCertificate(request)


def test_a_link_opens_the_pdf_for_five_minutes_by_get_alone(certification: Served, neighbours: FakeNeighbours) -> None:
    ada, course = neighbours.completes("Ada", "Größen")
    found = generate(certification, ada, course)
    stub = certification.as_user(STUB, ada)
    before = datetime.now(UTC)
    link = stub.CreateDownloadLink(CreateDownloadLinkRequest(certificate_id=found.certificate_id))
    expires_at = link.expires_at.ToDatetime(UTC)
    assert timedelta(minutes=4, seconds=58) <= expires_at - before <= timedelta(minutes=5, seconds=2)
    fetched = WEB.get(link.url)
    downloaded = stub.DownloadCertificate(DownloadCertificateRequest(certificate_id=found.certificate_id)).data
    assert (fetched.status_code, fetched.content) == (200, downloaded)
    assert fetched.headers["content-type"] == "application/pdf"
    assert "filename*=UTF-8''Certificate%20-%20Gr%C3%B6%C3%9Fen.pdf" in fetched.headers["content-disposition"]
    assert WEB.put(link.url, content=b"forged").status_code == 403
    assert WEB.get(link.url.replace("X-Goog-Expires=", "X-Goog-Expires=9")).status_code in (400, 403)
    other = str(httpx.URL(link.url).copy_with(path=f"/{BUCKET}/certificates/{new_id()}.pdf"))
    assert WEB.get(other).status_code == 403
    with refused(Code.NOT_FOUND, "CERTIFICATE_NOT_FOUND"):
        certification.as_user(STUB, new_id(), "admin").CreateDownloadLink(
            CreateDownloadLinkRequest(certificate_id=found.certificate_id)
        )


def test_anyone_verifies_a_code_however_it_is_typed(
    certification: Served, neighbours: FakeNeighbours, database: Database
) -> None:
    found = generate(certification, *neighbours.completes("Ada Lovelace", "Engines"))
    stub = certification.anonymous(VerificationServiceStub)
    answer = stub.VerifyCertificate(VerifyCertificateRequest(code=found.code))
    assert (answer.valid, answer.state, answer.code) == (True, Certificate.STATE_ISSUED, found.code)
    assert (answer.holder_name, answer.course_title, answer.course_version) == ("Ada Lovelace", "Engines", 3)
    assert (answer.completed_at, answer.issued_at) == (found.completed_at, found.issued_at)
    typed = found.code.lower().replace("-", "").replace("0", "o").replace("1", "l")
    assert stub.VerifyCertificate(VerifyCertificateRequest(code=typed)) == answer
    commands.revoke_certificate(commands.RevokeCertificate(found.certificate_id), PostgresStore(database.writer))
    answer = stub.VerifyCertificate(VerifyCertificateRequest(code=found.code))
    assert (answer.valid, answer.state) == (False, Certificate.STATE_REVOKED)
    for unknown in (found.code[:-1] + ("0" if found.code[-1] != "0" else "1"), "short", "-" * 50):
        with refused(Code.NOT_FOUND, "CERTIFICATE_NOT_FOUND"):
            stub.VerifyCertificate(VerifyCertificateRequest(code=unknown))
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "code"):
        stub.VerifyCertificate(VerifyCertificateRequest(code="<script>"))


def test_the_page_says_valid_withdrawn_or_unknown_and_runs_nothing(
    certification: Served, neighbours: FakeNeighbours, database: Database
) -> None:
    found = generate(certification, *neighbours.completes('<img src=x onerror="alert(1)">', "R&D </style><script>"))
    stub = certification.anonymous(VerificationServiceStub)
    body, headers = with_headers(stub.GetVerificationPage, GetVerificationPageRequest(code=found.code))
    page = body.data.decode()
    assert body.content_type == "text/html; charset=utf-8"
    assert "Valid certificate" in page
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" in page
    assert "R&amp;D &lt;/style&gt;&lt;script&gt;" in page
    assert "<script" not in page
    assert "<img" not in page
    style = page.partition("<style>")[2].partition("</style>")[0]
    allowed = base64.b64encode(sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{allowed}'" in headers["content-security-policy"]
    assert ' style="' not in page
    assert headers["x-content-type-options"] == "nosniff"
    commands.revoke_certificate(commands.RevokeCertificate(found.certificate_id), PostgresStore(database.writer))
    withdrawn = stub.GetVerificationPage(GetVerificationPageRequest(code=found.code)).data.decode()
    assert "Certificate withdrawn" in withdrawn
    assert "Valid certificate" not in withdrawn
    unknown = stub.GetVerificationPage(GetVerificationPageRequest(code="<b>&none")).data.decode()
    assert "Not a certificate of ours" in unknown
    assert "&lt;b&gt;&amp;none" in unknown
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "code"):
        stub.GetVerificationPage(GetVerificationPageRequest(code="x" * 101))


def test_nothing_of_this_is_issued_in_the_future(certification: Served, neighbours: FakeNeighbours) -> None:
    found = generate(certification, *neighbours.completes())
    assert abs(found.issued_at.ToDatetime(UTC) - datetime.now(UTC)) < timedelta(seconds=30)
    assert found.issued_at.ToDatetime(UTC) != START

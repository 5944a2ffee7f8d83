"""Between the contract's messages and certification's own types, both ways."""

import re
import unicodedata
from datetime import datetime
from urllib.parse import quote

from campus.certification.v1 import certificate_service_pb2, events_pb2, verification_service_pb2
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.certification import commands, queries
from services.certification.domain import certificate as domain
from services.kernel.events import DomainEvent
from services.kernel.pages import Page

_STATES = {
    domain.State.ISSUED: certificate_service_pb2.Certificate.STATE_ISSUED,
    domain.State.REVOKED: certificate_service_pb2.Certificate.STATE_REVOKED,
}

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December".split("|")  # noqa: SIM905

_MORE_THAN_A_NAME = re.compile(r'[\x00-\x1f\x7f"\\/:*?<>|%;]+')
_LONGEST_NAME = 120


def timestamp(moment: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(moment)
    return found


def verification_url(public_url: str, code: str) -> str:
    """What the QR code of a certificate leads to."""
    return f"{public_url.rstrip('/')}/verify/{code}"


def certificate(
    found: domain.Certificate | queries.CertificateRow, public_url: str
) -> certificate_service_pb2.Certificate:
    return certificate_service_pb2.Certificate(
        certificate_id=found.id,
        user_id=found.user_id,
        holder_name=found.holder_name,
        course_id=found.course_id,
        course_title=found.course_title,
        course_version=found.course_version,
        enrollment_id=found.enrollment_id,
        code=found.code,
        state=_STATES[domain.State(found.state)],
        completed_at=timestamp(found.completed_at),
        issued_at=timestamp(found.issued_at),
        verification_url=verification_url(public_url, found.code),
        certificate_url=f"{public_url.rstrip('/')}/v1/certificates/{found.id}/download",
    )


def certificates(
    page: Page[queries.CertificateRow], public_url: str
) -> certificate_service_pb2.ListMyCertificatesResponse:
    return certificate_service_pb2.ListMyCertificatesResponse(
        certificates=[certificate(row, public_url) for row in page.rows], next_page_token=page.next_token
    )


def verified(found: queries.CertificateRow) -> verification_service_pb2.VerifyCertificateResponse:
    return verification_service_pb2.VerifyCertificateResponse(
        valid=found.state == domain.State.ISSUED,
        state=_STATES[domain.State(found.state)],
        code=found.code,
        holder_name=found.holder_name,
        course_title=found.course_title,
        course_version=found.course_version,
        completed_at=timestamp(found.completed_at),
        issued_at=timestamp(found.issued_at),
    )


def link(found: commands.DownloadLink) -> certificate_service_pb2.DownloadLink:
    return certificate_service_pb2.DownloadLink(url=found.url, expires_at=timestamp(found.expires_at))


def content_disposition(file_name: str) -> str:
    """For a file to be saved under this name (RFC 6266): in full for browsers that know RFC 8187, in plain ASCII for
    the others, and without anything that could be taken for more than a name."""
    stem, dot, ending = " ".join(_MORE_THAN_A_NAME.sub(" ", file_name).split()).rpartition(".")
    stem = stem[:_LONGEST_NAME].strip(" .-")
    plain = " ".join(unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().split()).strip(" .-")
    return f"attachment; filename=\"{plain}{dot}{ending}\"; filename*=UTF-8''{quote(stem + dot + ending, safe='')}"


def announced(event: DomainEvent) -> Message:
    """The event as the other services hear it."""
    match event:
        case domain.CertificateIssued():
            return events_pb2.CertificateIssued(
                certificate_id=event.certificate_id,
                user_id=event.user_id,
                course_id=event.course_id,
                course_version=event.course_version,
                enrollment_id=event.enrollment_id,
                code=event.code,
                issued_at=timestamp(event.issued_at),
            )
    raise TypeError(type(event).__name__)


def day(moment: datetime) -> str:
    """Like `1 March 2026`, in UTC."""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"

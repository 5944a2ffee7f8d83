"""The read side: one frozen dataclass and one function per query."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, select

from services.certification.domain.code import read_code
from services.certification.domain.document import file_name
from services.certification.domain.errors import CertificateNotFound
from services.certification.ports import Shelf
from services.certification.tables import certificates
from services.kernel.errors import PageTokenInvalid
from services.kernel.pages import Page, PageRequest, page_of
from services.kernel.rows import Rows

ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class CertificateRow:
    id: str
    user_id: str
    holder_name: str
    course_id: str
    course_title: str
    course_version: int
    enrollment_id: str
    code: str
    state: str
    completed_at: datetime
    issued_at: datetime


_c = certificates.c

_CERTIFICATE = select(
    _c.id,
    _c.user_id,
    _c.holder_name,
    _c.course_id,
    _c.course_title,
    _c.course_version,
    _c.enrollment_id,
    _c.code,
    _c.state,
    _c.completed_at,
    _c.issued_at,
)
_BY_ID = _CERTIFICATE.where(_c.id == bindparam("certificate_id"))
_BY_CODE = _CERTIFICATE.where(_c.code == bindparam("code"))
_LIST = _CERTIFICATE.where(_c.user_id == bindparam("user_id")).order_by(_c.id.desc()).limit(bindparam("limit"))
_LIST_AFTER = _LIST.where(_c.id < bindparam("after"))


@dataclass(frozen=True)
class GetCertificate:
    user_id: str
    roles: frozenset[str]
    certificate_id: str


def get_certificate(query: GetCertificate, rows: Rows) -> CertificateRow:
    found = rows.one(_BY_ID, CertificateRow, {"certificate_id": query.certificate_id})
    if found is None or (found.user_id != query.user_id and ADMIN not in query.roles):
        raise CertificateNotFound(certificate_id=query.certificate_id)
    return found


@dataclass(frozen=True)
class ListMyCertificates:
    user_id: str
    size: int
    token: str


def list_my_certificates(query: ListMyCertificates, rows: Rows) -> Page[CertificateRow]:
    """Ids grow with time, so the newest certificate has the greatest one."""
    request = PageRequest(query.size, query.token, query.user_id)
    parameters = {"user_id": query.user_id, "limit": request.limit + 1}
    if after := _id_in(request.after(1)):
        found = rows.all(_LIST_AFTER, CertificateRow, {**parameters, "after": after})
    else:
        found = rows.all(_LIST, CertificateRow, parameters)
    return page_of(found, request, lambda row: [row.id])


def _id_in(key: list[str] | None) -> str:
    try:
        return str(UUID(key[0])) if key else ""
    except ValueError:
        raise PageTokenInvalid(field="page_token") from None


@dataclass(frozen=True)
class Download:
    file_name: str
    data: bytes


@dataclass(frozen=True)
class DownloadCertificate:
    user_id: str
    certificate_id: str


def download_certificate(query: DownloadCertificate, rows: Rows, shelf: Shelf) -> Download:
    """That the course was completed was checked when the certificate was issued, and stays true."""
    found = get_certificate(GetCertificate(query.user_id, frozenset(), query.certificate_id), rows)
    data = shelf.fetch(shelf.document(found.id))
    return Download(file_name(found.course_title), data)


@dataclass(frozen=True)
class VerifyCertificate:
    code: str


def verify_certificate(query: VerifyCertificate, rows: Rows) -> CertificateRow:
    if code := read_code(query.code):
        found = rows.one(_BY_CODE, CertificateRow, {"code": code})
        if found is not None:
            return found
    raise CertificateNotFound(code=query.code)


@dataclass(frozen=True)
class GetVerificationPage:
    code: str


def get_verification_page(query: GetVerificationPage, rows: Rows) -> CertificateRow | None:
    """What the page shows; None if no certificate has the code."""
    try:
        return verify_certificate(VerifyCertificate(query.code), rows)
    except CertificateNotFound:
        return None

"""The write side: one frozen dataclass and one function per command."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from services.certification.domain.certificate import Certificate
from services.certification.domain.code import new_code
from services.certification.domain.document import Document, file_name, object_name
from services.certification.domain.errors import CertificateNotFound, CourseNotCompleted, NotEntitled
from services.certification.domain.text import printable
from services.certification.ports import Archive, Neighbours, Press, Shelf, Store
from services.kernel.clock import Clock
from services.kernel.ids import new_id

LINK_LIVES = timedelta(minutes=5)
# Printing takes well under a second; whoever took longer has probably ended.
LEASE = timedelta(seconds=30)


@dataclass(frozen=True)
class GenerateCertificate:
    user_id: str
    course_id: str


def generate_certificate(
    command: GenerateCertificate, store: Store, neighbours: Neighbours, clock: Clock
) -> Certificate:
    """The learner's certificate for the course, issued if there is none."""
    with store.begin() as tx:
        found = tx.certificates.of_learner(command.user_id, command.course_id)
    return found or issue(Issue(command.user_id, command.course_id), store, neighbours, clock)


@dataclass(frozen=True)
class Issue:
    """Someone completed a course."""

    user_id: str
    course_id: str


def issue(command: Issue, store: Store, neighbours: Neighbours, clock: Clock) -> Certificate:
    """Everyone is asked before the one transaction. Of two who issue at once the second finds what the first issued."""
    user_id, course_id = command.user_id, command.course_id
    completion = neighbours.learning.completion(user_id, course_id)
    if completion.completed_at is None:
        raise CourseNotCompleted(
            course_id=course_id,
            progress_basis_points=str(completion.progress_basis_points),
            missing_lesson_count=str(completion.missing_lesson_count),
        )
    if not neighbours.billing.is_entitled(user_id, course_id):
        raise NotEntitled(course_id=course_id)
    holder = (user_id, printable(neighbours.identity.name_of(user_id)))
    course = (course_id, printable(neighbours.catalog.title_of(course_id)))
    certificate = Certificate.issue(new_id(), new_code(), holder, course, completion, clock())
    with store.begin() as tx:
        if tx.certificates.add(certificate):
            return certificate
        found = tx.certificates.of_learner(user_id, course_id)
    assert found is not None
    return found


@dataclass(frozen=True)
class PrintDocument:
    certificate_id: str


def print_document(command: PrintDocument, store: Store, press: Press, archive: Archive, clock: Clock) -> Document:
    """Makes the PDF, unless it is there. Wherever this stops, doing it again ends the same: the same certificate prints
    to the same bytes, and of those stored first nothing is ever overwritten."""
    with store.begin() as tx:
        made = tx.documents.get(command.certificate_id)
        certificate = tx.certificates.get(command.certificate_id)
    if made is not None:
        return made
    if certificate is None:
        raise CertificateNotFound(certificate_id=command.certificate_id)
    name = object_name(certificate.id)
    kept = archive.keep(name, press.printed(certificate))
    document = Document(certificate.id, name, sha256(kept).hexdigest())
    with store.begin() as tx:
        return tx.documents.record(document, clock())


def print_due(store: Store, press: Press, archive: Archive, clock: Clock) -> bool:
    """Makes the PDF that has waited longest; whether there was one. One that fails is due again when the lease ends."""
    now = clock()
    with store.begin() as tx:
        certificate_id = tx.documents.take_due(now, now + LEASE)
    if certificate_id is None:
        return False
    print_document(PrintDocument(certificate_id), store, press, archive, clock)
    return True


@dataclass(frozen=True)
class DownloadLink:
    url: str
    expires_at: datetime


@dataclass(frozen=True)
class CreateDownloadLink:
    user_id: str
    certificate_id: str


def create_download_link(
    command: CreateDownloadLink, store: Store, shelf: Shelf, archive: Archive, clock: Clock
) -> DownloadLink:
    with store.begin() as tx:
        certificate = tx.certificates.get(command.certificate_id)
    if certificate is None or certificate.user_id != command.user_id:
        raise CertificateNotFound(certificate_id=command.certificate_id)
    document = shelf.document(certificate.id)
    expires_at = clock().replace(microsecond=0) + LINK_LIVES
    return DownloadLink(archive.link(document.object_name, file_name(certificate.course_title), expires_at), expires_at)


@dataclass(frozen=True)
class RevokeCertificate:
    certificate_id: str


def revoke_certificate(command: RevokeCertificate, store: Store) -> Certificate:
    """For operators: the certificate should never have been issued."""
    with store.begin() as tx:
        certificate = tx.certificates.get(command.certificate_id)
        if certificate is None:
            raise CertificateNotFound(certificate_id=command.certificate_id)
        certificate.revoke()
        tx.certificates.save(certificate)
    return certificate

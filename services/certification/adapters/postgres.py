"""The store in PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.dialects import postgresql

from services.certification import wire
from services.certification.domain.certificate import Certificate, State
from services.certification.domain.document import Document
from services.certification.tables import certificates, documents
from services.chassis.db import Work, Writer


class PostgresStore:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    @contextmanager
    def begin(self) -> Iterator["PostgresTx"]:
        with self._writer.begin() as work:
            yield PostgresTx(work)


class PostgresTx:
    def __init__(self, work: Work) -> None:
        self.certificates = PostgresCertificates(work)
        self.documents = PostgresDocuments(work)


class PostgresCertificates:
    def __init__(self, work: Work) -> None:
        self._work = work

    def get(self, certificate_id: str) -> Certificate | None:
        query = select(certificates).where(certificates.c.id == certificate_id)
        return _certificate(self._work.execute(query).first())

    def of_learner(self, user_id: str, course_id: str) -> Certificate | None:
        this = (certificates.c.user_id == user_id) & (certificates.c.course_id == course_id)
        return _certificate(self._work.execute(select(certificates).where(this)).first())

    def add(self, certificate: Certificate) -> bool:
        # The insert waits for a concurrent one of the same learner and course, and then either wins or sees it.
        new = postgresql.insert(certificates).values(id=certificate.id, version=1, **_values(certificate))
        once = new.on_conflict_do_nothing(index_elements=["user_id", "course_id"]).returning(certificates.c.id)
        if self._work.execute(once).first() is None:
            return False
        due = {"certificate_id": certificate.id, "due_at": certificate.issued_at}
        self._work.execute(insert(documents).values(due))
        certificate.version = 1
        self._announce(certificate)
        return True

    def save(self, certificate: Certificate) -> None:
        self._work.update_version(certificates, certificate.id, certificate.version, _values(certificate))
        certificate.version += 1
        self._announce(certificate)

    def _announce(self, certificate: Certificate) -> None:
        for event in certificate.take_events():
            self._work.announce(wire.announced(event), certificate.id, certificate.version)


class PostgresDocuments:
    def __init__(self, work: Work) -> None:
        self._work = work

    def get(self, certificate_id: str) -> Document | None:
        this = (documents.c.certificate_id == certificate_id) & documents.c.made_at.is_not(None)
        query = select(documents.c.certificate_id, documents.c.object_name, documents.c.sha256).where(this)
        found = self._work.execute(query).first()
        return Document(found.certificate_id, found.object_name, found.sha256) if found else None

    def take_due(self, now: datetime, until: datetime) -> str | None:
        waiting = select(documents.c.certificate_id).where(documents.c.made_at.is_(None), documents.c.due_at <= now)
        first = waiting.order_by(documents.c.due_at).limit(1).with_for_update(skip_locked=True).scalar_subquery()
        lease = update(documents).where(documents.c.certificate_id == first).values(due_at=until)
        found = self._work.execute(lease.returning(documents.c.certificate_id)).first()
        return str(found.certificate_id) if found else None

    def record(self, document: Document, now: datetime) -> Document:
        this = (documents.c.certificate_id == document.certificate_id) & documents.c.made_at.is_(None)
        made = {"object_name": document.object_name, "sha256": document.sha256, "made_at": now}
        if self._work.execute(update(documents).where(this).values(made)).rowcount:
            return document
        found = self.get(document.certificate_id)
        assert found is not None
        return found


def _values(certificate: Certificate) -> dict[str, Any]:
    names = (column.name for column in certificates.c if column.name not in ("id", "version"))
    return {name: getattr(certificate, name) for name in names}


def _certificate(row: Row[Any] | None) -> Certificate | None:
    if row is None:
        return None
    return Certificate(**(dict(row._mapping) | {"state": State(row.state)}))

"""What certification needs from outside, in its own words."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from services.certification.domain.certificate import Certificate, Completion
from services.certification.domain.document import Document


class Certificates(Protocol):
    def get(self, certificate_id: str) -> Certificate | None: ...

    def of_learner(self, user_id: str, course_id: str) -> Certificate | None: ...

    def add(self, certificate: Certificate) -> bool:
        """Whether it was added: of those who certify the same at once one wins, and the others find that one's. Its
        document is due from then on."""
        ...

    def save(self, certificate: Certificate) -> None:
        """Raises StaleVersion when someone wrote since `certificate` was read."""
        ...


class Documents(Protocol):
    """The PDFs, made and still to be made."""

    def get(self, certificate_id: str) -> Document | None:
        """None while it isn't made."""
        ...

    def take_due(self, now: datetime, until: datetime) -> str | None:
        """The id of a certificate whose PDF has to be made. Nobody else is given it before `until`."""
        ...

    def record(self, document: Document, now: datetime) -> Document:
        """Remembers what was made, or returns what someone else remembered before."""
        ...


class Tx(Protocol):
    @property
    def certificates(self) -> Certificates: ...

    @property
    def documents(self) -> Documents: ...


class Store(Protocol):
    def begin(self) -> AbstractContextManager[Tx]:
        """One transaction: commits at the end of the block, leaves no trace when it raises."""
        ...


class Learning(Protocol):
    def completion(self, user_id: str, course_id: str) -> Completion: ...


class Billing(Protocol):
    def is_entitled(self, user_id: str, course_id: str) -> bool:
        """Whether the user may take the course now."""
        ...


class Identity(Protocol):
    def name_of(self, user_id: str) -> str:
        """Raises DependencyUnavailable when there is no such user."""
        ...


class Catalog(Protocol):
    def title_of(self, course_id: str) -> str:
        """Raises DependencyUnavailable when there is no such course."""
        ...


class Neighbours(Protocol):
    """Everyone who is asked before a certificate is issued."""

    @property
    def learning(self) -> Learning: ...

    @property
    def billing(self) -> Billing: ...

    @property
    def identity(self) -> Identity: ...

    @property
    def catalog(self) -> Catalog: ...


class Press(Protocol):
    def printed(self, certificate: Certificate) -> bytes:
        """The certificate as a PDF: the same bytes for the same certificate."""
        ...


class Archive(Protocol):
    """The object storage."""

    def keep(self, name: str, data: bytes) -> bytes:
        """Stores an object, unless one of this name is there; returns what is there now."""
        ...

    def fetch(self, name: str) -> bytes:
        """Raises DocumentDamaged when there is no such object."""
        ...

    def link(self, name: str, file_name: str, expires_at: datetime) -> str:
        """An address that whoever has it can GET until then; a browser saves it under `file_name`."""
        ...


class Shelf(Protocol):
    """Documents for those who read: made first where they aren't yet."""

    def document(self, certificate_id: str) -> Document: ...

    def fetch(self, document: Document) -> bytes:
        """Raises DocumentDamaged when the bytes aren't those that were put there."""
        ...

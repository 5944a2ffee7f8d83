"""The PDF of a certificate: made once, kept in object storage, and known by its hash."""

from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True)
class Document:
    """Where the PDF of a certificate lies, and the SHA-256 of its bytes in hexadecimal."""

    certificate_id: str
    object_name: str
    sha256: str

    def holds(self, data: bytes) -> bool:
        """Whether these are its bytes."""
        return sha256(data).hexdigest() == self.sha256


class DocumentDamaged(Exception):
    """What the object storage has isn't what was put there. No caller can do anything about it; operators can."""


def object_name(certificate_id: str) -> str:
    return f"certificates/{certificate_id}.pdf"


def file_name(course_title: str) -> str:
    """What the file is called on the holder's disk."""
    return f"Certificate - {course_title}.pdf"

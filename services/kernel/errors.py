"""Named refusals: what is true, for whom it is a problem, and what a caller may do about it."""

import re
from datetime import timedelta
from enum import Enum, auto
from typing import ClassVar


class Kind(Enum):
    """What sort of refusal an error is; the chassis alone knows the status code of each."""

    INVALID = auto()
    UNAUTHENTICATED = auto()
    FORBIDDEN = auto()
    NOT_FOUND = auto()
    ALREADY_EXISTS = auto()
    FAILED_PRECONDITION = auto()
    CONFLICT = auto()
    EXHAUSTED = auto()
    DEADLINE = auto()
    UNAVAILABLE = auto()
    INTERNAL = auto()


class CampusError(Exception):
    """A refusal with a stable reason. Subclasses are named by what is true: `EmailTaken` answers EMAIL_TAKEN.
    `message` is for developers and holds no personal data; what varies stands in `metadata` as well. `field` names
    the request field at fault; `retry_after` says when trying again makes sense."""

    kind: ClassVar[Kind] = Kind.INTERNAL
    message: ClassVar[str] = "the request was refused"
    domain: ClassVar[str] = "campus"

    def __init__(
        self, message: str = "", *, field: str = "", retry_after: timedelta | None = None, **metadata: str
    ) -> None:
        super().__init__(message or type(self).message)
        self.field = field
        self.retry_after = retry_after
        self.metadata = metadata

    @property
    def reason(self) -> str:
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).upper()


class RequestIdReused(CampusError):
    kind = Kind.INVALID
    message = "this request_id came before with other content"


class StaleVersion(CampusError):
    kind = Kind.CONFLICT
    message = "the resource has changed since it was read: read it again and repeat"


class DependencyUnavailable(CampusError):
    kind = Kind.UNAVAILABLE
    message = "something this service needs does not answer: try again"


class PageTokenInvalid(CampusError):
    kind = Kind.INVALID
    message = "the page token does not belong to this list"


class Refused(CampusError):
    """A neighbour's refusal, rebuilt in the calling process with the neighbour's own reason."""

    def __init__(self, kind: Kind, reason: str, message: str, domain: str, **metadata: str) -> None:
        super().__init__(message, field="", retry_after=None, **metadata)
        self.refused_kind, self.refused_reason, self.refused_domain = kind, reason, domain

    @property
    def reason(self) -> str:
        return self.refused_reason

"""What certification refuses, by name; errors.proto says what each means to a caller."""

from services.kernel.errors import CampusError, Kind


class CertificationError(CampusError):
    domain = "campus.certification"


class CourseNotCompleted(CertificationError):
    kind = Kind.FAILED_PRECONDITION
    message = "the course is not completed yet"


class NotEntitled(CertificationError):
    kind = Kind.FAILED_PRECONDITION
    message = "no entitlement to the course holds now"


class CertificateNotFound(CertificationError):
    kind = Kind.NOT_FOUND
    message = "there is no such certificate"

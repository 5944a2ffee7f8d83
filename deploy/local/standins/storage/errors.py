"""Refusals as Cloud Storage words them: one exception, rendered as JSON or as XML depending on the interface."""

from typing import Any
from xml.sax.saxutils import escape as escape_markup

from starlette.responses import JSONResponse, Response

_REASONS = {
    400: ("invalid", "InvalidArgument"),
    401: ("authError", "AuthenticationRequired"),
    403: ("forbidden", "AccessDenied"),
    404: ("notFound", "NoSuchKey"),
    405: ("methodNotAllowed", "MethodNotAllowed"),
    409: ("conflict", "BucketNameUnavailable"),
    410: ("gone", "Gone"),
    412: ("conditionNotMet", "PreconditionFailed"),
    416: ("requestedRangeNotSatisfiable", "InvalidRange"),
    499: ("clientClosedRequest", "ClientClosedRequest"),
    501: ("notImplemented", "NotImplemented"),
    503: ("backendError", "ServiceUnavailable"),
}


class StorageError(Exception):
    """A refusal with its HTTP status; `reason` is the JSON interface's word for it, `code` the XML interface's."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        reason: str | None = None,
        code: str | None = None,
        details: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        default_reason, default_code = _REASONS.get(status, ("backendError", "InternalError"))
        self.status = status
        self.message = message
        self.reason = reason or default_reason
        self.code = code or default_code
        self.details = details or {}
        self.headers = headers or {}

    def as_json(self) -> Response:
        error: dict[str, Any] = {
            "code": self.status,
            "message": self.message,
            "errors": [{"message": self.message, "domain": "global", "reason": self.reason}],
        }
        return JSONResponse({"error": error}, status_code=self.status, headers=self.headers)

    def as_xml(self) -> Response:
        extra = "".join(f"<{name}>{_xml_text(value)}</{name}>" for name, value in self.details.items())
        body = (
            "<?xml version='1.0' encoding='UTF-8'?>"
            f"<Error><Code>{self.code}</Code><Message>{_xml_text(self.message)}</Message>{extra}</Error>"
        )
        return Response(body, self.status, headers=self.headers, media_type="application/xml")


def _xml_text(value: str) -> str:
    """Names may hold characters that XML can't even escape."""
    return escape_markup("".join(mark if mark >= " " or mark == "\n" else "\ufffd" for mark in value))


class NotModified(Exception):
    """The caller already holds this version: 304, which has no body in either interface."""


def no_such_bucket() -> StorageError:
    return StorageError(404, "The specified bucket does not exist.", code="NoSuchBucket")


def no_such_object(bucket: str, name: str) -> StorageError:
    return StorageError(404, f"No such object: {bucket}/{name}")


def precondition_failed() -> StorageError:
    return StorageError(412, "At least one of the pre-conditions you specified did not hold.")


def invalid(message: str) -> StorageError:
    return StorageError(400, message)

"""From a named refusal to a gRPC status with ErrorInfo, and back to a refusal in the calling process."""

from datetime import timedelta

import grpc
from google.protobuf import any as any_message
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.kernel.errors import CampusError, DependencyUnavailable, Kind, Refused

_CODES: dict[Kind, grpc.StatusCode] = {
    Kind.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Kind.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    Kind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Kind.ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Kind.FAILED_PRECONDITION: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.CONFLICT: grpc.StatusCode.ABORTED,
    Kind.EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.DEADLINE: grpc.StatusCode.DEADLINE_EXCEEDED,
    Kind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Kind.INTERNAL: grpc.StatusCode.INTERNAL,
}
_KINDS = {code: kind for kind, code in _CODES.items()}


class InvalidRequest(CampusError):
    kind = Kind.INVALID
    message = "the request breaks a rule of the contract"

    def __init__(self, violations: tuple[tuple[str, str, str], ...] = (), message: str = "") -> None:
        """`violations` lists (field path, rule in UPPER_SNAKE, description) for every field at fault."""
        super().__init__(message)
        self.violations = violations


class TokenMissing(CampusError):
    kind = Kind.UNAUTHENTICATED
    message = "this call needs a signed-in user: send a bearer token"


class TokenInvalid(CampusError):
    kind = Kind.UNAUTHENTICATED
    message = "the bearer token is not valid"


class TokenExpired(CampusError):
    kind = Kind.UNAUTHENTICATED
    message = "the bearer token has expired: refresh the session"


class SessionRevoked(CampusError):
    kind = Kind.UNAUTHENTICATED
    message = "the session has ended: sign in again"


class AccessDenied(CampusError):
    kind = Kind.FORBIDDEN
    message = "this caller may not do this"


class DeadlineTooShort(CampusError):
    kind = Kind.DEADLINE
    message = "too little time is left to do anything useful"


class Overloaded(CampusError):
    kind = Kind.EXHAUSTED
    message = "more work than this service takes: come back a little later"

    def __init__(self) -> None:
        super().__init__(retry_after=timedelta(seconds=1))


class InternalFault(CampusError):
    kind = Kind.INTERNAL
    message = "a fault on our side; the operators find it by its error_id"


def status_of(error: CampusError) -> grpc.Status:
    """The status that answers a call refused with `error`: google.rpc.Status with the details that apply (AIP-193)."""
    kind = error.refused_kind if isinstance(error, Refused) else error.kind
    domain = error.refused_domain if isinstance(error, Refused) else error.domain
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=domain, metadata=error.metadata),
    ]
    violations = error.violations if isinstance(error, InvalidRequest) else ()
    if error.field:
        violations = ((error.field, error.reason, str(error)),)
    if violations:
        bad = error_details_pb2.BadRequest()
        for field, rule, description in violations:
            bad.field_violations.add(field=field, description=description, reason=rule)
        details.append(bad)
    if error.retry_after is not None:
        delay = Duration()
        delay.FromTimedelta(error.retry_after)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    code = code_pb2.Code.Value(_CODES[kind].name)
    packed = [any_message.pack(detail) for detail in details]
    return rpc_status.to_status(status_pb2.Status(code=code, message=str(error), details=packed))


def refusal_of(error: grpc.RpcError) -> CampusError:
    """What a neighbour's answer means here: its own refusal if it said one, else that it could not be reached."""
    if not isinstance(error, grpc.Call):
        return DependencyUnavailable()
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and error.code() in _KINDS:
            return Refused(_KINDS[error.code()], info.reason, status.message, info.domain, **dict(info.metadata))
    return DependencyUnavailable(code=error.code().name)

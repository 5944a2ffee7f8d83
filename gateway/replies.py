"""What the gateway itself answers when it refuses: google.rpc.Status with a stable reason, in JSON or as gRPC."""

import base64
import json
from dataclasses import dataclass, replace
from typing import Any

from campus.types.v1 import errors_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2

Config = dict[str, Any]
DOMAIN = "campus"
# The text that Envoy would have sent, where it helps the caller and tells nothing of our inside.
ENVOYS_OWN_WORDS = "%LOCAL_REPLY_BODY%"
MALFORMED = f"The request is malformed. {ENVOYS_OWN_WORDS}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One kind of local reply, recognised by its HTTP status and, where given, by Envoy's details."""

    statuses: tuple[int, int]
    code: int
    reason: str
    message: str
    details: str = ""
    # The HTTP status to answer instead.
    status: int | None = None
    # The gRPC code that Envoy makes of the status for native callers, where its details shall travel as a trailer.
    native_code: int | None = None
    retry_after_seconds: int | None = None


def refusal(statuses: int | tuple[int, int], code: int, reason: int, message: str, **how: Any) -> Refusal:
    span = statuses if isinstance(statuses, tuple) else (statuses, statuses)
    return Refusal(span, code, errors_pb2.Reason.Name(errors_pb2.Reason.ValueType(reason)), message, **how)


MISSING = "This needs a signed-in user: send `authorization: Bearer <access token>`."
EXPIRED = "The access token's time is over: refresh the session."
INVALID = "The access token is not valid here: sign in again."
UNAVAILABLE = "The service does not answer at the moment. Retry with backoff."
DENIED = "This is not allowed."
OVERLOADED = "The service has more work than it takes."
FAULT = "Something went wrong on our side."
LATE = "The answer took longer than the deadline allows."
METHOD_NOT_ALLOWED = refusal(
    405,
    code_pb2.UNIMPLEMENTED,
    errors_pb2.METHOD_NOT_ALLOWED,
    "This path does not know this method; the `allow` header names those it knows.",
)
RATE_LIMITED = refusal(
    429,
    code_pb2.RESOURCE_EXHAUSTED,
    errors_pb2.RATE_LIMITED,
    "Too many requests: wait and try again.",
    native_code=code_pb2.RESOURCE_EXHAUSTED,
)
# In the order in which they are tried: the telling details of a reply before its bare status.
REFUSALS = (
    refusal(401, code_pb2.UNAUTHENTICATED, errors_pb2.TOKEN_MISSING, MISSING, details="Jwt_is_missing", native_code=16),
    refusal(401, code_pb2.UNAUTHENTICATED, errors_pb2.TOKEN_EXPIRED, EXPIRED, details="Jwt_is_expired", native_code=16),
    # The keys could not be fetched: nothing is wrong with the token.
    refusal(
        401,
        code_pb2.UNAVAILABLE,
        errors_pb2.DEPENDENCY_UNAVAILABLE,
        UNAVAILABLE,
        details="Jwks_remote_fetch",
        status=503,
        native_code=14,
    ),
    refusal(401, code_pb2.UNAUTHENTICATED, errors_pb2.TOKEN_INVALID, INVALID, native_code=16),
    # Envoy says 403 for a token made for another audience; to the caller it is one more token not valid here.
    refusal(
        403,
        code_pb2.UNAUTHENTICATED,
        errors_pb2.TOKEN_INVALID,
        INVALID,
        details="jwt_authn_access_denied",
        status=401,
        native_code=16,
    ),
    refusal(403, code_pb2.PERMISSION_DENIED, errors_pb2.ACCESS_DENIED, DENIED),
    refusal(404, code_pb2.NOT_FOUND, errors_pb2.PATH_NOT_FOUND, "There is nothing at this path.", native_code=12),
    METHOD_NOT_ALLOWED,
    refusal(408, code_pb2.DEADLINE_EXCEEDED, errors_pb2.DEADLINE_PASSED, LATE, status=504),
    refusal(
        413, code_pb2.RESOURCE_EXHAUSTED, errors_pb2.BODY_TOO_LARGE, "The request body is too large.", native_code=2
    ),
    RATE_LIMITED,
    refusal(504, code_pb2.DEADLINE_EXCEEDED, errors_pb2.DEADLINE_PASSED, LATE),
    refusal(
        503,
        code_pb2.RESOURCE_EXHAUSTED,
        errors_pb2.OVERLOADED,
        OVERLOADED,
        details="overflow",
        status=429,
        retry_after_seconds=1,
    ),
    refusal((502, 503), code_pb2.UNAVAILABLE, errors_pb2.DEPENDENCY_UNAVAILABLE, UNAVAILABLE, native_code=14),
    refusal((500, 599), code_pb2.INTERNAL, errors_pb2.INTERNAL_FAULT, FAULT),
    refusal((400, 499), code_pb2.INVALID_ARGUMENT, errors_pb2.INVALID_REQUEST, MALFORMED),
)


# What a gRPC library says without details, by code. Its own message may tell of our inside.
BARE: dict[int, tuple[int, str]] = {
    code_pb2.CANCELLED: (errors_pb2.DEPENDENCY_UNAVAILABLE, UNAVAILABLE),
    code_pb2.UNKNOWN: (errors_pb2.INTERNAL_FAULT, FAULT),
    code_pb2.INVALID_ARGUMENT: (errors_pb2.INVALID_REQUEST, "The request is malformed."),
    code_pb2.DEADLINE_EXCEEDED: (errors_pb2.DEADLINE_PASSED, LATE),
    code_pb2.PERMISSION_DENIED: (errors_pb2.ACCESS_DENIED, DENIED),
    code_pb2.RESOURCE_EXHAUSTED: (errors_pb2.OVERLOADED, OVERLOADED),
    code_pb2.UNIMPLEMENTED: (errors_pb2.DEPENDENCY_UNAVAILABLE, UNAVAILABLE),
    code_pb2.UNAVAILABLE: (errors_pb2.DEPENDENCY_UNAVAILABLE, UNAVAILABLE),
    code_pb2.UNAUTHENTICATED: (errors_pb2.TOKEN_INVALID, INVALID),
}


def bare_errors() -> dict[int, str]:
    """The whole JSON answer for each code; a code without an entry of its own is a fault of ours."""
    bodies = {}
    for code in range(code_pb2.CANCELLED, code_pb2.UNAUTHENTICATED + 1):
        reason, message = BARE.get(code, (errors_pb2.INTERNAL_FAULT, FAULT))
        bodies[code] = json.dumps(status_json(refusal(0, code, reason, message)))
    return bodies


def local_reply_config(retry_after_seconds: int) -> Config:
    limited = replace(RATE_LIMITED, retry_after_seconds=retry_after_seconds)
    known = [limited if one is RATE_LIMITED else one for one in REFUSALS]
    fine = {
        "filter": compare_status("LE", 399),
        "body_format_override": plain(),
    }
    odd_method = {
        # Envoy refuses this method by itself, before any filter could say 405.
        "filter": header_is(":method", {"exact": "QUERY"}),
        "status_code": 405,
        "body_format_override": as_json(METHOD_NOT_ALLOWED),
    }
    native = [native_mapper(refusal) for refusal in known]
    rest = [rest_mapper(refusal) for refusal in known]
    return {"mappers": [fine, odd_method, *native, *rest]}


def rest_mapper(refusal: Refusal) -> Config:
    mapper: Config = {"filter": matches(refusal), "body_format_override": as_json(refusal)}
    return mapper | status_and_headers(refusal, [])


def native_mapper(refusal: Refusal) -> Config:
    """Native gRPC gets the text as its message and the details in the trailer that gRPC has for them."""
    mapper: Config = {
        "filter": {"and_filter": {"filters": [*speaks_grpc(), matches(refusal)]}},
        "body_format_override": plain(),
    }
    if ENVOYS_OWN_WORDS not in refusal.message:
        mapper["body"] = {"inline_string": refusal.message}
    extra = []
    if refusal.native_code is not None:
        details = status_of(refusal, refusal.native_code).SerializeToString(deterministic=True)
        extra.append(header("grpc-status-details-bin", base64.b64encode(details).decode().rstrip("=")))
    return mapper | status_and_headers(refusal, extra)


def status_and_headers(refusal: Refusal, headers: list[Config]) -> Config:
    if refusal.retry_after_seconds is not None:
        headers = [*headers, header("retry-after", str(refusal.retry_after_seconds))]
    changed: Config = {"headers_to_add": headers} if headers else {}
    if refusal.status is not None:
        changed["status_code"] = refusal.status
    return changed


def status_of(refusal: Refusal, code: int) -> status_pb2.Status:
    status = status_pb2.Status(code=code, message=refusal.message)
    status.details.append(packed(error_details_pb2.ErrorInfo(reason=refusal.reason, domain=DOMAIN)))
    if refusal.retry_after_seconds is not None:
        delay = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=refusal.retry_after_seconds))
        status.details.append(packed(delay))
    return status


def packed(message: error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo) -> AnyMessage:
    wrapped = AnyMessage()
    wrapped.Pack(message)
    return wrapped


def as_json(refusal: Refusal) -> Config:
    return {"json_format": status_json(refusal), "content_type": "application/json"}


def status_json(refusal: Refusal) -> Config:
    prefix = "type.googleapis.com/google.rpc."
    details: list[Config] = [
        {"@type": f"{prefix}ErrorInfo", "reason": refusal.reason, "domain": DOMAIN, "metadata": {}},
    ]
    if refusal.retry_after_seconds is not None:
        details.append({"@type": f"{prefix}RetryInfo", "retryDelay": f"{refusal.retry_after_seconds}s"})
    return {"code": refusal.code, "message": refusal.message, "details": details}


def plain() -> Config:
    return {"text_format_source": {"inline_string": ENVOYS_OWN_WORDS}, "content_type": "text/plain"}


def header(key: str, value: str) -> Config:
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def matches(refusal: Refusal) -> Config:
    low, high = refusal.statuses
    tests = [compare_status("EQ", low)] if low == high else [compare_status("GE", low), compare_status("LE", high)]
    if refusal.details:
        tests.append(details_contain(refusal.details))
    return tests[0] if len(tests) == 1 else {"and_filter": {"filters": tests}}


def compare_status(operator: str, status: int) -> Config:
    value = {"default_value": status, "runtime_key": f"gateway.replies.{operator.lower()}.{status}"}
    return {"status_code_filter": {"comparison": {"op": operator, "value": value}}}


def details_contain(words: str) -> Config:
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": f'response.code_details.contains("{words}")',
            },
        }
    }


def speaks_grpc() -> list[Config]:
    """Native gRPC: what the transcoder turned into gRPC bears the path it had before."""
    transcoded = {"name": "x-envoy-original-path", "present_match": True, "invert_match": True}
    return [header_is("content-type", {"prefix": "application/grpc"}), {"header_filter": {"header": transcoded}}]


def header_is(name: str, match: Config) -> Config:
    return {"header_filter": {"header": {"name": name, "string_match": match}}}

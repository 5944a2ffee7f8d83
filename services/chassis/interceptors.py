"""Every call passes the same steps, in the order of CHAIN: the first is the outermost."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import grpc
import protovalidate
from campus.options.v1 import options_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message
from grpc_interceptor import ServerInterceptor
from prometheus_client import Counter, Histogram

from services.chassis import access, telemetry
from services.chassis.errors import DeadlineTooShort, InternalFault, InvalidRequest, status_of
from services.chassis.streams import live
from services.kernel.errors import CampusError, Kind
from services.kernel.ids import new_id

DEFAULT_DEADLINE_SECONDS = 10.0
LEAST_DEADLINE_SECONDS = 0.005
NO_DEADLINE_SECONDS = 1e9  # grpc says "none" as the end of time
SLOW_SECONDS = 1.0

log = telemetry.logger("campus.rpc")
CALLS = Counter("campus_rpc_total", "RPCs answered, by method and status code", ["rpc", "code"])
DURATION = Histogram(
    "campus_rpc_seconds",
    "Time to answer an RPC",
    ["rpc"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
M = TypeVar("M", bound=Message)
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def time_left(default: float = DEFAULT_DEADLINE_SECONDS) -> float:
    """Seconds until whoever waits for the work at hand stops waiting."""
    deadline = _deadline.get()
    return default if deadline is None else deadline - time.monotonic()


class Malformed:
    """Stands in for a request whose bytes are not the message they should be."""


def serialised(data: bytes, _: type[M]) -> M:
    """Lets a servicer return a message of this type that is in wire form already; it is sent as it is."""
    return cast("M", data)


class Rpc:
    """What the chain knows of one RPC: made once, when it is first called."""

    def __init__(self, method: MethodDescriptor, tokens: access.Tokens, validator: protovalidate.Validator) -> None:
        self.name = method.full_name
        self.rule = access.rule_of(method)
        self.tokens, self.validator = tokens, validator
        idempotency = method.GetOptions().Extensions[options_pb2.idempotency]
        self.takes_request_id = idempotency == options_pb2.IDEMPOTENCY_REQUEST_ID
        self.duration = DURATION.labels(self.name)
        self._answered: dict[grpc.StatusCode, Counter] = {}

    def answered(self, code: grpc.StatusCode) -> Counter:
        """The counter of this outcome; resolved once, because looking it up by labels costs more than counting."""
        if code not in self._answered:
            self._answered[code] = CALLS.labels(self.name, code.name)
        return self._answered[code]


@dataclass(slots=True)
class Call:
    """One call on its way through the chain."""

    rpc: Rpc
    request: Any
    context: grpc.ServicerContext
    metadata: dict[str, str | bytes]

    def text(self, key: str) -> str | None:
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None


Proceed = Callable[[], Any]


def with_telemetry(call: Call, proceed: Proceed) -> Any:
    """Joins the caller's trace, counts and times; sees every outcome because it is outermost."""
    start = time.perf_counter()
    token = telemetry.current.set(telemetry.joined(call.text("traceparent"), call.text("x-request-id")))
    try:
        return proceed()
    finally:
        seconds = time.perf_counter() - start
        code = call.context.code() or grpc.StatusCode.OK  # type: ignore[attr-defined]  # missing in the stubs
        call.rpc.answered(code).inc()
        call.rpc.duration.observe(seconds)
        if seconds > SLOW_SECONDS:
            log.warning("slow call", extra={"fields": {"rpc": call.rpc.name, "seconds": round(seconds, 3)}})
        telemetry.current.reset(token)


def with_errors(call: Call, proceed: Proceed) -> Any:
    """Turns refusals into statuses; nothing of an unexpected exception but an id leaves the process."""
    try:
        return proceed()
    except CampusError as refusal:
        if refusal.kind in (Kind.INTERNAL, Kind.UNAVAILABLE):
            log.warning("refused", exc_info=refusal, extra={"fields": {"rpc": call.rpc.name, "reason": refusal.reason}})
        status = status_of(refusal)
    except Exception as error:
        if call.context.code() is not None:  # type: ignore[attr-defined]  # aborted by grpc itself
            raise
        error_id = new_id()
        log.exception("unexpected", exc_info=error, extra={"fields": {"rpc": call.rpc.name, "error_id": error_id}})
        status = status_of(InternalFault(error_id=error_id))
    return call.context.abort_with_status(status)


def with_deadline(call: Call, proceed: Proceed) -> Any:
    """Gives a call without a deadline one, and refuses at once when too little time is left."""
    left = call.context.time_remaining()
    if left is None or left > NO_DEADLINE_SECONDS:
        left = DEFAULT_DEADLINE_SECONDS
    elif left < LEAST_DEADLINE_SECONDS:
        raise DeadlineTooShort
    token = _deadline.set(time.monotonic() + left)
    try:
        return proceed()
    finally:
        _deadline.reset(token)


def with_access(call: Call, proceed: Proceed) -> Any:
    """Lets in whom the contract's rule admits; whether the thing is theirs is decided in the command or query."""
    who = call.rpc.rule.admit(call.context, call.text("authorization"), call.rpc.tokens)
    token = access._principal.set(who)
    telemetry.current_trace().actor = who.name
    try:
        return proceed()
    finally:
        access._principal.reset(token)


def with_validation(call: Call, proceed: Proceed) -> Any:
    """Holds the request to the rules in the contract; takes the request id from `Idempotency-Key` if there is none."""
    request = call.request
    if isinstance(request, Malformed):
        raise InvalidRequest(message="the request is not a well-formed message; text must be UTF-8")
    if call.rpc.takes_request_id and not request.request_id and (key := call.text("idempotency-key")):
        request.request_id = key
    if isinstance(request, Message) and (violations := call.rpc.validator.collect_violations(request)):
        raise InvalidRequest(tuple(_violation(v) for v in violations))
    return proceed()


def _violation(found: Any) -> tuple[str, str, str]:
    path = ""
    for element in found.proto.field.elements if found.proto.field else ():  # a rule of the whole message has no field
        path += ("." if path else "") + element.field_name
        if element.subscript is not None:
            path += f"[{element.subscript.value}]"
    return path, found.proto.rule_id.upper().replace(".", "_"), found.proto.message


CHAIN = (with_telemetry, with_errors, with_deadline, with_access, with_validation)


def composed(steps: tuple[Callable[[Call, Proceed], Any], ...]) -> Callable[[Call, Proceed], Any]:
    """One function that runs `steps` around an answer, put together once instead of at every call."""
    step, *rest = steps
    if not rest:
        return step
    inner = composed(tuple(rest))
    return lambda call, answer: step(call, lambda: inner(call, answer))


_RUN = composed(CHAIN)


class Chain(ServerInterceptor):
    """Runs CHAIN around every RPC of ours; health and reflection, which know no tokens, pass by."""

    def __init__(self, rpcs: dict[str, Rpc]) -> None:
        """`rpcs` by method path, for example `/campus.identity.v1.AuthService/Login`."""
        self._rpcs = rpcs
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        path = handler_call_details.method
        if path in self._wrapped:
            return self._wrapped[path]
        handler = continuation(handler_call_details)
        if handler is None or path not in self._rpcs:
            return handler
        parse, write = _guard(handler.request_deserializer), _pass(handler.response_serializer)
        guarded = handler._replace(request_deserializer=parse, response_serializer=write)
        if getattr(handler.unary_stream, "experimental_non_blocking", False):
            wrapped = guarded._replace(unary_stream=self._live(path, handler.unary_stream))
        else:
            wrapped = super().intercept_service(lambda _: guarded, handler_call_details)  # type: ignore[no-untyped-call]
        self._wrapped[path] = wrapped
        return wrapped

    def intercept(self, method: Any, request_or_iterator: Any, context: Any, method_name: str) -> Any:
        call = Call(self._rpcs[method_name], request_or_iterator, context, dict(context.invocation_metadata()))
        return _RUN(call, lambda: method(call.request, context))

    def _live(self, path: str, method: Any) -> Any:
        """The chain around a live stream, which holds no thread: it guards the subscription, not the stream's life."""

        def subscribe(request: Any, context: Any, send: Any) -> Any:
            return self.intercept(lambda req, ctx: method(req, ctx, send), request, context, path)

        return live(subscribe)


def _guard(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def parse_or_mark(raw: bytes) -> Any:
        try:
            return parse(raw)
        except (DecodeError, ValueError):
            return Malformed()

    return parse_or_mark


def _pass(write: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    return lambda response: response if type(response) is bytes else write(response)

"""One trace through REST, gRPC and NATS; JSON logs that carry it; Prometheus metrics."""

import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prometheus_client import disable_created_metrics, start_http_server

# W3C Trace Context, section 3.2: version 00, trace id, parent id, flags.
_TRACEPARENT = re.compile(r"^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")
_CORRELATION = re.compile(r"^[A-Za-z0-9._:-]{1,64}$")


@dataclass(slots=True)
class Trace:
    """Which request of which user the work at hand belongs to, across processes. `actor` is known a little later."""

    traceparent: str
    correlation_id: str
    actor: str = ""

    def child(self) -> str:
        """The traceparent for a call that this work makes."""
        return f"{self.traceparent[:36]}{os.urandom(8).hex()}{self.traceparent[52:]}"


current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current_trace() -> Trace:
    return current.get() or _new_trace()


def _new_trace() -> Trace:
    trace_id = os.urandom(16).hex()
    return Trace(f"00-{trace_id}-{os.urandom(8).hex()}-00", trace_id)


def joined(traceparent: str | None, correlation_id: str | None, actor: str = "") -> Trace:
    """The caller's trace; what is missing or malformed is made anew."""
    if not traceparent or not _TRACEPARENT.match(traceparent):
        traceparent = _new_trace().traceparent
    if not correlation_id or not _CORRELATION.match(correlation_id):
        correlation_id = traceparent[3:35]
    return Trace(traceparent, correlation_id, actor)


@contextmanager
def in_trace(traceparent: str | None, correlation_id: str | None, actor: str = "") -> Iterator[Trace]:
    """Work inside belongs to this trace."""
    trace = joined(traceparent, correlation_id, actor)
    token = current.set(trace)
    try:
        yield trace
    finally:
        current.reset(token)


def logger(name: str) -> logging.Logger:
    """A logger whose lines take fields: `log.info("what happened", extra={"fields": {"order_id": id}})`."""
    return logging.getLogger(name)


class JsonLines(logging.Formatter):
    """One JSON object a line. Exceptions are logged by type and place, never by text: texts may hold personal data."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trace := current.get():
            line["correlation_id"], line["traceparent"] = trace.correlation_id, trace.traceparent
            if trace.actor:
                line["actor"] = trace.actor
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[0]:
            line["error"] = describe(record.exc_info[1])
        return json.dumps(line, default=str)


def describe(error: BaseException | None) -> dict[str, Any]:
    """What an exception was and where it came from, without its text."""
    places = []
    step = error.__traceback__ if error else None
    while step:
        code = step.tb_frame.f_code
        places.append(f"{os.path.relpath(code.co_filename)}:{step.tb_lineno} {code.co_name}")
        step = step.tb_next
    described: dict[str, Any] = {"type": type(error).__qualname__, "at": places[-6:]}
    if error and (cause := error.__cause__ or error.__context__):
        described["cause"] = describe(cause)
    return described


def set_up_logs(service: str, level: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("alembic", "nats", "urllib3", "google", "stripe", "fontTools"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    crash = logger("campus.crash")
    sys.excepthook = lambda _type, error, _tb: crash.critical("unexpected end", exc_info=error)
    threading.excepthook = lambda args: crash.critical("a thread ended unexpectedly", exc_info=args.exc_value)


def serve_metrics(host: str, port: int) -> None:
    """Prometheus text format at http://host:port/metrics."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    start_http_server(port, host)

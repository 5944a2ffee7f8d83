"""One trace from caller to log line, and no text of an exception anywhere."""

import json
import logging
import sys

import pytest

from services.chassis.telemetry import JsonLines, current_trace, describe, in_trace

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def line(**extra: object) -> dict[str, object]:
    record = logging.LogRecord("campus.test", logging.INFO, __file__, 1, "paid", None, None)
    record.__dict__.update(extra)
    found: dict[str, object] = json.loads(JsonLines("billing").format(record))
    return found


def test_the_callers_trace_is_joined() -> None:
    with in_trace(PARENT, "req-1") as trace:
        assert trace.traceparent == PARENT
        trace.actor = "user:u1"
        found = line(fields={"order_id": "o1"})
        assert (found["correlation_id"], found["traceparent"], found["actor"]) == ("req-1", PARENT, "user:u1")
        assert (found["service"], found["message"], found["order_id"]) == ("billing", "paid", "o1")
        child = trace.child()
    assert child[:36] == PARENT[:36]
    assert child[36:52] != PARENT[36:52]
    assert child.endswith("-01")


@pytest.mark.parametrize(
    "wrong", [None, "", "junk", PARENT.upper(), PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32)]
)
def test_a_malformed_trace_is_replaced(wrong: str | None) -> None:
    with in_trace(wrong, "not allowed: spaces") as trace:
        assert trace.traceparent != wrong
        assert trace.correlation_id == trace.traceparent[3:35]


def test_outside_of_a_request_there_is_a_trace_of_its_own() -> None:
    assert current_trace().traceparent != current_trace().traceparent


def test_an_exception_is_logged_by_type_and_place_and_never_by_text() -> None:
    def fail() -> None:
        raise ValueError("SELECT secret FROM users") from KeyError("ada@example.com")

    try:
        fail()
    except ValueError as error:
        found = describe(error)
        logged = json.dumps(line(exc_info=sys.exc_info()))
    assert (found["type"], found["cause"]["type"]) == ("ValueError", "KeyError")
    assert any("test_telemetry.py" in place for place in found["at"])
    assert "SELECT" not in logged
    assert "ada@example.com" not in logged

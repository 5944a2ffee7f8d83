"""Settings come from the environment; everything that is wrong is said at once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.chassis.settings import ServiceSettings, load

GOOD = {
    "CAMPUS_LISTEN": "127.0.0.1:7001",
    "CAMPUS_DATABASE_WRITER_URL": "postgresql://w@localhost/x",
    "CAMPUS_DATABASE_READER_URL": "postgresql://r@localhost/x",
    "CAMPUS_NATS_URL": "nats://localhost",
    "CAMPUS_TLS_CERT": "a",
    "CAMPUS_TLS_KEY": "b",
    "CAMPUS_TLS_CA": "c",
    "CAMPUS_PEERS": "identity=127.0.0.1:7001,catalog=127.0.0.1:7002",
}


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("CAMPUS_")]:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_settings_are_typed_and_know_the_neighbours() -> None:
    with environment(GOOD | {"CAMPUS_THREADS": "12", "CAMPUS_PIN_CORES": "true"}):
        found = load(ServiceSettings)
    assert (found.threads, found.pin_cores, found.peer("catalog")) == (12, True, "127.0.0.1:7002")
    with pytest.raises(SystemExit, match="billing"):
        found.peer("billing")


def test_everything_missing_or_malformed_is_reported_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = GOOD | {"CAMPUS_THREADS": "many", "CAMPUS_LOG_LEVEL": "loud"}
    del wrong["CAMPUS_NATS_URL"], wrong["CAMPUS_TLS_KEY"]
    with environment(wrong), pytest.raises(SystemExit):
        load(ServiceSettings)
    said = capsys.readouterr().err
    for name in ("CAMPUS_NATS_URL", "CAMPUS_TLS_KEY", "CAMPUS_THREADS", "CAMPUS_LOG_LEVEL"):
        assert f"{name}: " in said
    assert "many" not in said

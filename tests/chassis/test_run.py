"""A service as a process: put together, started, drained, and told by its command line what to do."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import grpc
import psycopg
import pytest
from campus.identity.v1.auth_service_pb2 import LoginRequest, LogoutRequest, RegisterRequest
from campus.identity.v1.auth_service_pb2_grpc import AuthServiceStub
from campus.identity.v1.profile_service_pb2 import GetProfileRequest
from campus.identity.v1.profile_service_pb2_grpc import ProfileServiceStub
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.local import ports
from deploy.local.nats import Nats
from deploy.local.pki import Pki
from deploy.local.postgres import Postgres
from services.chassis.db import Database
from services.chassis.run import App, Process, refuse_unfinished, run
from services.chassis.settings import load
from services.identity import app as identity
from tests.chassis.test_settings import environment
from tests.harness.databases import migrated, owner_url


@pytest.fixture
def values(postgres: Postgres, nats: Nats, pki: Pki) -> Iterator[dict[str, str]]:
    """The environment of an identity process on a fresh database."""
    port = ports.choose()
    files = pki.of("identity")
    with migrated(postgres, "identity") as database:
        assert isinstance(database, Database)
        yield {
            "CAMPUS_LISTEN": f"127.0.0.1:{port}",
            "CAMPUS_DATABASE_OWNER_URL": owner_url(postgres, "identity"),
            "CAMPUS_DATABASE_WRITER_URL": postgres.url("campus_identity", "identity_writer"),
            "CAMPUS_DATABASE_READER_URL": postgres.url("campus_identity", "identity_reader"),
            "CAMPUS_NATS_URL": nats.url("identity"),
            "CAMPUS_TLS_CERT": str(files.cert),
            "CAMPUS_TLS_KEY": str(files.key),
            "CAMPUS_TLS_CA": str(files.ca),
            "CAMPUS_PEERS": f"identity=127.0.0.1:{port},messaging=127.0.0.1:1",
            "CAMPUS_SIGNING_KEY": str(pki.signing_key),
            "CAMPUS_SEALING_KEYS": str(pki.sealing_keys),
            "CAMPUS_DRAIN_SECONDS": "0.2",
        }
    ports.give_back(port)


@pytest.fixture
def built(values: dict[str, str]) -> App:
    with environment(values):
        return identity.build(load(identity.Settings))


@pytest.fixture
def gateway(built: App, pki: Pki) -> Iterator[grpc.Channel]:
    files = pki.of("gateway")
    credentials = grpc.ssl_channel_credentials(files.ca.read_bytes(), files.key.read_bytes(), files.cert.read_bytes())
    with grpc.secure_channel(built.settings.listen, credentials) as channel:
        yield channel


def refusal_of_profile(profile: ProfileServiceStub, metadata: tuple[tuple[str, str], ...]) -> grpc.StatusCode | None:
    try:
        profile.GetProfile(GetProfileRequest(), metadata=metadata)
    except grpc.RpcError as error:
        return error.code() if isinstance(error, grpc.Call) else None
    return None


def status(channel: grpc.Channel) -> int:
    check: Callable[..., health_pb2.HealthCheckResponse] = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]
    return int(check(health_pb2.HealthCheckRequest(), timeout=5).status)


def test_a_process_serves_announces_hears_revocations_and_drains(
    built: App, gateway: grpc.Channel, values: dict[str, str]
) -> None:
    process = Process(built)
    process.start(built.settings.listen)
    auth = AuthServiceStub(gateway)
    password = "correct horse"
    try:
        assert status(gateway) == health_pb2.HealthCheckResponse.SERVING
        auth.Register(RegisterRequest(email="a@example.com", password=password, name="A"), wait_for_ready=True)
        token = auth.Login(LoginRequest(identifier="a@example.com", password=password)).access_token
        metadata = (("authorization", f"Bearer {token}"),)
        profile = ProfileServiceStub(gateway)
        assert profile.GetProfile(GetProfileRequest(), metadata=metadata).email == "a@example.com"
        auth.Logout(LogoutRequest(), metadata=metadata)
        deadline = time.monotonic() + 10
        while (refusal := refusal_of_profile(profile, metadata)) is None:  # the event comes back by NATS
            assert time.monotonic() < deadline
        assert refusal is grpc.StatusCode.UNAUTHENTICATED
        slow = auth.Login.future(LoginRequest(identifier="a@example.com", password=password))
    finally:
        process.stop()
    assert slow.result().access_token  # a call at hand when the stop came is finished
    with psycopg.connect(values["CAMPUS_DATABASE_READER_URL"]) as connection:
        waiting = connection.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL").fetchone()
    assert waiting == (0,)


def test_while_it_drains_a_process_says_that_it_is_not_ready_and_still_answers(
    built: App, gateway: grpc.Channel
) -> None:
    process = Process(built)
    process.start(built.settings.listen)
    assert status(gateway) == health_pb2.HealthCheckResponse.SERVING
    stopping = threading.Thread(target=process.stop)
    stopping.start()
    seen = set()
    while stopping.is_alive():
        try:
            seen.add(status(gateway))
        except grpc.RpcError:
            break
    stopping.join()
    assert health_pb2.HealthCheckResponse.NOT_SERVING in seen


def test_a_service_that_does_not_serve_what_it_promised_does_not_start(built: App) -> None:
    parts = {**vars(built), "servicers": built.servicers[1:]}
    with pytest.raises(SystemExit, match=r"campus\.identity\.v1\.AuthService is not served"):
        refuse_unfinished(App(**parts))
    nothing = ModuleType("nothing")
    with pytest.raises(SystemExit, match="has no function login in commands or queries"):
        refuse_unfinished(App(**{**vars(built), "commands": nothing, "queries": nothing}))
    built.database.close()


def test_a_taken_port_is_said_in_one_line(built: App) -> None:
    process, other = Process(built), Process(built)
    process.start(built.settings.listen)
    try:
        with pytest.raises(SystemExit, match="CAMPUS_LISTEN"):
            other.start(built.settings.listen)
    finally:
        process.stop()


def test_the_command_line_migrates_and_runs_the_services_tasks(
    values: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with environment(values):
        run(identity.Settings, identity.build, ["migrate"])
        made = ["--email=op@example.com", "--password=correct horse", "--name=Op", "--role=admin"]
        for _ in range(2):
            run(identity.Settings, identity.build, ["seed-user", *made])
        run(identity.Settings, identity.build, ["dead-letters", "list"])
        with pytest.raises(SystemExit):
            run(identity.Settings, identity.build, ["no-such-task"])
    assert "seed-user" in capsys.readouterr().err
    with psycopg.connect(values["CAMPUS_DATABASE_READER_URL"]) as connection:
        roles = connection.execute("SELECT roles FROM users WHERE email = 'op@example.com'").fetchall()
    assert roles == [(["admin", "student"],)]


def test_every_service_is_started_by_three_lines() -> None:
    services = Path(identity.__file__).parents[1]
    for name in ("identity", "catalog", "learning", "billing", "certification", "messaging"):
        main = (services / name / "__main__.py").read_text()
        assert "run(app.Settings, app.build)" in main

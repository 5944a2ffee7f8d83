"""Limits, deadlines and outages: gateways of their own, set tight enough to see each limit bite."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import grpc
import httpx
import pytest

from gateway.envoy import GatewaySettings
from tests.gateway.calls import PROBE_SERVICE, Answer, assert_refused, native
from tests.gateway.conftest import Mesh
from tests.gateway.edge import Edge, free_port, wait_until
from tests.gateway.upstream import serve

THING = "campus.probe.v1.Thing"


@pytest.fixture(scope="module")
def tight(mesh: Mesh, settings: GatewaySettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """The same services behind a second gateway."""
    own = replace(
        settings,
        listen_port=free_port(),
        admin_port=free_port(),
        tls_certificate=None,
        rate_limit_per_minute=6,
        anonymous_rate_limit_per_minute=300,
        default_deadline_seconds=1,
        longest_deadline_seconds=2,
        max_requests_per_service=2,
    )
    edge = Edge(own, tmp_path_factory.mktemp("tight")).start()
    try:
        edge.wait_ready(mesh.signer.bearer("warm-up"), "/v1/things:mine")
        yield replace(mesh, edge=edge)
    finally:
        edge.stop()


@pytest.fixture
def tight_client(tight: Mesh) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=tight.edge.url, timeout=20) as client:
        yield client


def test_each_user_has_a_budget_in_all_protocols_together(tight: Mesh, tight_client: httpx.Client) -> None:
    bearer = tight.signer.bearer("busy")
    request = tight.messages["campus.probe.v1.ListMyThingsRequest"]()
    for _ in range(3):
        assert tight_client.get("/v1/things:mine", headers=bearer).status_code == 200
        answer = native(
            tight, f"{PROBE_SERVICE}/ListMyThings", request, "campus.probe.v1.ListMyThingsResponse", metadata=bearer
        )
        assert answer.things
    refused = tight_client.get("/v1/things:mine", headers=bearer)
    assert_refused(refused, 429, 8, "RATE_LIMITED")
    assert refused.headers["retry-after"] == "10"
    assert refused.headers["x-ratelimit-remaining"] == "0"
    delay = next(detail for detail in refused.json()["details"] if detail["@type"].endswith("RetryInfo"))
    assert delay["retryDelay"] == "10s"
    native_refusal = native(tight, f"{PROBE_SERVICE}/ListMyThings", request, THING, metadata=bearer)
    assert native_refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert native_refusal.reasons == ("RATE_LIMITED",)
    other = tight_client.get("/v1/things:mine", headers=tight.signer.bearer("calm"))
    assert other.status_code == 200
    assert tight_client.get("/v1/things/abc").status_code == 200, "callers without a token have another budget"


def test_callers_without_a_token_share_their_addresss_budget(tight_client: httpx.Client) -> None:
    statuses = [tight_client.get("/v1/things/abc").status_code for _ in range(320)]
    assert statuses.count(429) > 0
    assert set(statuses) == {200, 429}


def test_default_deadline_ends_what_takes_too_long(tight: Mesh, tight_client: httpx.Client) -> None:
    begin = time.monotonic()
    response = tight_client.get("/v1/things/slow", headers=tight.signer.bearer("late-1"))
    assert_refused(response, 504, 4, "DEADLINE_PASSED")
    assert 0.9 < time.monotonic() - begin < 1.8


def test_callers_may_ask_for_more_time_up_to_the_cap(tight: Mesh, tight_client: httpx.Client) -> None:
    begin = time.monotonic()
    headers = tight.signer.bearer("late-2") | {"grpc-timeout": "60S"}
    assert_refused(tight_client.get("/v1/things/slow", headers=headers), 504, 4, "DEADLINE_PASSED")
    assert 1.8 < time.monotonic() - begin < 3


def test_streams_outlive_the_deadline(tight: Mesh, tight_client: httpx.Client) -> None:
    headers = tight.signer.bearer("patient")
    begin = time.monotonic()
    with tight_client.stream("GET", "/v1/things:watch?changes=-1", headers=headers) as response:
        for _ in response.iter_lines():
            if time.monotonic() - begin > 2.5:
                break
    assert time.monotonic() - begin > 2.5


def test_a_service_with_too_much_to_do_refuses_at_once(tight: Mesh, tight_client: httpx.Client) -> None:
    def occupy(subject: str) -> None:
        httpx.get(f"{tight.edge.url}/v1/things/slow", headers=tight.signer.bearer(subject), timeout=20)

    busy = [threading.Thread(target=occupy, args=(f"busy-{number}",)) for number in range(2)]
    reached = len(tight.probe.calls)
    for thread in busy:
        thread.start()
    wait_until(lambda: len(tight.probe.calls) >= reached + 2, seconds=2, what="both calls have reached the service")
    begin = time.monotonic()
    response = tight_client.get("/v1/things/abc", headers=tight.signer.bearer("one-more"))
    assert_refused(response, 429, 8, "OVERLOADED")
    assert response.headers["retry-after"] == "1"
    assert time.monotonic() - begin < 0.5
    for thread in busy:
        thread.join()


@pytest.fixture(scope="module")
def shaky(mesh: Mesh, settings: GatewaySettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A gateway before a service of its own, which the tests stop and start."""
    port = free_port()
    endpoints = {"identity": settings.endpoints["identity"], "probe": [("127.0.0.1", port)]}
    own = replace(
        settings,
        endpoints=endpoints,
        listen_port=free_port(),
        admin_port=free_port(),
        tls_certificate=None,
        rate_limit_per_minute=100_000,
    )
    server, _ = serve(mesh.probe.handlers(), mesh.pki.of("probe"), port)
    edge = Edge(own, tmp_path_factory.mktemp("shaky")).start()
    behind = replace(mesh, edge=edge, servers=[server])
    try:
        edge.wait_ready(mesh.signer.bearer("warm-up"), "/v1/things:mine")
        yield behind
    finally:
        edge.stop()
        behind.servers[0].stop(0)


def restart(mesh: Mesh, pause: float) -> None:
    mesh.servers[0].stop(1).wait()
    time.sleep(pause)
    port = mesh.edge.settings.endpoints["probe"][0][1]
    mesh.servers[0], _ = serve(mesh.probe.handlers(), mesh.pki.of("probe"), port)


def test_a_restart_of_a_service_fails_no_call_that_may_be_repeated(shaky: Mesh) -> None:
    bad: list[str] = []
    done = threading.Event()
    counts = [0, 0, 0]
    calls: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("GET", "/v1/things/abc", {}),
        ("PATCH", "/v1/things/abc", shaky.signer.bearer("natural")),
        ("POST", "/v1/things", shaky.signer.bearer("steady") | {"idempotency-key": "k"}),
    )

    def run(number: int, method: str, path: str, headers: dict[str, str]) -> None:
        with httpx.Client(base_url=shaky.edge.url, timeout=20) as client:
            while not done.is_set():
                response = client.request(method, path, headers=headers, json=None if method == "GET" else {})
                counts[number] += 1
                if response.status_code != 200:
                    bad.append(response.text)

    threads = [threading.Thread(target=run, args=(number, *call)) for number, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    wait_until(lambda: min(counts) > 20, seconds=5, what="traffic flows")
    restart(shaky, pause=1.0)
    before = list(counts)
    wait_until(
        lambda: all(now > then + 20 for now, then in zip(counts, before, strict=True)), seconds=10, what="it flows on"
    )
    done.set()
    for thread in threads:
        thread.join()
    assert bad == []


def test_a_call_that_may_have_begun_is_repeated_only_where_that_is_safe(shaky: Mesh) -> None:
    request = shaky.messages["campus.probe.v1.PokeThingRequest"](thing_id="away")
    before = shaky.probe.pokes
    answer = native(shaky, f"{PROBE_SERVICE}/PokeThing", request, "campus.probe.v1.PokeThingResponse")
    assert isinstance(answer, Answer)
    assert answer.code is grpc.StatusCode.UNAVAILABLE
    assert shaky.probe.pokes == before + 1, "every poke counts, so none is repeated"
    reads = len(shaky.probe.calls)
    native(
        shaky,
        f"{PROBE_SERVICE}/GetThing",
        shaky.messages["campus.probe.v1.GetThingRequest"](thing_id="code-14"),
        THING,
        timeout=2,
    )
    assert len(shaky.probe.calls) > reads + 1, "a read is"


def test_an_absent_service_is_said_in_words_that_tell_nothing(shaky: Mesh) -> None:
    shaky.servers[0].stop(0).wait()
    begin = time.monotonic()
    response = httpx.get(f"{shaky.edge.url}/v1/things/abc", headers={"grpc-timeout": "2S"}, timeout=20)
    assert response.status_code in {503, 504}
    assert_refused(
        response,
        response.status_code,
        response.json()["code"],
        {503: "DEPENDENCY_UNAVAILABLE", 504: "DEADLINE_PASSED"}[response.status_code],
    )
    assert "127.0.0.1" not in response.text
    assert "upstream" not in response.text
    assert time.monotonic() - begin < 4
    wait_until(
        lambda: httpx.get(f"{shaky.edge.url}/readyz").status_code == 503, seconds=5, what="the mesh is not ready"
    )
    restart(shaky, pause=0)
    wait_until(lambda: httpx.get(f"{shaky.edge.url}/readyz").status_code == 200, seconds=5, what="it is ready again")


def test_a_service_with_somebody_elses_certificate_gets_no_call(
    mesh: Mesh, settings: GatewaySettings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The right authority signed it, but for another name."""
    imposter, port = serve(mesh.probe.handlers(), mesh.pki.of("identity"))
    own = replace(
        settings,
        endpoints={"identity": settings.endpoints["identity"], "probe": [("127.0.0.1", port)]},
        listen_port=free_port(),
        admin_port=free_port(),
        tls_certificate=None,
    )
    edge = Edge(own, tmp_path_factory.mktemp("imposter")).start()
    try:
        before = len(mesh.probe.calls)
        wait_until(lambda: answers(edge, "/.well-known/jwks.json"), seconds=10, what="the gateway answers")
        response = httpx.get(f"{edge.url}/v1/things/abc", headers={"grpc-timeout": "1S"}, timeout=20)
        assert response.status_code in {503, 504}
        assert len(mesh.probe.calls) == before
    finally:
        edge.stop()
        imposter.stop(0)


def test_without_the_keys_no_token_is_blamed(
    mesh: Mesh, settings: GatewaySettings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = replace(
        settings,
        endpoints={"identity": [("127.0.0.1", free_port())], "probe": settings.endpoints["probe"]},
        listen_port=free_port(),
        admin_port=free_port(),
        tls_certificate=None,
    )
    edge = Edge(own, tmp_path_factory.mktemp("keyless")).start()
    try:
        wait_until(lambda: answers(edge, "/v1/things/abc"), seconds=10, what="the gateway answers")
        response = httpx.get(f"{edge.url}/v1/things:mine", headers=mesh.signer.bearer())
        assert_refused(response, 503, 14, "DEPENDENCY_UNAVAILABLE")
        request = mesh.messages["campus.probe.v1.ListMyThingsRequest"]()
        answer = native(
            replace(mesh, edge=edge), f"{PROBE_SERVICE}/ListMyThings", request, THING, metadata=mesh.signer.bearer()
        )
        assert answer.code is grpc.StatusCode.UNAVAILABLE
        assert answer.reasons == ("DEPENDENCY_UNAVAILABLE",)
    finally:
        edge.stop()


def answers(edge: Edge, path: str) -> bool:
    try:
        return httpx.get(f"{edge.url}{path}").status_code == 200
    except httpx.TransportError:
        return False

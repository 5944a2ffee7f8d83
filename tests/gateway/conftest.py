"""One gateway with two real services behind it, shared by the tests of this directory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from deploy.local.pki import GATEWAY, PUBLIC, Pki
from gateway.contract import Contract, load
from gateway.envoy import Certificate, GatewaySettings
from tests.gateway.edge import Edge, Signer, free_port
from tests.gateway.upstream import Messages, Probe, key_handlers, serve
from tests.gateway.workspace import described

SERVICES = ("identity", "probe")


@dataclass
class Mesh:
    """Everything a test can look at."""

    edge: Edge
    probe: Probe
    signer: Signer
    pki: Pki
    messages: Messages
    servers: list[grpc.Server]


@pytest.fixture(scope="session")
def descriptors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return described(tmp_path_factory.mktemp("contract"))


@pytest.fixture(scope="session")
def descriptors_set(descriptors: Path) -> FileDescriptorSet:
    return FileDescriptorSet.FromString(descriptors.read_bytes())


@pytest.fixture(scope="session")
def contract(descriptors: Path) -> Contract:
    return load(descriptors)


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), SERVICES).ensure()


@pytest.fixture(scope="session")
def settings(descriptors: Path, pki: Pki) -> GatewaySettings:
    """Settings with endpoints where nobody listens; tests replace what they need."""
    spec = descriptors.parent / "api-spec.yaml"
    spec.write_text("openapi: 3.1.0\n", encoding="utf-8")
    client, public = pki.of(GATEWAY), pki.of(PUBLIC)
    return GatewaySettings(
        endpoints={name: [("127.0.0.1", free_port())] for name in SERVICES},
        client_certificate=Certificate(client.cert, client.key),
        mesh_ca=pki.ca_cert,
        descriptors=descriptors,
        api_spec=spec,
        listen_port=free_port(),
        tls_port=free_port(),
        tls_certificate=Certificate(public.cert, public.key),
        admin_port=free_port(),
        cors_origins=("https://app.example",),
        rate_limit_per_minute=100,
        anonymous_rate_limit_per_minute=100_000,
    )


@pytest.fixture(scope="session")
def mesh(
    settings: GatewaySettings, descriptors: Path, pki: Pki, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mesh]:
    messages, signer = Messages(descriptors), Signer()
    probe = Probe(messages)
    ports = {name: endpoints[0][1] for name, endpoints in settings.endpoints.items()}
    servers = [
        serve(key_handlers(messages, signer.key_set), pki.of("identity"), ports["identity"])[0],
        serve(probe.handlers(), pki.of("probe"), ports["probe"])[0],
    ]
    edge = Edge(settings, tmp_path_factory.mktemp("edge")).start()
    try:
        edge.wait_ready(signer.bearer("warm-up"), "/v1/things:mine")
        yield Mesh(edge, probe, signer, pki, messages, servers)
    finally:
        edge.stop()
        for server in servers:
            server.stop(0)


@pytest.fixture
def client(mesh: Mesh) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=mesh.edge.url, timeout=20) as client:
        yield client

"""What the gateway has to be told: where it listens, whom it reaches, what it allows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

Endpoint = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate chain and its private key, as PEM files."""

    chain: Path
    key: Path


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Everything the rendered configuration depends on besides the contract."""

    # One entry for each service of the mesh; several endpoints mean several processes.
    endpoints: Mapping[str, list[Endpoint]]
    # The gateway's client certificate, `spiffe://campus/gateway`, and the CA that signed those of the services.
    client_certificate: Certificate
    mesh_ca: Path
    descriptors: Path
    api_spec: Path
    listen_host: str = "127.0.0.1"
    listen_port: int = 8080
    # The TLS 1.3 listener beside the plaintext one; left out when there is no certificate for it.
    tls_port: int = 8443
    tls_certificate: Certificate | None = None
    admin_port: int = 9901
    jwt_issuer: str = "https://campus"
    jwt_audience: str = "campus"
    # A signed-in user's requests count by user, wherever they come from; everybody else's by address, behind which
    # there may be many: ten times as much unless said otherwise.
    rate_limit_per_minute: int = 100
    anonymous_rate_limit_per_minute: int | None = None
    cors_origins: tuple[str, ...] = ()
    max_body_bytes: int = 1024 * 1024
    # What a call may take when its caller sets no deadline, and the longest deadline a caller may set.
    default_deadline_seconds: int = 15
    longest_deadline_seconds: int = 30
    stream_idle_seconds: int = 300
    max_requests_per_service: int = 500
    max_streams_per_service: int = 10_000
    # OpenTelemetry collector (OTLP over HTTP). Without one, trace context is passed on, but nothing is sampled.
    otlp_endpoint: Endpoint | None = None
    trace_sample_percent: float = 1.0
    static_directory: Path = field(default=Path(__file__).parent / "static")

    @property
    def address_limit_per_minute(self) -> int:
        return self.anonymous_rate_limit_per_minute or 10 * self.rate_limit_per_minute

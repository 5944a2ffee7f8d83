"""Settings from the environment, typed; everything missing or malformed is reported at once."""

import sys
from typing import TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class MigrationSettings(BaseSettings):
    """What `migrate` is told: the URL of the role that owns the tables."""

    model_config = SettingsConfigDict(env_prefix="CAMPUS_", frozen=True, extra="ignore")

    database_owner_url: str = Field(description="libpq URL of the owning role")


class ServiceSettings(BaseSettings):
    """What every service is told, by environment variables named `CAMPUS_` and the field in upper case."""

    model_config = SettingsConfigDict(env_prefix="CAMPUS_", frozen=True, extra="ignore")

    listen: str = Field(description="gRPC addresses host:port, comma-separated: one worker process each")
    metrics_listen: str = Field(default="", description="Prometheus addresses like `listen`; empty: none")
    database_writer_url: str = Field(description="libpq URL of the writing role")
    database_reader_url: str = Field(description="libpq URL of the role that only reads")
    database_pool: int = Field(default=8, ge=1, le=100, description="connections per role and process")
    nats_url: str = Field(description="nats://user:password@host:port")
    tls_cert: str = Field(description="path of the PEM certificate with SAN spiffe://campus/<service>")
    tls_key: str = Field(description="path of its PEM key")
    tls_ca: str = Field(description="path of the PEM authority that signs neighbours and gateway")
    peers: str = Field(description="neighbours as name=host:port, comma-separated")
    public_url: str = Field(default="http://localhost:8080", description="base of the gateway's public URLs")
    token_issuer: str = Field(default="https://campus", description="`iss` of access tokens")
    token_audience: str = Field(default="campus", description="`aud` of access tokens")
    threads: int = Field(default=4, ge=2, le=256, description="threads that run RPCs")
    max_concurrent_rpcs: int = Field(default=200, ge=10, description="calls taken at once; more are refused")
    pin_cores: bool = Field(default=False, description="pin each worker to a core of its own")
    drain_seconds: float = Field(default=2.0, ge=0, description="time between not ready and refusing new calls")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$", description="least level logged")

    def peer(self, name: str) -> str:
        """Where the neighbour of this name listens."""
        addresses = dict(entry.split("=", 1) for entry in self.peers.split(",") if "=" in entry)
        if name not in addresses:
            raise SystemExit(f"CAMPUS_PEERS names no address for {name}")
        return addresses[name]


S = TypeVar("S", bound=BaseSettings)


def load(settings: type[S]) -> S:
    """Reads the settings, or ends the process with one line for each variable that is missing or malformed."""
    try:
        return settings()
    except ValidationError as error:
        prefix = settings.model_config.get("env_prefix", "")
        for fault in error.errors(include_url=False, include_input=False):
            sys.stderr.write(f"{prefix}{str(fault['loc'][0]).upper()}: {fault['msg']}\n")
        raise SystemExit(2) from None

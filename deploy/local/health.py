"""How one sees that a process is ready: by asking it, never by waiting a while."""

import http.client
import json
import socket
from pathlib import Path

from deploy.local import ports
from deploy.local.child import Child
from deploy.local.pki import Identity
from deploy.local.program import Ready


def grpc_serving(addresses: tuple[str, ...], identity: Identity) -> Ready:
    """Ready when the standard health service, asked over mTLS, says SERVING at every address."""

    def ready(_: Child) -> bool:
        return all(is_serving(address, identity) for address in addresses)

    return ready


def http_ok(port: int, path: str) -> Ready:
    """Ready when the path answers 200."""

    def ready(_: Child) -> bool:
        connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=1)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    return ready


def ready_line(log: Path) -> Ready:
    """Ready when the process has written a JSON line with `"ready": true`."""
    start = log.stat().st_size if log.exists() else 0

    def ready(_: Child) -> bool:
        with log.open("rb") as lines:
            lines.seek(start)
            for line in lines:
                if line.startswith(b"{") and line.endswith(b"\n") and json.loads(line).get("ready") is True:
                    return True
        return False

    return ready


def _accepts(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


def is_serving(address: str, identity: Identity) -> bool:
    """Ask the standard health service at an address, over mTLS."""
    if not _accepts(address):
        return False
    # Imported here: only a mesh that starts services pays for it, and PostgreSQL is starting meanwhile.
    import grpc
    from grpc_health.v1 import health_pb2

    credentials = grpc.ssl_channel_credentials(
        identity.ca.read_bytes(), identity.key.read_bytes(), identity.cert.read_bytes()
    )
    with grpc.secure_channel(address, credentials) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=2)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

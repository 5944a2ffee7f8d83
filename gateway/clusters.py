"""The clusters: every service of the mesh over mutual TLS, watched by its own health check."""

from ipaddress import ip_address
from typing import Any

from gateway.routes import NOWHERE
from gateway.settings import Certificate, Endpoint, GatewaySettings

Config = dict[str, Any]
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
# Both ends: without the maximum a client would stop at TLS 1.2 and find no version in common.
TLS_1_3 = {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}


def clusters(settings: GatewaySettings) -> list[Config]:
    every = [service(name, settings) for name in sorted(settings.endpoints)]
    every.append(static("self", [("127.0.0.1", settings.listen_port)]))
    every.append(static(NOWHERE, []))
    if settings.otlp_endpoint is not None:
        every.append(static("otlp", [settings.otlp_endpoint]))
    else:
        # Tracing wants a collector to be configured before it passes trace context on; nothing is sent to this one.
        every.append(static("otlp", []))
    return every


def static(name: str, endpoints: list[Endpoint]) -> Config:
    by_name = any(not is_address(host) for host, _ in endpoints)
    lb_endpoints = [
        {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}} for host, port in endpoints
    ]
    return {
        "name": name,
        "type": "STRICT_DNS" if by_name else "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": lb_endpoints}]},
    }


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def service(name: str, settings: GatewaySettings) -> Config:
    """No HTTP/2 keepalive: idle Python servers take its pings for abuse and hang up. The health check does its work."""
    protocol = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return static(name, settings.endpoints[name]) | {
        "lb_policy": "LEAST_REQUEST",
        "typed_extension_protocol_options": {
            protocol: {
                "@type": f"type.googleapis.com/{protocol}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "transport_socket": mutual_tls(name, settings),
        "health_checks": [health_check()],
        "circuit_breakers": circuit_breakers(settings),
        "outlier_detection": {
            "consecutive_5xx": 10,
            "interval": "2s",
            "base_ejection_time": "5s",
            "max_ejection_percent": 50,
            "split_external_local_origin_errors": True,
            "consecutive_local_origin_failure": 5,
        },
    }


def mutual_tls(name: str, settings: GatewaySettings) -> Config:
    expected = {"san_type": "URI", "matcher": {"exact": f"spiffe://campus/{name}"}}
    context = {
        "alpn_protocols": ["h2"],
        "tls_params": TLS_1_3,
        "tls_certificates": [certificate(settings.client_certificate)],
        "validation_context": {
            "trusted_ca": {"filename": str(settings.mesh_ca)},
            "match_typed_subject_alt_names": [expected],
        },
    }
    return transport_socket("UpstreamTlsContext", sni=name, common_tls_context=context)


def transport_socket(kind: str, **fields: Any) -> Config:
    return {"name": "envoy.transport_sockets.tls", "typed_config": {"@type": f"{TLS}.{kind}", **fields}}


def certificate(files: Certificate) -> Config:
    return {"certificate_chain": {"filename": str(files.chain)}, "private_key": {"filename": str(files.key)}}


def health_check() -> Config:
    """Quick both ways: a process that drains is left alone within a second, one that is back gets calls at once."""
    return {
        "timeout": "1s",
        "interval": "1s",
        "no_traffic_interval": "1s",
        "unhealthy_interval": "0.25s",
        "unhealthy_edge_interval": "0.25s",
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
        "grpc_health_check": {},
    }


def circuit_breakers(settings: GatewaySettings) -> Config:
    """Streams have high priority for one reason: so that they and the unary calls can't use up each other's budget."""

    def budget(priority: str, requests: int) -> Config:
        return {
            "priority": priority,
            "max_connections": 1024,
            "max_pending_requests": requests,
            "max_requests": requests,
            "max_retries": requests,
            "track_remaining": True,
        }

    return {
        "thresholds": [
            budget("DEFAULT", settings.max_requests_per_service),
            budget("HIGH", settings.max_streams_per_service),
        ]
    }

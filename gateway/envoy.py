"""Renders Envoy's configuration from the contract: `render(settings)`. No RPC is named here."""

import json
from typing import Any

from gateway.clusters import TLS_1_3, certificate, clusters, transport_socket
from gateway.contract import Contract, ContractError, load
from gateway.filters import http_filters, retry_after_seconds
from gateway.pages import pages
from gateway.replies import local_reply_config
from gateway.routes import route_config
from gateway.settings import Certificate, Endpoint, GatewaySettings

__all__ = ["Certificate", "Endpoint", "GatewaySettings", "render"]

Config = dict[str, Any]
EXTENSIONS = "type.googleapis.com/envoy.extensions"
# Headers by which a caller could speak as someone else, or give orders that are the gateway's to give.
INNER_HEADER_PREFIXES = ("x-envoy-", "x-user-", "x-jwt-", "x-campus-")
INNER_HEADERS = ("x-forwarded-client-cert", "x-forwarded-user", "x-remote-user", "x-real-ip", "x-role", "x-roles")


def render(settings: GatewaySettings) -> str:
    """The configuration as JSON, which `envoy -c` reads from a file named *.json or *.yaml."""
    contract = load(settings.descriptors)
    if missing := set(contract.owners) - set(settings.endpoints):
        raise ContractError(f"no endpoint is configured for: {', '.join(sorted(missing))}")
    return json.dumps(bootstrap(contract, settings), indent=1) + "\n"


def bootstrap(contract: Contract, settings: GatewaySettings) -> Config:
    connections = {
        "@type": f"{EXTENSIONS}.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        "max_active_downstream_connections": 20_000,
    }
    monitor = {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": connections}
    return {
        "admin": {"address": address("127.0.0.1", settings.admin_port)},
        "overload_manager": {"resource_monitors": [monitor]},
        "static_resources": {"listeners": listeners(contract, settings), "clusters": clusters(settings)},
    }


def listeners(contract: Contract, settings: GatewaySettings) -> list[Config]:
    filters = [connection_manager(contract, settings)]
    plaintext: Config = {
        "name": "edge",
        "address": address(settings.listen_host, settings.listen_port),
        "filter_chains": [{"filters": filters}],
    }
    if settings.tls_certificate is None:
        return [plaintext]
    context = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_params": TLS_1_3,
        "tls_certificates": [certificate(settings.tls_certificate)],
    }
    socket = transport_socket("DownstreamTlsContext", common_tls_context=context)
    encrypted: Config = {
        "name": "edge_tls",
        "address": address(settings.listen_host, settings.tls_port),
        "filter_chains": [{"transport_socket": socket, "filters": filters}],
    }
    return [plaintext, encrypted]


def address(host: str, port: int) -> Config:
    return {"socket_address": {"address": host, "port_value": port}}


def connection_manager(contract: Contract, settings: GatewaySettings) -> Config:
    shown = pages(settings)
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": f"{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "edge",
            "codec_type": "AUTO",
            **paths_and_headers(),
            **time_limits(settings),
            "http2_protocol_options": {"max_concurrent_streams": 100},
            # Any method may come, so that the wrong ones get their 405.
            "http_protocol_options": {"allow_custom_methods": True},
            "tracing": tracing(settings),
            "access_log": [access_log()],
            "local_reply_config": local_reply_config(retry_after_seconds(settings)),
            "route_config": route_config(contract, settings, shown),
            "http_filters": http_filters(contract, settings, shown),
        },
    }


def paths_and_headers() -> Config:
    """One spelling for every path before anything looks at it, and no header that only the inside may set."""
    removals = [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in INNER_HEADER_PREFIXES]
    removals += [{"remove_on_match": {"key_matcher": {"exact": name}}} for name in INNER_HEADERS]
    request_ids = {
        "@type": f"{EXTENSIONS}.request_id.uuid.v3.UuidRequestIdConfig",
        # The id is the caller's: nothing is written into it or read from it.
        "pack_trace_reason": False,
        "use_request_id_for_trace_sampling": False,
    }
    mutation = f"{EXTENSIONS}.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    return {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "use_remote_address": True,
        # Nobody is trusted for the address they come from.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        "early_header_mutation_extensions": [
            {"name": "strip", "typed_config": {"@type": mutation, "mutations": removals}}
        ],
        "server_name": "campus",
        # A caller's own request id goes through, so that it finds its calls again; else the gateway makes one.
        "preserve_external_request_id": True,
        "request_id_extension": {"typed_config": request_ids},
        "always_set_request_id_in_response": True,
    }


def time_limits(settings: GatewaySettings) -> Config:
    return {
        "request_headers_timeout": "10s",
        "stream_idle_timeout": f"{settings.stream_idle_seconds}s",
        "common_http_protocol_options": {
            "idle_timeout": "3600s",
            "headers_with_underscores_action": "DROP_HEADER",
            "max_headers_count": 100,
        },
    }


def tracing(settings: GatewaySettings) -> Config:
    """Makes or continues W3C trace context. A caller's own sampling decision stands."""
    host, port = settings.otlp_endpoint or ("127.0.0.1", 4318)
    share = settings.trace_sample_percent if settings.otlp_endpoint else 0
    samplers = f"{EXTENSIONS}.tracers.opentelemetry.samplers.v3"
    ratio = {
        "@type": f"{samplers}.TraceIdRatioBasedSamplerConfig",
        "sampling_percentage": {"numerator": round(share * 10_000), "denominator": "MILLION"},
    }
    by_parent = {
        "@type": f"{samplers}.ParentBasedSamplerConfig",
        "wrapped_sampler": {
            "name": "envoy.tracers.opentelemetry.samplers.trace_id_ratio_based",
            "typed_config": ratio,
        },
    }
    provider = {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "service_name": "gateway",
        "http_service": {"http_uri": {"uri": f"http://{host}:{port}/v1/traces", "cluster": "otlp", "timeout": "1s"}},
        "sampler": {"name": "envoy.tracers.opentelemetry.samplers.parent_based", "typed_config": by_parent},
    }
    return {"provider": {"name": "envoy.tracers.opentelemetry", "typed_config": provider}}


def access_log() -> Config:
    """One JSON object per request on standard output: no query strings, no addresses, no personal headers."""
    formatter = f"{EXTENSIONS}.formatter.req_without_query.v3.ReqWithoutQuery"
    fields = {
        "time": "%START_TIME%",
        "method": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%",
        # The path that the caller wrote may name a person's things; only a path that is no RPC's is told.
        "rpc": "%REQ_WITHOUT_QUERY(:PATH)%",
        "status": "%RESPONSE_CODE%",
        "grpc_status": "%GRPC_STATUS(SNAKE_STRING)%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "duration_ms": "%DURATION%",
        "service": "%UPSTREAM_CLUSTER%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "user": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "trace_id": "%TRACE_ID%",
        "bytes_in": "%BYTES_RECEIVED%",
        "bytes_out": "%BYTES_SENT%",
    }
    return {
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": f"{EXTENSIONS}.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {
                "formatters": [{"name": "req_without_query", "typed_config": {"@type": formatter}}],
                "json_format": fields,
            },
        },
    }

"""The routes: one exact path for each RPC that callers may reach, and nothing behind all others."""

from typing import Any

from gateway.contract import HTTP_BODY, Audience, Contract, Idempotency, Rpc
from gateway.pages import Page, page_route
from gateway.settings import GatewaySettings

Config = dict[str, Any]
NOWHERE = "nowhere"
JWT_FILTER = "envoy.filters.http.jwt_authn"
JWT_KIND = {"@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig"}
JWT_OPTIONAL = JWT_KIND | {"requirement_name": "optional"}
# A stream must not be collected before it is passed on.
UNBUFFERED = {
    "envoy.filters.http.buffer": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
        "disabled": True,
    }
}
CORS_FILTER = "envoy.filters.http.cors"
# Requests that no service can have begun to work on: safe to send again whatever the RPC does.
NEVER_BEGUN = "connect-failure,refused-stream,reset-before-request"
# A server that stops resets the calls it works on, and answers CANCELLED to those it had not taken up yet.
PERHAPS_BEGUN = f"{NEVER_BEGUN},reset,unavailable,cancelled"
# A service that restarts is away for a few seconds; these attempts, at most a second apart, outlast that.
RETRIES = {"num_retries": 16, "retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"}}
# Answered by identity for the whole public mesh, without a token: reflection and health.
OPEN_METHODS = (
    ("grpc.reflection.v1.ServerReflection", "ServerReflectionInfo"),
    ("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo"),
    ("grpc.health.v1.Health", "Check"),
    ("grpc.health.v1.Health", "Watch"),
)
OPEN_METHODS_OWNER = "identity"
ALLOWED_HEADERS = (
    "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, "
    "x-request-id, traceparent, tracestate, grpc-timeout, x-grpc-web, x-user-agent"
)
EXPOSED_HEADERS = (
    "x-request-id, retry-after, allow, etag, location, content-disposition, x-ratelimit-limit, "
    "x-ratelimit-remaining, x-ratelimit-reset, grpc-status, grpc-message, grpc-status-details-bin"
)


def route_config(contract: Contract, settings: GatewaySettings, pages: list[Page]) -> Config:
    routes = [
        *(page_route(page) for page in pages),
        *(route for rpc in contract.reachable for route in rpc_routes(rpc, contract.owner_of(rpc), settings)),
        *open_routes(settings),
        closed_grpc_route(),
        closed_route(),
    ]
    host: Config = {
        "name": "everywhere",
        "domains": ["*"],
        "routes": routes,
        "response_headers_to_add": [
            {"header": {"key": "x-content-type-options", "value": "nosniff"}, "append_action": "ADD_IF_ABSENT"}
        ],
    }
    if settings.cors_origins:
        host["typed_per_filter_config"] = {CORS_FILTER: cors_policy(settings.cors_origins)}
        # What is cached for one origin must not be shown to another.
        vary = {"header": {"key": "vary", "value": "origin"}, "append_action": "APPEND_IF_EXISTS_OR_ADD"}
        host["response_headers_to_add"].append(vary)
    largest = max((page.file.stat().st_size for page in pages), default=0)
    return {"name": "edge", "virtual_hosts": [host], "max_direct_response_body_size_bytes": largest + 1}


def rpc_routes(rpc: Rpc, owner: str, settings: GatewaySettings) -> list[Config]:
    """One route, or two where a retry is safe only for callers who made it safe by an idempotency key."""
    if rpc.idempotency is not Idempotency.REQUEST_ID:
        return [rpc_route(rpc, owner, settings, retried_when_begun=rpc.idempotency is not Idempotency.NONE)]
    with_key = rpc_route(rpc, owner, settings, retried_when_begun=True)
    with_key["match"]["headers"] = [{"name": "idempotency-key", "present_match": True}]
    return [with_key, rpc_route(rpc, owner, settings, retried_when_begun=False)]


def rpc_route(rpc: Rpc, owner: str, settings: GatewaySettings, *, retried_when_begun: bool) -> Config:
    retry_on = PERHAPS_BEGUN if retried_when_begun and not rpc.streaming else NEVER_BEGUN
    action: Config = {"cluster": owner, "retry_policy": {"retry_on": retry_on, **RETRIES}}
    route: Config = {"match": {"path": rpc.path}, "route": action}
    if rpc.streaming:
        action |= stream_limits(settings)
    else:
        action |= unary_limits(settings)
        route["request_headers_to_add"] = [default_deadline(settings)]
    filters = jwt_requirement(rpc) | (UNBUFFERED if rpc.streaming else {})
    if filters:
        route["typed_per_filter_config"] = filters
    return route


def unary_limits(settings: GatewaySettings) -> Config:
    return {
        "timeout": f"{settings.longest_deadline_seconds}s",
        "max_stream_duration": {
            "max_stream_duration": f"{settings.default_deadline_seconds}s",
            "grpc_timeout_header_max": f"{settings.longest_deadline_seconds}s",
        },
    }


def stream_limits(settings: GatewaySettings) -> Config:
    """Streams end when either side ends them or goes quiet; they have a budget of their own beside the unary calls."""
    return {"timeout": "0s", "idle_timeout": f"{settings.stream_idle_seconds}s", "priority": "HIGH"}


def default_deadline(settings: GatewaySettings) -> Config:
    """Tells the service how long the gateway waits; a deadline that the caller set stands."""
    value = f"{settings.default_deadline_seconds}S"
    return {"header": {"key": "grpc-timeout", "value": value}, "append_action": "ADD_IF_ABSENT"}


def jwt_requirement(rpc: Rpc) -> Config:
    """Empty: the filter's own last rule, which wants a token."""
    if rpc.access.audience is not Audience.PUBLIC:
        return {}
    if rpc.input == HTTP_BODY:
        # A webhook: what stands in its `authorization` header, if anything, is not ours to judge.
        return {JWT_FILTER: JWT_KIND | {"disabled": True}}
    return {JWT_FILTER: JWT_OPTIONAL}


def open_routes(settings: GatewaySettings) -> list[Config]:
    return [
        {
            "match": {"path": f"/{service}/{method}"},
            "route": {"cluster": OPEN_METHODS_OWNER, **stream_limits(settings)},
            "typed_per_filter_config": {JWT_FILTER: JWT_OPTIONAL, **UNBUFFERED},
        }
        for service, method in OPEN_METHODS
    ]


def closed_grpc_route() -> Config:
    """No other method exists for callers outside, whatever exists inside."""
    return {
        "match": {
            "prefix": "/",
            "headers": [{"name": "content-type", "string_match": {"prefix": "application/grpc"}}],
        },
        "direct_response": {"status": 404},
    }


def closed_route() -> Config:
    """Where REST paths stand before the transcoder knows their RPC: CORS needs a route, and this one leads nowhere."""
    return {"match": {"prefix": "/"}, "route": {"cluster": NOWHERE}}


def cors_policy(origins: tuple[str, ...]) -> Config:
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": origin} for origin in origins],
        "allow_methods": "GET, POST, PUT, PATCH, DELETE",
        "allow_headers": ALLOWED_HEADERS,
        "expose_headers": EXPOSED_HEADERS,
        "max_age": "600",
    }

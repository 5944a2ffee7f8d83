"""The HTTP filters of the edge, in the order in which a request passes them."""

import math
from typing import Any

from gateway.contract import HTTP_BODY, Audience, Contract, ContractError, Rpc
from gateway.pages import Page
from gateway.paths import lua_filter
from gateway.replies import bare_errors
from gateway.settings import GatewaySettings

Config = dict[str, Any]
HTTP = "type.googleapis.com/envoy.extensions.filters.http"
PROVIDER = "campus"
READY_PATH = "/readyz"
# The RPC that publishes the keys; Envoy fetches them through its own listener, over the RPC's REST path.
KEY_SET = "campus.identity.v1.KeyService", "GetKeySet"
UNLIMITED = {"max_tokens": 1_000_000_000, "tokens_per_fill": 1_000_000_000, "fill_interval": "1s"}


def http_filters(contract: Contract, settings: GatewaySettings, pages: list[Page]) -> list[Config]:
    """CORS first, so that refusals carry its headers; the token after the transcoder, so that rules are keyed once."""
    return [
        named("cors", f"{HTTP}.cors.v3.Cors"),
        readiness(settings),
        named(
            "lua",
            f"{HTTP}.lua.v3.Lua",
            default_source_code={
                "inline_string": lua_filter(bindings(contract), [page.path for page in pages], bare_errors())
            },
        ),
        compression(),
        named("grpc_web", f"{HTTP}.grpc_web.v3.GrpcWeb"),
        # The transcoder's own limit does not hold for JSON, which it reads as it comes. Streams switch this off.
        named("buffer", f"{HTTP}.buffer.v3.Buffer", max_request_bytes=settings.max_body_bytes),
        transcoder(contract, settings),
        tokens(contract, settings),
        rate_limit(settings),
        named("router", f"{HTTP}.router.v3.Router", suppress_envoy_headers=True),
    ]


def bindings(contract: Contract) -> list[Any]:
    return [binding for rpc in contract.reachable for binding in rpc.bindings]


def named(name: str, kind: str, **fields: Any) -> Config:
    return {"name": f"envoy.filters.http.{name}", "typed_config": {"@type": kind, **fields}}


def readiness(settings: GatewaySettings) -> Config:
    """Ready means that every service of the mesh has at least one process that says it is healthy."""
    return named(
        "health_check",
        f"{HTTP}.health_check.v3.HealthCheck",
        pass_through_mode=False,
        headers=[{"name": ":path", "string_match": {"exact": READY_PATH}}],
        cluster_min_healthy_percentages={name: {"value": 1} for name in sorted(settings.endpoints)},
    )


def compression() -> Config:
    gzip = {"@type": "type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip"}
    return named(
        "compressor",
        f"{HTTP}.compressor.v3.Compressor",
        response_direction_config={"common_config": {"min_content_length": 1024}},
        compressor_library={"name": "gzip", "typed_config": gzip},
    )


def transcoder(contract: Contract, settings: GatewaySettings) -> Config:
    services = [service.name for service in contract.services if any(rpc.reachable for rpc in service.rpcs)]
    return named(
        "grpc_json_transcoder",
        f"{HTTP}.grpc_json_transcoder.v3.GrpcJsonTranscoder",
        proto_descriptor=str(settings.descriptors),
        services=services,
        convert_grpc_status=True,
        print_options={"always_print_primitive_fields": True, "stream_sse_style_delimited": True},
        request_validation_options={
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
        max_request_body_size=settings.max_body_bytes,
        # Also per message of a stream. A service's answer may be larger than what callers may send.
        max_response_body_size=max(settings.max_body_bytes, 8 * 1024 * 1024),
    )


def tokens(contract: Contract, settings: GatewaySettings) -> Config:
    provider = {
        "issuer": settings.jwt_issuer,
        "audiences": [settings.jwt_audience],
        "require_expiration": True,
        "clock_skew_seconds": 5,
        "remote_jwks": {
            "http_uri": {
                "uri": f"http://127.0.0.1:{settings.listen_port}{key_set_path(contract)}",
                "cluster": "self",
                "timeout": "2s",
            },
            "cache_duration": "300s",
            # The first fetch finds the listener still closed; the next one comes a moment later.
            "async_fetch": {"fast_listener": True, "failed_refetch_duration": "0.25s"},
        },
        "forward": True,
        "payload_in_metadata": "payload",
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "jwt_cache_config": {"jwt_cache_size": 1000},
    }
    signed_in = {"provider_name": PROVIDER}
    return named(
        "jwt_authn",
        f"{HTTP}.jwt_authn.v3.JwtAuthentication",
        providers={PROVIDER: provider},
        requirement_map={
            "signed_in": signed_in,
            "optional": {"requires_any": {"requirements": [signed_in, {"allow_missing": {}}]}},
        },
        rules=[{"match": {"prefix": "/"}, "requirement_name": "signed_in"}],
    )


def key_set_path(contract: Contract) -> str:
    rpc = next((rpc for rpc in contract.rpcs if (rpc.service, rpc.name) == KEY_SET), None)
    if rpc is None or not publishes_keys(rpc):
        raise ContractError(f"{'.'.join(KEY_SET)} has to be public, a GET, and answer with {HTTP_BODY}")
    return rpc.bindings[0].template


def publishes_keys(rpc: Rpc) -> bool:
    is_public = rpc.access.audience is Audience.PUBLIC
    return is_public and rpc.output == HTTP_BODY and rpc.bindings[0].verb == "GET" and not rpc.bindings[0].variables


def rate_limit(settings: GatewaySettings) -> Config:
    """Callers with a token have a bucket each by user, all others by address. The buckets are this process' own."""
    subject = {
        "metadata": {
            "descriptor_key": "user",
            "source": "DYNAMIC",
            "metadata_key": {"key": "envoy.filters.http.jwt_authn", "path": [{"key": "payload"}, {"key": "sub"}]},
        }
    }
    known_user = {"metadata": subject["metadata"] | {"skip_if_absent": True}}
    anyone = {"metadata": subject["metadata"] | {"default_value": "anonymous"}}
    return named(
        "local_ratelimit",
        f"{HTTP}.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="edge",
        filter_enabled=all_of_it(),
        filter_enforced=all_of_it(),
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        rate_limited_as_resource_exhausted=True,
        # One bucket per wildcard value; the default of 20 would forget the twenty-first caller's.
        max_dynamic_descriptors=100_000,
        always_consume_default_token_bucket=False,
        token_bucket=UNLIMITED,
        rate_limits=[{"actions": [known_user]}, {"actions": [anyone, {"remote_address": {}}]}],
        descriptors=[
            {"entries": [{"key": "user"}], "token_bucket": per_minute(settings.rate_limit_per_minute)},
            {
                "entries": [{"key": "user", "value": "anonymous"}, {"key": "remote_address"}],
                "token_bucket": per_minute(settings.address_limit_per_minute),
            },
        ],
    )


def per_minute(tokens: int) -> Config:
    return {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": "60s"}


def retry_after_seconds(settings: GatewaySettings) -> int:
    """Buckets refill continuously: the next token is there after this long."""
    return math.ceil(60 / settings.rate_limit_per_minute)


def all_of_it() -> Config:
    return {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}

"""A real gRPC service behind the gateway: mutual TLS, health, and handlers that tell what reached them."""

import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import grpc
from google.api import httpbody_pb2
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

from deploy.local.pki import Identity

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
PROBE = "campus.probe.v1"
KEYS = "campus.identity.v1"
FILE_BYTES = bytes(range(256)) * 64


class Messages:
    """Message classes by full name, straight from a descriptor set."""

    def __init__(self, descriptors: Path) -> None:
        self.pool = descriptor_pool.DescriptorPool()
        files = descriptor_pb2.FileDescriptorSet.FromString(descriptors.read_bytes()).file
        waiting = list(files)
        known: set[str] = set()
        while waiting:
            ready = next(file for file in waiting if known.issuperset(file.dependency))
            self.pool.Add(ready)
            known.add(ready.name)
            waiting.remove(ready)

    def __getitem__(self, name: str) -> Any:
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))


class Probe:
    """Serves ProbeService and its internal neighbour, and remembers every call."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.pokes = 0
        self.stream_ended = threading.Event()

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        unary = {
            "GetThing": ("GetThingRequest", self.get_thing),
            "ListMyThings": ("ListMyThingsRequest", self.list_my_things),
            "CreateThing": ("CreateThingRequest", self.create_thing),
            "UpdateThing": ("UpdateThingRequest", self.update_thing),
            "PokeThing": ("PokeThingRequest", self.poke_thing),
            "DownloadThing": ("DownloadThingRequest", self.download_thing),
        }
        methods: dict[str, Handler] = {
            name: grpc.unary_unary_rpc_method_handler(
                self.remembering(name, handler),
                self.messages[f"{PROBE}.{request}"].FromString,
                lambda answer: answer.SerializeToString(),
            )
            for name, (request, handler) in unary.items()
        }
        methods["ReceiveHook"] = grpc.unary_unary_rpc_method_handler(
            self.remembering("ReceiveHook", self.receive_hook),
            httpbody_pb2.HttpBody.FromString,
            lambda answer: answer.SerializeToString(),
        )
        methods["WatchThings"] = grpc.unary_stream_rpc_method_handler(
            self.watch_things,
            self.messages[f"{PROBE}.WatchThingsRequest"].FromString,
            lambda answer: answer.SerializeToString(),
        )
        secret: Handler = grpc.unary_unary_rpc_method_handler(
            self.remembering("GetSecret", lambda request, context: self.thing(context, "secret")),
            self.messages[f"{PROBE}.GetSecretRequest"].FromString,
            lambda answer: answer.SerializeToString(),
        )
        return [
            grpc.method_handlers_generic_handler(f"{PROBE}.ProbeService", methods),
            grpc.method_handlers_generic_handler(f"{PROBE}.ProbeInternalService", {"GetSecret": secret}),
        ]

    def remembering(self, name: str, handler: Any) -> Any:
        def remember(request: Any, context: grpc.ServicerContext) -> Any:
            self.calls.append((name, seen(context)))
            return handler(request, context)

        return remember

    def thing(self, context: grpc.ServicerContext, thing_id: str, **fields: Any) -> Any:
        return self.messages[f"{PROBE}.Thing"](thing_id=thing_id, title="A thing", seen=seen(context), **fields)

    def get_thing(self, request: Any, context: grpc.ServicerContext) -> Any:
        match request.thing_id:
            case "missing":
                refuse(context, code_pb2.NOT_FOUND, "THING_NOT_FOUND", thing_id="missing")
            case "slow":
                time.sleep(10)
            case name if name.startswith("code-"):
                refuse(context, int(name.removeprefix("code-")), "THING_BROKEN")
            case name if name.startswith("bare-"):
                code = next(one for one in grpc.StatusCode if one.value[0] == int(name.removeprefix("bare-")))
                context.abort(code, 'words from the inside, "details":[]}')
        left = context.time_remaining()
        return self.thing(
            context, request.thing_id, kind=request.kind, tags=[*request.tags], number=round(left) if left else -1
        )

    def list_my_things(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self.messages[f"{PROBE}.ListMyThingsResponse"](things=[self.thing(context, "mine")])

    def create_thing(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self.thing(context, "made", weight_grams=request.thing.weight_grams)

    def update_thing(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self.thing(context, request.thing.thing_id, words=",".join(request.update_mask.paths))

    def poke_thing(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.pokes += 1
        if request.thing_id == "away":
            context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        return self.messages[f"{PROBE}.PokeThingResponse"](pokes=self.pokes)

    def download_thing(self, request: Any, context: grpc.ServicerContext) -> Any:
        context.send_initial_metadata((("content-disposition", 'attachment; filename="thing.bin"'),))
        return httpbody_pb2.HttpBody(content_type="application/pdf", data=FILE_BYTES)

    def receive_hook(self, request: httpbody_pb2.HttpBody, context: grpc.ServicerContext) -> Any:
        return self.messages[f"{PROBE}.ReceiveHookResponse"](
            sha256=hashlib.sha256(request.data).hexdigest(),
            content_type=request.content_type,
            signature=seen(context).get("stripe-signature", ""),
        )

    def watch_things(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        self.calls.append(("WatchThings", seen(context)))
        self.stream_ended.clear()
        context.add_callback(self.stream_ended.set)
        change = 0
        # A negative number means: until the caller goes away.
        while context.is_active() and change != request.changes:
            yield self.thing(context, f"change-{change}")
            change += 1
            if request.changes < 0:
                self.stream_ended.wait(0.1)


def seen(context: grpc.ServicerContext) -> dict[str, str]:
    return {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}


def refuse(context: grpc.ServicerContext, code: int, reason: str, **metadata: str) -> None:
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="campus.probe", metadata=metadata))
    status = status_pb2.Status(code=code, message=f"the thing says {reason}", details=[detail])
    context.abort_with_status(rpc_status.to_status(status))


def key_handlers(messages: Messages, key_set: bytes) -> list[grpc.GenericRpcHandler]:
    def get_key_set(request: Any, context: grpc.ServicerContext) -> Any:
        return httpbody_pb2.HttpBody(content_type="application/jwk-set+json", data=key_set)

    handler: Handler = grpc.unary_unary_rpc_method_handler(
        get_key_set, messages[f"{KEYS}.GetKeySetRequest"].FromString, lambda answer: answer.SerializeToString()
    )
    return [grpc.method_handlers_generic_handler(f"{KEYS}.KeyService", {"GetKeySet": handler})]


def serve(handlers: list[grpc.GenericRpcHandler], identity: Identity, port: int = 0) -> tuple[grpc.Server, int]:
    """Start a server that knows its callers by certificate; the port is told back."""
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(handlers)
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    reflection.enable_server_reflection([f"{KEYS}.KeyService", reflection.SERVICE_NAME], server)
    credentials = grpc.ssl_server_credentials(
        [(identity.key.read_bytes(), identity.cert.read_bytes())], identity.ca.read_bytes(), require_client_auth=True
    )
    port = server.add_secure_port(f"127.0.0.1:{port}", credentials)
    server.start()
    return server, port

"""The gRPC server of a service: threads, health from real checks, reflection of the whole public mesh."""

import queue
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent import futures
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import protovalidate
from campus.options.v1 import options_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import Histogram

from services.chassis import access, telemetry
from services.chassis.interceptors import Chain, Rpc

DESCRIPTORS = Path(__file__).parents[2] / "gen" / "descriptors.binpb"
CHECK_SECONDS = 1.0
_QUERIES = ("get", "list", "search", "batch_get", "check", "watch", "download", "verify")

log = telemetry.logger("campus.server")
QUEUED = Histogram(
    "campus_thread_queue_seconds",
    "Time a call waits for a thread",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1),
)


class Threads(futures.Executor):
    """A fixed set of threads on one queue; leaner than the standard pool, and it measures how long calls wait."""

    def __init__(self, count: int) -> None:
        self._queue: queue.SimpleQueue[tuple[float, _Task] | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name=f"rpc-{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        task = _Task(lambda: fn(*args, **kwargs))
        self._queue.put((time.perf_counter(), task))
        return task

    def _work(self) -> None:
        while entry := self._queue.get():
            QUEUED.observe(time.perf_counter() - entry[0])
            entry[1].run()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads if wait else ():
            thread.join()


class _Task:
    """The part of a Future that grpc.server uses: it asks to be told when the call is done."""

    __slots__ = ("_callbacks", "_done", "_fn", "_lock")

    def __init__(self, fn: Callable[[], Any]) -> None:
        self._fn, self._done, self._lock = fn, False, threading.Lock()
        self._callbacks: list[Callable[[Any], Any]] = []

    def run(self) -> None:
        try:
            self._fn()
        except Exception as error:
            log.exception("a call ended outside its handler", exc_info=error)
        with self._lock:
            self._done = True
        for callback in self._callbacks:
            callback(self)

    def add_done_callback(self, callback: Callable[[Any], Any]) -> None:
        with self._lock:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def function_of(method: MethodDescriptor, commands: ModuleType, queries: ModuleType) -> Callable[..., Any] | None:
    """The use case behind an RPC: the function of the same name, on the side its name says."""
    name = snake(method.name)
    found = getattr(queries if name.startswith(_QUERIES) else commands, name, None)
    return found if callable(found) else None


def refusals_to_start(methods: Iterable[MethodDescriptor], commands: ModuleType, queries: ModuleType) -> list[str]:
    """What keeps these RPCs from being served: no access rule, no idempotency, no function."""
    found = []
    for method in methods:
        try:
            access.rule_of(method)
        except ValueError as error:
            found.append(str(error))
        if not method.GetOptions().Extensions[options_pb2.idempotency]:
            found.append(f"{method.full_name} does not say what a repeated call does")
        if function_of(method, commands, queries) is None:
            found.append(f"{method.full_name} has no function {snake(method.name)} in commands or queries")
    return found


def services_of(names: Iterable[str]) -> list[ServiceDescriptor]:
    return [descriptor_pool.Default().FindServiceByName(name) for name in names]


@lru_cache(maxsize=1)
def contract() -> descriptor_pb2.FileDescriptorSet:
    """The descriptors of the whole mesh, as `make gen` wrote them."""
    return descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())


def services_in(package: str) -> list[str]:
    """The full names of the proto services in `package` and the packages below it."""
    return [
        f"{file.package}.{service.name}"
        for file in contract().file
        for service in file.service
        if f"{file.package}.".startswith(f"{package}.")
    ]


def public_mesh() -> tuple[list[str], descriptor_pool.DescriptorPool]:
    """Every public service of the mesh, and the pool that describes them: any service can answer for all."""
    pool = descriptor_pool.DescriptorPool()
    for file in contract().file:
        pool.Add(file)
    return [name for name in services_in("campus") if not name.endswith("InternalService")], pool


class Health:
    """Answers the standard health protocol from the service's own checks, asked again every second."""

    def __init__(self, checks: Mapping[str, Callable[[], bool]], needed: Sequence[str]) -> None:
        """`checks` by name; the service as a whole ("") is ready while all `needed` ones hold."""
        self.servicer = health.HealthServicer(experimental_non_blocking=True)
        self._checks, self._needed = checks, needed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="health", daemon=True)
        self.check()

    def start(self) -> None:
        self._thread.start()

    def check(self) -> None:
        good = {name: _holds(name, check) for name, check in self._checks.items()}
        for name, held in good.items():
            self._set(name, held)
        self._set("", all(good[name] for name in self._needed))

    def drain(self) -> None:
        """Says not-ready, for good: callers go elsewhere while the calls at hand are finished."""
        self._stopping.set()
        self.servicer.enter_graceful_shutdown()

    def _set(self, name: str, good: bool) -> None:
        status = health_pb2.HealthCheckResponse
        self.servicer.set(name, status.SERVING if good else status.NOT_SERVING)

    def _watch(self) -> None:
        while not self._stopping.wait(CHECK_SECONDS):
            self.check()


def _holds(name: str, check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception as error:
        log.warning("health check failed", exc_info=error, extra={"fields": {"check": name}})
        return False


def build_server(
    servicers: Sequence[tuple[Callable[[Any, grpc.Server], None], Any]],
    names: Sequence[str],
    tokens: access.Tokens,
    health_servicer: health.HealthServicer,
    *,
    threads: int,
    max_concurrent_rpcs: int,
) -> grpc.Server:
    """A server that answers these servicers through CHAIN. `names` are the full names of their proto services."""
    validator = protovalidate.Validator()
    rpcs = {
        f"/{service.full_name}/{method.name}": Rpc(method, tokens, validator)
        for service in services_of(names)
        for method in service.methods
    }
    server = grpc.server(
        Threads(threads),  # type: ignore[arg-type]  # grpc uses only submit and shutdown of it
        interceptors=[Chain(rpcs)],
        maximum_concurrent_rpcs=max_concurrent_rpcs,
        options=[
            ("grpc.so_reuseport", 0),
            ("grpc.http2.max_ping_strikes", 0),
            ("grpc.max_receive_message_length", 4 << 20),
            ("grpc.max_metadata_size", 16 << 10),
            ("grpc.server.max_pending_requests", 10_000),
            ("grpc.server.max_pending_requests_hard_limit", 20_000),
        ],
    )
    for add, servicer in servicers:
        add(servicer, server)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    public, pool = public_mesh()
    reflection.enable_server_reflection([*public, health.SERVICE_NAME, reflection.SERVICE_NAME], server, pool=pool)
    return server

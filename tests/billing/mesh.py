"""The billing process itself with what it needs around it: neighbours, Stripe's stand-in, a door for its webhooks."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import grpc
from campus.billing.v1.webhook_service_pb2_grpc import WebhookServiceStub
from campus.catalog.v1 import catalog_internal_service_pb2 as catalog_pb
from campus.catalog.v1 import catalog_internal_service_pb2_grpc as catalog_grpc
from campus.catalog.v1.course_service_pb2 import Course
from campus.identity.v1 import key_service_pb2_grpc as key_grpc
from campus.types.v1.money_pb2 import Money
from google.api.httpbody_pb2 import HttpBody
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.local import ports
from deploy.local.nats import Nats
from deploy.local.pki import Pki
from deploy.local.postgres import Postgres
from services.kernel.ids import new_id
from tests.deploy.standins.stripe.server import KEY, SECRET, Standin
from tests.harness.serving import Signer


class Courses(catalog_grpc.CatalogInternalServiceServicer):
    def __init__(self) -> None:
        self.kept: dict[str, catalog_pb.CourseFacts] = {}

    def has(self, amount_minor: int) -> str:
        course = catalog_pb.CourseFacts(course_id=new_id(), title="Latin", instructor_id=new_id())
        course.state = Course.STATE_PUBLISHED
        course.price.CopyFrom(Money(currency="EUR", amount_minor=amount_minor))
        self.kept[course.course_id] = course
        return course.course_id

    def BatchGetCourses(
        self, request: catalog_pb.BatchGetCoursesRequest, context: grpc.ServicerContext
    ) -> catalog_pb.BatchGetCoursesResponse:
        found = [self.kept[course_id] for course_id in request.course_ids if course_id in self.kept]
        return catalog_pb.BatchGetCoursesResponse(courses=found)

    def GetCourseOutline(
        self, request: catalog_pb.GetCourseOutlineRequest, context: grpc.ServicerContext
    ) -> catalog_pb.CourseOutline:
        raise AssertionError("billing doesn't ask for outlines")


class Keys(key_grpc.KeyServiceServicer):
    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def GetKeySet(self, request: Any, context: grpc.ServicerContext) -> HttpBody:
        return HttpBody(content_type="application/jwk-set+json", data=self._signer.key_set())


class Process:
    """`python -m services.billing`, started and ended like any process."""

    def __init__(self, env: dict[str, str], address: str, pki: Pki) -> None:
        self._env, self.address, self._pki = env, address, pki
        self._child: subprocess.Popen[bytes] | None = None

    def task(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "services.billing", *arguments]
        return subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=60, check=False)

    def start(self) -> None:
        self._child = subprocess.Popen([sys.executable, "-m", "services.billing", "serve"], env=self._env)
        stub: Any = health_pb2_grpc.HealthStub(self.channel())
        end = time.monotonic() + 20
        while True:
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=1, wait_for_ready=True)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            except grpc.RpcError:
                pass
            assert self._child.poll() is None, "billing ended"
            assert time.monotonic() < end, "billing did not become ready"

    def kill(self) -> None:
        assert self._child
        self._child.kill()
        self._child.wait(10)

    def end(self) -> int:
        assert self._child
        if self._child.poll() is None:
            self._child.terminate()
        return self._child.wait(20)

    def channel(self, peer: str = "gateway") -> grpc.Channel:
        files = self._pki.of(peer)
        credentials = grpc.ssl_channel_credentials(
            files.ca.read_bytes(), files.key.read_bytes(), files.cert.read_bytes()
        )
        return grpc.secure_channel(self.address, credentials)


class Door:
    """Takes webhooks over HTTP and passes their bytes on, as the gateway does; may be closed."""

    def __init__(self, process: Process) -> None:
        door, self.open = self, True
        stub = WebhookServiceStub(process.channel())

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(door.pass_on(stub, body, self.headers["Stripe-Signature"]) if door.open else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/webhooks/stripe"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @staticmethod
    def pass_on(stub: WebhookServiceStub, body: bytes, signature: str) -> int:
        try:
            stub.ReceiveStripeWebhook(HttpBody(data=body), metadata=(("stripe-signature", signature),), timeout=5)
        except grpc.RpcError:
            return 500
        return 200

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def neighbour(add: Any, servicer: object, name: str, pki: Pki) -> Iterator[str]:
    files = pki.of(name)
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    add(servicer, server)
    pair = [(files.key.read_bytes(), files.cert.read_bytes())]
    credentials = grpc.ssl_server_credentials(pair, files.ca.read_bytes(), require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


class Mesh:
    def __init__(self, process: Process, door: Door, stripe: Standin, courses: Courses, signer: Signer) -> None:
        self.process, self.door, self.stripe, self.courses, self.signer = process, door, stripe, courses, signer

    def bearer(self, user_id: str) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.signer.token(user_id)}"),)


@contextmanager
def mesh(postgres: Postgres, nats: Nats, pki: Pki, folder: Any) -> Iterator[Mesh]:
    signer, courses, address = Signer(), Courses(), f"127.0.0.1:{ports.choose()}"
    add_catalog, add_keys = (
        catalog_grpc.add_CatalogInternalServiceServicer_to_server,
        key_grpc.add_KeyServiceServicer_to_server,
    )
    with (
        neighbour(add_catalog, courses, "catalog", pki) as catalog,
        neighbour(add_keys, Keys(signer), "identity", pki) as identity,
    ):
        env = dict(os.environ) | postgres.service_urls("billing") | pki.of("billing").env()
        env |= {"CAMPUS_LISTEN": address, "CAMPUS_NATS_URL": nats.url("billing"), "CAMPUS_DRAIN_SECONDS": "0.1"}
        env |= {"CAMPUS_PEERS": f"identity={identity},catalog={catalog}", "CAMPUS_RECONCILE_SECONDS": "0.2"}
        process = Process(env, address, pki)
        door = Door(process)
        backoff = ("--webhook-backoff", "0.2")
        stripe = Standin(folder, "--webhook-url", door.url, "--webhook-secret", SECRET, *backoff).start()
        env |= {
            "CAMPUS_STRIPE_API_URL": stripe.url,
            "CAMPUS_STRIPE_API_KEY": KEY,
            "CAMPUS_STRIPE_WEBHOOK_SECRET": SECRET,
        }
        try:
            yield Mesh(process, door, stripe, courses, signer)
        finally:
            process.end()
            stripe.stop()
            door.close()

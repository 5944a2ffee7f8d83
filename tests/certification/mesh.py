"""The certification process itself with what it needs around it: neighbours, object storage, NATS, PostgreSQL."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from campus.billing.v1 import billing_internal_service_pb2 as billing_pb
from campus.billing.v1 import billing_internal_service_pb2_grpc as billing_grpc
from campus.billing.v1.payment_service_pb2 import Entitlement
from campus.catalog.v1 import catalog_internal_service_pb2 as catalog_pb
from campus.catalog.v1 import catalog_internal_service_pb2_grpc as catalog_grpc
from campus.identity.v1 import identity_internal_service_pb2 as identity_pb
from campus.identity.v1 import identity_internal_service_pb2_grpc as identity_grpc
from campus.identity.v1 import key_service_pb2_grpc as key_grpc
from campus.identity.v1.profile_service_pb2 import User
from campus.learning.v1 import learning_internal_service_pb2 as learning_pb
from campus.learning.v1 import learning_internal_service_pb2_grpc as learning_grpc
from google.api.httpbody_pb2 import HttpBody
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.local import ports
from deploy.local.nats import Nats
from deploy.local.pki import Pki
from deploy.local.postgres import Postgres
from services.certification.wire import timestamp
from tests.certification.conftest import FakeNeighbours
from tests.deploy.standins.storage.server import BUCKET, Server
from tests.harness.serving import Signer


class Learning(learning_grpc.LearningInternalServiceServicer):
    def __init__(self, facts: FakeNeighbours) -> None:
        self._facts = facts

    def CheckCompletion(
        self, request: learning_pb.CheckCompletionRequest, context: grpc.ServicerContext
    ) -> learning_pb.CheckCompletionResponse:
        found = self._facts.completion(request.user_id, request.course_id)
        answer = learning_pb.CheckCompletionResponse(
            completed=found.completed_at is not None,
            enrollment_id=found.enrollment_id,
            course_version=found.course_version,
            progress_basis_points=found.progress_basis_points,
            missing_lesson_ids=["lesson"] * found.missing_lesson_count,
        )
        if found.completed_at:
            answer.completed_at.CopyFrom(timestamp(found.completed_at))
        return answer

    def CheckEnrollment(
        self, request: learning_pb.CheckEnrollmentRequest, context: grpc.ServicerContext
    ) -> learning_pb.CheckEnrollmentResponse:
        raise AssertionError("certification asks about completion alone")


class Billing(billing_grpc.BillingInternalServiceServicer):
    def __init__(self, facts: FakeNeighbours) -> None:
        self._facts = facts

    def CheckEntitlement(
        self, request: billing_pb.CheckEntitlementRequest, context: grpc.ServicerContext
    ) -> billing_pb.CheckEntitlementResponse:
        entitled = self._facts.is_entitled(request.user_id, request.course_id)
        return billing_pb.CheckEntitlementResponse(entitled=entitled)

    def GrantFreeEntitlement(
        self, request: billing_pb.GrantFreeEntitlementRequest, context: grpc.ServicerContext
    ) -> Entitlement:
        raise AssertionError("certification grants nothing")


class Identity(identity_grpc.IdentityInternalServiceServicer, key_grpc.KeyServiceServicer):
    def __init__(self, facts: FakeNeighbours, signer: Signer) -> None:
        self._facts, self._signer = facts, signer

    def ConfirmErasure(
        self, request: identity_pb.ConfirmErasureRequest, context: grpc.ServicerContext
    ) -> identity_pb.ConfirmErasureResponse:
        raise AssertionError("certification erases nothing")

    def BatchGetUsers(
        self, request: identity_pb.BatchGetUsersRequest, context: grpc.ServicerContext
    ) -> identity_pb.BatchGetUsersResponse:
        known = [user_id for user_id in request.user_ids if user_id in self._facts.names]
        return identity_pb.BatchGetUsersResponse(
            users=[User(user_id=id_, name=self._facts.names[id_]) for id_ in known]
        )

    def GetKeySet(self, request: Any, context: grpc.ServicerContext) -> HttpBody:
        return HttpBody(content_type="application/jwk-set+json", data=self._signer.key_set())


class Catalog(catalog_grpc.CatalogInternalServiceServicer):
    def __init__(self, facts: FakeNeighbours) -> None:
        self._facts = facts

    def BatchGetCourses(
        self, request: catalog_pb.BatchGetCoursesRequest, context: grpc.ServicerContext
    ) -> catalog_pb.BatchGetCoursesResponse:
        titles = self._facts.titles
        found = [
            catalog_pb.CourseFacts(course_id=id_, title=titles[id_]) for id_ in request.course_ids if id_ in titles
        ]
        return catalog_pb.BatchGetCoursesResponse(courses=found)

    def GetCourseOutline(
        self, request: catalog_pb.GetCourseOutlineRequest, context: grpc.ServicerContext
    ) -> catalog_pb.CourseOutline:
        raise AssertionError("certification doesn't ask for outlines")


class Process:
    """`python -m services.certification`, started and ended like any process."""

    def __init__(self, env: dict[str, str], address: str, pki: Pki) -> None:
        self._env, self._address, self._pki = env, address, pki
        self._child: subprocess.Popen[bytes] | None = None

    def task(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "services.certification", *arguments]
        return subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=60, check=False)

    def start(self) -> None:
        self._child = subprocess.Popen([sys.executable, "-m", "services.certification", "serve"], env=self._env)
        stub: Any = health_pb2_grpc.HealthStub(self.channel())
        end = time.monotonic() + 20
        while True:
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=1, wait_for_ready=True)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            except grpc.RpcError:
                pass
            assert self._child.poll() is None, "certification ended"
            assert time.monotonic() < end, "certification did not become ready"

    def kill(self) -> None:
        assert self._child
        self._child.kill()
        self._child.wait(10)

    def end(self) -> int:
        assert self._child
        if self._child.poll() is None:
            self._child.terminate()
        return self._child.wait(20)

    def channel(self) -> grpc.Channel:
        files = self._pki.of("gateway")
        credentials = grpc.ssl_channel_credentials(
            files.ca.read_bytes(), files.key.read_bytes(), files.cert.read_bytes()
        )
        return grpc.secure_channel(self._address, credentials)


@contextmanager
def neighbour(name: str, pki: Pki, servicer: object, *adds: Any) -> Iterator[str]:
    files = pki.of(name)
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    for add in adds:
        add(servicer, server)
    pair = [(files.key.read_bytes(), files.cert.read_bytes())]
    credentials = grpc.ssl_server_credentials(pair, files.ca.read_bytes(), require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    yield f"{name}=127.0.0.1:{port}"
    server.stop(None).wait()


@dataclass(frozen=True)
class Mesh:
    process: Process
    facts: FakeNeighbours
    signer: Signer

    def bearer(self, user_id: str) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.signer.token(user_id)}"),)


@contextmanager
def mesh(postgres: Postgres, nats: Nats, pki: Pki, storage: Server) -> Iterator[Mesh]:
    signer, facts, address = Signer(), FakeNeighbours(), f"127.0.0.1:{ports.choose()}"
    identity_adds = (
        identity_grpc.add_IdentityInternalServiceServicer_to_server,
        key_grpc.add_KeyServiceServicer_to_server,
    )
    served = (
        ("learning", Learning(facts), learning_grpc.add_LearningInternalServiceServicer_to_server),
        ("billing", Billing(facts), billing_grpc.add_BillingInternalServiceServicer_to_server),
        ("identity", Identity(facts, signer), *identity_adds),
        ("catalog", Catalog(facts), catalog_grpc.add_CatalogInternalServiceServicer_to_server),
    )
    with ExitStack() as stack:
        peers = [stack.enter_context(neighbour(name, pki, servicer, *adds)) for name, servicer, *adds in served]
        env = dict(os.environ) | postgres.service_urls("certification") | pki.of("certification").env()
        env |= {"CAMPUS_LISTEN": address, "CAMPUS_NATS_URL": nats.url("certification"), "CAMPUS_DRAIN_SECONDS": "0.1"}
        env |= {"CAMPUS_PEERS": ",".join(peers), "CAMPUS_PRINT_POLL_SECONDS": "0.2"}
        env |= {"CAMPUS_STORAGE_BUCKET": BUCKET, "API_ENDPOINT_OVERRIDE": storage.url}
        env |= {"GOOGLE_APPLICATION_CREDENTIALS": str(storage.account_path)}
        process = Process(env, address, pki)
        stack.callback(process.end)
        yield Mesh(process, facts, signer)

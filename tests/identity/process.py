"""The identity process itself, with a neighbour that takes its mails."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from campus.messaging.v1 import messaging_internal_service_pb2_grpc as messaging_grpc
from campus.messaging.v1.notification_service_pb2 import Notification, SendNotificationRequest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.local import ports
from deploy.local.nats import Nats
from deploy.local.pki import Pki
from deploy.local.postgres import Postgres
from services.chassis.access import peer_service


class Mails(messaging_grpc.MessagingInternalServiceServicer):
    """Keeps each notification once, as messaging does, and tells who sent it."""

    def __init__(self) -> None:
        self.sent: dict[str, SendNotificationRequest] = {}
        self.senders: set[str] = set()

    def SendNotification(self, request: SendNotificationRequest, context: grpc.ServicerContext) -> Notification:
        self.senders.add(peer_service(context))
        self.sent.setdefault(request.request_id, request)
        return Notification(user_id=request.user_id)


class Process:
    """`python -m services.identity`, started and ended like any process."""

    def __init__(self, env: dict[str, str], address: str, pki: Pki) -> None:
        self._env, self._pki, self._address = env, pki, address
        self._child: subprocess.Popen[bytes] | None = None

    def task(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "services.identity", *arguments]
        return subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=60, check=False)

    def start(self) -> None:
        self._child = subprocess.Popen([sys.executable, "-m", "services.identity", "serve"], env=self._env)
        stub: Any = health_pb2_grpc.HealthStub(self.channel())
        end = time.monotonic() + 30
        while True:
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=1, wait_for_ready=True)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            except grpc.RpcError:
                pass
            assert self._child.poll() is None, "identity ended"
            assert time.monotonic() < end, "identity did not become ready"

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
        return grpc.secure_channel(self._address, credentials)


@contextmanager
def running(postgres: Postgres, nats: Nats, pki: Pki) -> Iterator[tuple[Process, Mails]]:
    mails, server = Mails(), grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    messaging_grpc.add_MessagingInternalServiceServicer_to_server(mails, server)
    files = pki.of("messaging")
    credentials = grpc.ssl_server_credentials(
        [(files.key.read_bytes(), files.cert.read_bytes())], files.ca.read_bytes(), require_client_auth=True
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    address = f"127.0.0.1:{ports.choose()}"
    urls = postgres.service_urls("identity")
    env = {
        **os.environ,
        **urls,
        **pki.of("identity").env(),
        "CAMPUS_LISTEN": address,
        "CAMPUS_NATS_URL": nats.url("identity"),
        "CAMPUS_PEERS": f"messaging=127.0.0.1:{port}",
        "CAMPUS_SIGNING_KEY": str(pki.signing_key),
        "CAMPUS_SEALING_KEYS": str(pki.sealing_keys),
        "CAMPUS_DRAIN_SECONDS": "0",
    }
    process = Process(env, address, pki)
    try:
        process.start()
        yield process, mails
    finally:
        assert process.end() == 0
        server.stop(None).wait()

"""A service as small as one can be: gRPC health over mTLS, not serving at first, with as many crashes as it is told."""

import sys
import time
from concurrent import futures
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


def main(address: str, folder: str, warm_up_seconds: str) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    files = Path(folder)
    pair = ((files / "billing.key").read_bytes(), (files / "billing.crt").read_bytes())
    authority = (files / "ca.crt").read_bytes()
    server.add_secure_port(address, grpc.ssl_server_credentials([pair], authority, require_client_auth=True))
    server.start()
    time.sleep(float(warm_up_seconds))
    print("serving now", flush=True)
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])

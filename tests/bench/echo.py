"""A bare gRPC echo: the same kind of server, threads and mTLS as a service, without chain, database or wire."""

import argparse
import gc
import sys
from pathlib import Path

import grpc

from services.chassis.server import Threads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("cert", "key", "ca"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--answer-bytes", type=int, default=-1, help="size of the answer; -1: what was asked")
    wanted = parser.parse_args()
    answer = b"\x0a" * wanted.answer_bytes if wanted.answer_bytes >= 0 else None

    def echo(request: bytes, _: grpc.ServicerContext) -> bytes:
        return request if answer is None else answer

    handler = grpc.method_handlers_generic_handler(
        "campus.bench.Echo", {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
    )
    server = grpc.server(Threads(wanted.threads), options=[("grpc.so_reuseport", 0)])  # type: ignore[arg-type]
    server.add_generic_rpc_handlers((handler,))
    credentials = grpc.ssl_server_credentials(
        [(wanted.key.read_bytes(), wanted.cert.read_bytes())], wanted.ca.read_bytes(), require_client_auth=True
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    gc.collect()
    gc.freeze()  # as the services do
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.read()  # until whoever started us is gone
    server.stop(None)


main()

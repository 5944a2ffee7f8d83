"""`python -m deploy.local.standins.storage`: serve until told to stop."""

import argparse
import json
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from deploy.local.standins.storage.accounts import ensure_account
from deploy.local.standins.storage.app import build
from deploy.local.standins.storage.store import Store
from deploy.local.standins.storage.tokens import Tokens

_HELP = """A local Google Cloud Storage for the real client library. Point it here with
  API_ENDPOINT_OVERRIDE=http://127.0.0.1:PORT
  GOOGLE_APPLICATION_CREDENTIALS=SERVICE_ACCOUNT
(not STORAGE_EMULATOR_HOST: that turns credentials, and with them URL signing, off).
Bearer tokens, V4 signatures, expiry, preconditions and hashes are checked as the real service checks them.
Prints one JSON line when it serves; stops on SIGTERM or Ctrl-C; objects survive restarts."""


class _Server(uvicorn.Server):
    """Says it is ready once it really accepts requests."""

    def __init__(self, config: uvicorn.Config, ready: dict[str, object]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(json.dumps(self._ready), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local.standins.storage",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1; 0 picks a free one")
    parser.add_argument("--state-dir", type=Path, required=True, help="where objects and keys are kept")
    parser.add_argument("--bucket", help="bucket to create at start if it is missing")
    parser.add_argument(
        "--service-account", type=Path, help="file of the service account, made if missing (default: in STATE_DIR)"
    )
    arguments = parser.parse_args()
    # The server drains first and then raises the signal again: a wanted stop ends with 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    _serve(arguments.port, arguments.state_dir, arguments.bucket, arguments.service_account)


def _serve(port: int, state_dir: Path, bucket: str | None, account_path: Path | None) -> None:
    store = Store(state_dir)
    try:
        listener = _listen(port)
        port = listener.getsockname()[1]
        path = (account_path or state_dir / "service-account.json").absolute()
        account = ensure_account(path, f"http://127.0.0.1:{port}")
        if bucket and bucket not in {known.name for known in store.buckets()}:
            store.create_bucket({"name": bucket})
        app = build(store, Tokens.open(account, state_dir), account)
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2)
        _Server(config, {"ready": True, "port": port, "service_account": str(path)}).run(sockets=[listener])
    finally:
        store.close()


def _listen(port: int) -> socket.socket:
    # Named TCP, or asyncio would not recognise it and leave Nagle's delay of 40 ms on every answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as fault:
        raise SystemExit(f"cannot listen on 127.0.0.1:{port}: {fault.strerror}") from None
    return listener


if __name__ == "__main__":
    main()

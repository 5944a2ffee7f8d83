"""Run the OpenID Connect provider on a loopback port until it is told to stop."""

import argparse
import json
import logging
import signal
import socket
from pathlib import Path

import uvicorn

from deploy.local.standins.oidc.app import Settings, build
from deploy.local.standins.oidc.clients import BadClient, kept_secret
from deploy.local.standins.oidc.faults import CALL_KINDS, KINDS
from deploy.local.standins.oidc.store import Store
from deploy.local.standins.stripe.connections import Connections

_EPILOG = f"""\
for clients
  GET  /.well-known/openid-configuration   GET /oauth2/v3/certs   GET /v1/userinfo
  GET  /o/oauth2/v2/auth                   the page where an account is chosen or typed
  POST /signin                             its form: request, with sub | email, name, hd, email_verified |
                                           decision=cancel
  POST /token                              authorization_code (PKCE S256 always), refresh_token
  POST /revoke

control API (JSON in, JSON out)
  POST   /_control/authorize          {{"query": query or URL of an authorization request, "identity": {{...}} | null}}
                                      -> {{"location": where the browser would go}}; null cancels;
                                      400 {{"error": ...}} where a person would see an error page
  GET    /_control/identities         POST adds one, also with an address that is taken
  PATCH  /_control/identities/{{sub}}   DELETE removes; its subject is not given again
  POST   /_control/identities/{{sub}}/disconnect   {{"client_id": ...}}: the person takes the consent back
  POST   /_control/clients            {{"client_id": ..., "redirect_uris": [...]}} -> its secret
  GET    /_control/keys               which are published, which one signs
  POST   /_control/keys/announce      publish the next key, which does not sign yet; the oldest goes
  POST   /_control/keys/rotate        sign with the announced key; without one, with a new key at once (the oldest goes)
  POST   /_control/clock              {{"offset_seconds": 61}}: ahead of the true time by so much; 0 is on time
  POST   /_control/faults             add a rule; GET lists, DELETE removes all

an identity: {{"sub"?, "email"?, "email_verified"?: true | false | null (claim absent), "name"?, "picture"?, "hd"?}}
  /_control/authorize finds it by sub, else by email, changes what else is said, and makes it if there is none

a fault rule: {{"kind": ..., "times": 1 | null, "path": "/token", "seconds": 5, "claim": "...", "value": ...}}
  path is a pattern and counts for {", ".join(CALL_KINDS)}
"""


def _parser() -> argparse.ArgumentParser:
    kinds = "\n".join(f"  {name:<24} {meaning}" for name, meaning in KINDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local.standins.oidc",
        description=__doc__,
        epilog=f"{_EPILOG}{kinds}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--state-dir", type=Path, required=True, help="where the state is kept")
    parser.add_argument(
        "--redirect-uri", action="append", required=True, help="exactly where answers may go; may be repeated"
    )
    parser.add_argument("--client-id", default="campus-local", help="the registered client (default campus-local)")
    parser.add_argument("--client-secret", help="its secret (default: made once, kept in STATE_DIR/client.json)")
    parser.add_argument("--issuer", help="how clients and browsers reach this (default http://127.0.0.1:PORT)")
    return parser


def main() -> None:
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    listener = _listen(arguments.port)
    port = int(listener.getsockname()[1])
    secret_file = arguments.state_dir / "client.json"
    settings = Settings(
        state_dir=arguments.state_dir,
        issuer=(arguments.issuer or f"http://127.0.0.1:{port}").rstrip("/"),
        client_id=arguments.client_id,
        client_secret=arguments.client_secret or kept_secret(secret_file, arguments.client_id),
        redirect_uris=tuple(arguments.redirect_uri),
    )
    told = {"port": port, "issuer": settings.issuer, "client_id": settings.client_id}
    if not arguments.client_secret:
        told["client_secret_file"] = str(secret_file)
    store = Store(settings.state_dir / "oidc.sqlite")
    try:
        _serve(settings, store, listener, {"ready": True, **told})
    except BadClient as problem:
        raise SystemExit(str(problem)) from None
    finally:
        store.close()


def _serve(settings: Settings, store: Store, listener: socket.socket, ready: dict[str, object]) -> None:
    connections = Connections()
    config = uvicorn.Config(
        build(settings, connections, store),
        http=connections.protocol(),
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    # The server shuts down on these and then raises them again: being told to stop is not a failure.
    for wish in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wish, lambda *_: None)
    _Server(config, ready).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says it is ready once it really accepts requests."""

    def __init__(self, config: uvicorn.Config, ready: dict[str, object]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(json.dumps(self._ready), flush=True)


def _listen(port: int) -> socket.socket:
    # With the protocol spelled out, asyncio sends each answer at once; otherwise Nagle's algorithm costs 40 ms a call.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as fault:
        raise SystemExit(f"cannot listen on 127.0.0.1:{port}: {fault.strerror}") from None
    return listener


if __name__ == "__main__":
    main()

"""Run the Stripe stand-in on a loopback port until it is told to stop."""

import argparse
import json
import logging
import signal
import socket
from pathlib import Path

import uvicorn

from deploy.local.standins.stripe.app import Settings, build
from deploy.local.standins.stripe.connections import Connections
from deploy.local.standins.stripe.faults import CALL_KINDS, WEBHOOK_KINDS
from deploy.local.standins.stripe.webhooks import Schedule

_EPILOG = """\
hosted page
  GET  /c/pay/{session}            the page behind session.url
  POST /c/pay/{session}            its form: card_number, email, name, card_expiry, card_cvc (url-encoded)
                                   303 to success_url | 303 to /3ds/... | 402 with the page and the decline
  POST /3ds/{client_secret}        the bank's page: decision=approve|fail

control API (JSON in, JSON out)
  POST   /_control/sessions/{id}/pay           {"card": "4242...", "email"?, "name"?, "authenticate"?: "approve"|"fail"}
  POST   /_control/sessions/{id}/authenticate  {"decision": "approve"|"fail"}
  GET    /_control/clock                       POST: {"advance_seconds": 86400}
  GET    /_control/deliveries?state=pending    webhook deliveries and their last outcome
  POST   /_control/events/{id}/resend          owe an event to every endpoint once more
  POST   /_control/faults                      add a rule; GET lists, DELETE removes all

a fault rule: {"kind": ..., "times": 1 | null, "rate": 0..1, "method": "POST", "path": "/v1/refunds*",
               "event_type": "charge.*", "seconds": 5, "copies": 1, "after_commit": false}
"""


def _parser() -> argparse.ArgumentParser:
    kinds = "\n".join(f"  {name:<22} {meaning}" for name, meaning in (CALL_KINDS | WEBHOOK_KINDS).items())
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local.standins.stripe",
        description=__doc__,
        epilog=f"{_EPILOG}{kinds}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--state-dir", type=Path, required=True, help="where the state is kept")
    parser.add_argument("--api-key", required=True, help="the one secret key that is accepted, sk_test_...")
    parser.add_argument("--webhook-url", help="an endpoint that hears every event")
    parser.add_argument("--webhook-secret", help="what its deliveries are signed with, whsec_...")
    parser.add_argument("--public-url", help="how browsers reach the hosted page (default http://127.0.0.1:PORT)")
    parser.add_argument("--webhook-backoff", default="0.5,1,2,5,10,30", help="seconds between tries; the last repeats")
    parser.add_argument("--webhook-give-up-after", type=float, default=259_200, help="seconds (default three days)")
    parser.add_argument("--webhook-timeout", type=float, default=10, help="seconds an endpoint has to answer")
    parser.add_argument("--fault-seed", type=int, default=0, help="makes faults with a rate repeatable")
    return parser


def main() -> None:
    parser = _parser()
    arguments = parser.parse_args()
    if bool(arguments.webhook_url) != bool(arguments.webhook_secret):
        parser.error("--webhook-url and --webhook-secret come together")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    # With the protocol spelled out, asyncio sends each answer at once; otherwise Nagle's algorithm costs 40 ms a call.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", arguments.port))
    listener.listen(128)
    port = int(listener.getsockname()[1])
    settings = Settings(
        state_dir=arguments.state_dir,
        api_key=arguments.api_key,
        public_url=(arguments.public_url or f"http://127.0.0.1:{port}").rstrip("/"),
        webhook_url=arguments.webhook_url,
        webhook_secret=arguments.webhook_secret,
        schedule=Schedule(
            tuple(float(pause) for pause in arguments.webhook_backoff.split(",")),
            arguments.webhook_give_up_after,
            arguments.webhook_timeout,
        ),
        fault_seed=arguments.fault_seed,
    )
    connections = Connections()
    app = build(settings, connections, lambda: print(json.dumps({"ready": True, "port": port}), flush=True))
    config = uvicorn.Config(
        app,
        http=connections.protocol(),
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    # The server shuts down on these and then raises them again: being told to stop is not a failure.
    for told in (signal.SIGTERM, signal.SIGINT):
        signal.signal(told, lambda *_: None)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()

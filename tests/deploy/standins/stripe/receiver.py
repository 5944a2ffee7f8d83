"""A merchant's webhook endpoint on a loopback port: verifies with the real library, answers as it is told."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import stripe


@dataclass(frozen=True)
class Arrival:
    """One delivery: its raw body and signature, when it came."""

    body: bytes
    signature: str
    at: float

    def event(self, secret: str) -> Any:
        """The event, if the signature is good; the library raises if it is not."""
        return stripe.Webhook.construct_event(self.body, self.signature, secret)


class Receiver:
    """Answers the next deliveries with the codes of `answers`, then 200."""

    def __init__(self, port: int = 0) -> None:
        self.arrivals: list[Arrival] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.arrivals.append(Arrival(body, self.headers["Stripe-Signature"], time.monotonic()))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._listening = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/stripe"

    def close(self) -> None:
        """Stop listening; a second time does nothing, and `url` still tells where it was."""
        if self._listening:
            self._listening = False
            self._server.shutdown()
            self._server.server_close()

    def wait(self, enough: Callable[[list[Arrival]], bool], seconds: float = 10) -> list[Arrival]:
        """The deliveries, as soon as they are what is waited for."""
        end = time.monotonic() + seconds
        while not enough(list(self.arrivals)):
            assert time.monotonic() < end, f"waited in vain; {len(self.arrivals)} deliveries came"
            time.sleep(0.01)
        return list(self.arrivals)

    def wait_for(self, count: int) -> list[Arrival]:
        return self.wait(lambda arrivals: len(arrivals) >= count)

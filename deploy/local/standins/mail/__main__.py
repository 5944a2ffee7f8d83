"""`python -m deploy.local.standins.mail`: take mail and show it until told to stop."""

import argparse
import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from deploy.local.standins.mail.smtp import SIZE_LIMIT, new_session
from deploy.local.standins.mail.store import Mailbox
from deploy.local.standins.mail.web import Web

_HELP = f"""A local mail server with an inbox page. Send to smtp://127.0.0.1:SMTP_PORT, look at http://127.0.0.1:PORT/.
It refuses what real servers refuse: commands out of order, bad addresses, lines over 998 characters, bare line
feeds, more than {SIZE_LIMIT // 2**20} MiB, a missing From. For tests of the sender:
  anyone@bounce.test   550 always
  anyone@busy.test     451 at the first attempt of each delivery, accepted at the second
  GET    /api/messages?to=ADDRESS&limit=N   newest first (to: the whole address)
  GET    /api/messages/ID                   headers, text, html, attachments
  DELETE /api/messages                      empties the inbox
Prints one JSON line when it serves; stops on SIGTERM or Ctrl-C; mails survive restarts."""


class _Server(uvicorn.Server):
    """Serves the pages and, on the same loop, SMTP; says it is ready once both accept."""

    def __init__(self, config: uvicorn.Config, mailbox: Mailbox, smtp_listener: socket.socket, ready: str) -> None:
        super().__init__(config)
        self._mailbox = mailbox
        self._smtp_listener = smtp_listener
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: new_session(self._mailbox), sock=self._smtp_listener)
        print(self._ready, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local.standins.mail",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--smtp-port", type=int, required=True, help="SMTP port on 127.0.0.1; 0 picks a free one")
    parser.add_argument("--port", type=int, required=True, help="inbox port on 127.0.0.1; 0 picks a free one")
    parser.add_argument("--state-dir", type=Path, required=True, help="where mails are kept")
    arguments = parser.parse_args()
    # The server drains first and then raises the signal again: a wanted stop ends with 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    _serve(_listen(arguments.smtp_port), _listen(arguments.port), Mailbox(arguments.state_dir))


def _serve(smtp_listener: socket.socket, listener: socket.socket, mailbox: Mailbox) -> None:
    ports = {"smtp_port": smtp_listener.getsockname()[1], "port": listener.getsockname()[1]}
    config = uvicorn.Config(
        Web(mailbox).build(), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    try:
        _Server(config, mailbox, smtp_listener, json.dumps({"ready": True, **ports})).run(sockets=[listener])
    finally:
        mailbox.close()


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

"""A relay in a process of its own, to be killed at whatever it is doing."""

import argparse
import json
import os
import signal
import sys
import threading

import psycopg

from services.chassis import telemetry
from services.chassis.bus import Bus
from services.chassis.db import Writer
from services.chassis.outbox import Outgoing, Relay
from tests.drill import witness

NAME = "relay"


class ByCursor:
    """The negative control: remembers how far it came, as many a relay does. What commits later than its number says is
    never seen."""

    def __init__(self, url: str, bus: Bus) -> None:
        self._url, self._bus = url, bus
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            query = "SELECT coalesce(max(seq), 0) FROM outbox WHERE published_at IS NOT NULL"
            cursor = connection.execute(query).fetchone()
            last = cursor[0] if cursor else 0
            query = "SELECT seq, id::text, subject, payload, headers, aggregate_id, aggregate_version FROM outbox"
            while not self._stopping.wait(0.01):
                for seq, *event in connection.execute(f"{query} WHERE seq > %s ORDER BY seq", [last]).fetchall():
                    self._publish(*event)
                    last = seq

    def _publish(
        self, event_id: str, subject: str, payload: bytes, headers: dict[str, str], aggregate: str, version: int
    ) -> None:
        known = {**headers, "Nats-Msg-Id": event_id, "aggregate-id": aggregate, "aggregate-version": str(version)}
        event = Outgoing(event_id, subject, payload, known, aggregate)
        while not self._bus.publish([[event]]) and not self._stopping.wait(0.05):
            pass


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.drill.relay_process", description=__doc__)
    parser.add_argument(
        "--by-cursor", action="store_true", help="follow the numbers of the outbox: the negative control"
    )
    chosen = parser.parse_args()
    telemetry.set_up_logs(NAME, "info")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    bus = Bus(os.environ["CAMPUS_NATS_URL"], witness.NAME)
    bus.start()
    writer = Writer(os.environ["CAMPUS_DATABASE_WRITER_URL"], 1)
    relay = ByCursor(writer.url, bus) if chosen.by_cursor else Relay(writer, bus.publish)
    relay.start()
    sys.stdout.write(json.dumps({"ready": True}) + "\n")
    sys.stdout.flush()
    stopping.wait()
    relay.stop()
    bus.stop()
    writer.close()


if __name__ == "__main__":
    main()

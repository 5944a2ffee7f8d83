"""A seventh consumer, built on the chassis like a service's: acts on every event of the mesh by writing one row.

Services protect most effects by unique keys besides, so whether the inbox does its part can't be seen in them. What
this process writes is protected by the inbox alone: with it one row for each event, without it one for each delivery.
"""

import argparse
import importlib
import json
import os
import signal
import sys
import threading

import sqlalchemy as sa
from google.protobuf.message import Message

from services.chassis import telemetry
from services.chassis.bus import Bus, Envelope, Subscription
from services.chassis.db import Database, Mark, Work, Writer, mark_in_inbox
from services.chassis.server import contract
from services.kernel.events import Handling

NAME = "witness"
METADATA = sa.MetaData()
seen = sa.Table(
    "seen",
    METADATA,
    sa.Column("place", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("event_id", sa.Uuid(as_uuid=False), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("aggregate_id", sa.Text, nullable=False),
    sa.Column("aggregate_version", sa.BigInteger, nullable=False),
)


def mark_nothing(work: Work, event: Handling) -> None:
    """What the negative control puts in the inbox's place."""


def event_types() -> list[type[Message]]:
    """Every event of the contract."""
    found: list[type[Message]] = []
    for file in contract().file:
        if file.name.endswith("/events.proto"):
            module = importlib.import_module(f"{file.name.removesuffix('.proto').replace('/', '.')}_pb2")
            found += [getattr(module, message.name) for message in file.message_type]
    return found


def subscriptions(writer: Writer) -> list[Subscription]:
    def on_event(_: Message, envelope: Envelope) -> None:
        row = {"event_id": envelope.event_id, "subject": envelope.subject, "aggregate_id": envelope.aggregate_id}
        with writer.begin() as work:
            work.execute(sa.insert(seen).values(**row, aggregate_version=envelope.aggregate_version))

    return [Subscription(event_type, on_event) for event_type in event_types()]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.drill.witness", description=__doc__)
    parser.add_argument("--without-inbox", action="store_true", help="mark no event as handled: the negative control")
    mark: Mark = mark_nothing if parser.parse_args().without_inbox else mark_in_inbox
    telemetry.set_up_logs(NAME, "info")
    database = Database(os.environ["CAMPUS_DATABASE_WRITER_URL"], os.environ["CAMPUS_DATABASE_READER_URL"], mark=mark)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    bus = Bus(os.environ["CAMPUS_NATS_URL"], NAME)
    bus.start()
    bus.subscribe(subscriptions(database.writer), database)
    sys.stdout.write(json.dumps({"ready": True}) + "\n")
    sys.stdout.flush()
    stopping.wait()
    bus.stop_consuming()
    bus.stop()
    database.close()


if __name__ == "__main__":
    main()

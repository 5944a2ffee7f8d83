"""What messaging is made of."""

from datetime import timedelta

from campus.identity.v1 import events_pb2, key_service_pb2
from campus.identity.v1.key_service_pb2_grpc import KeyServiceStub
from pydantic import Field

from services.chassis.bus import Bus
from services.chassis.clients import Neighbour
from services.chassis.db import Database
from services.chassis.run import App
from services.chassis.settings import ServiceSettings
from services.chassis.worker import Worker
from services.kernel.clock import system_clock
from services.messaging import api, commands, queries
from services.messaging.adapters.announcer import ToStreamsAndPost
from services.messaging.adapters.catalog import CatalogNeighbour
from services.messaging.adapters.identity import IdentityNeighbour
from services.messaging.adapters.live import LiveNotifications
from services.messaging.adapters.postgres import PostgresStore
from services.messaging.adapters.smtp import SmtpMailer
from services.messaging.consumers import Consumers

# Streams live as long as an access token at most, so older ends of sessions concern none.
REVOCATIONS_SINCE = timedelta(minutes=1)


class Settings(ServiceSettings):
    smtp_url: str = Field(description="smtp://host:port, smtp+starttls:// or smtps://user:password@host:port")
    mail_from: str = Field(default="Campus <no-reply@campus.localhost>", description="sender of mails")
    mail_poll_seconds: float = Field(default=1.0, gt=0, description="how often to look for mail that is due unasked")


def build(settings: Settings) -> App:
    database = Database(settings.database_writer_url, settings.database_reader_url)
    store, rows = PostgresStore(database.writer), database.reader
    files = {"cert": settings.tls_cert, "key": settings.tls_key, "ca": settings.tls_ca}
    neighbours = {name: Neighbour(name, settings.peer(name), **files) for name in ("identity", "catalog")}
    keys = KeyServiceStub(neighbours["identity"].channel)
    users, courses = IdentityNeighbour(neighbours["identity"]), CatalogNeighbour(neighbours["catalog"])
    bus = Bus(settings.nats_url, "messaging")
    live = LiveNotifications(bus, rows, system_clock)
    mailer = SmtpMailer(settings.smtp_url, settings.mail_from, system_clock)
    postman = Worker(
        "postman",
        lambda: commands.deliver_next(store, users, mailer, settings.public_url, system_clock),
        settings.mail_poll_seconds,
        threads=2,
    )
    announcer = ToStreamsAndPost(live.made, postman.wake)

    def hear_of_revocations() -> None:
        bus.replay_recent(events_pb2.SessionRevoked, system_clock() - REVOCATIONS_SINCE, live.on_session_revoked)

    def fetch_keys() -> bytes:
        found: bytes = neighbours["identity"].call(keys.GetKeySet, key_service_pb2.GetKeySetRequest()).data
        return found

    return App(
        name="messaging",
        settings=settings,
        database=database,
        bus=bus,
        servicers=[
            api.NotificationService(store, rows, users, announcer, live.of_call, system_clock),
            api.MessagingInternalService(store, users, announcer, system_clock),
        ],
        commands=commands,
        queries=queries,
        fetch_keys=fetch_keys,
        subscriptions=Consumers(store, courses, announcer, settings.public_url, system_clock).subscriptions,
        starting=[postman.start, live.start, hear_of_revocations],
        leaving=[live.close],
        closing=[postman.stop, *(neighbour.close for neighbour in neighbours.values())],
    )

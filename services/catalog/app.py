"""What catalog is made of."""

from datetime import timedelta

from campus.catalog.v1 import events_pb2
from campus.identity.v1.key_service_pb2 import GetKeySetRequest
from campus.identity.v1.key_service_pb2_grpc import KeyServiceStub
from google.api.httpbody_pb2 import HttpBody
from pydantic import Field

from services.catalog import api, commands, queries
from services.catalog.adapters.learning import LearningEnrollments
from services.catalog.adapters.pages import MemoryPages
from services.catalog.adapters.postgres import PostgresStore
from services.catalog.consumers import Consumers
from services.chassis.bus import Bus
from services.chassis.clients import Neighbour
from services.chassis.db import Database
from services.chassis.run import App
from services.chassis.settings import ServiceSettings
from services.kernel.clock import system_clock

CLOCKS_DIFFER = timedelta(minutes=1)  # between us and NATS, at most


class Settings(ServiceSettings):
    course_cache_seconds: int = Field(
        default=30, ge=0, le=3600, description="how long a published course may be answered from memory; 0: never"
    )


def build(settings: Settings) -> App:
    size = settings.database_pool
    database = Database(settings.database_writer_url, settings.database_reader_url, writers=size, readers=size)
    store, rows = PostgresStore(database.writer), database.reader
    bus = Bus(settings.nats_url, "catalog")
    pages = MemoryPages(settings.course_cache_seconds)
    consumers = Consumers(pages)
    certificate = {"cert": settings.tls_cert, "key": settings.tls_key, "ca": settings.tls_ca}
    identity = Neighbour("identity", settings.peer("identity"), **certificate)
    learning = Neighbour("learning", settings.peer("learning"), **certificate)

    def fetch_keys() -> bytes:
        answer: HttpBody = identity.call(KeyServiceStub(identity.channel).GetKeySet, GetKeySetRequest())
        return answer.data

    def follow_changes() -> None:
        """Every process hears of every change, its own and those that other processes of catalog made."""
        since = system_clock() - CLOCKS_DIFFER
        bus.replay_recent(events_pb2.CoursePublished, since, consumers.on_course_published)
        bus.replay_recent(events_pb2.CourseUpdated, since, consumers.on_course_updated)
        bus.replay_recent(events_pb2.CourseArchived, since, consumers.on_course_archived)

    return App(
        name="catalog",
        settings=settings,
        database=database,
        bus=bus,
        servicers=[
            api.CourseService(store, rows, pages, system_clock),
            api.LessonService(store, rows, LearningEnrollments(learning), system_clock),
            api.CatalogInternalService(rows),
        ],
        commands=commands,
        queries=queries,
        fetch_keys=fetch_keys,
        starting=[follow_changes],
        closing=[identity.close, learning.close],
    )

"""What learning is made of."""

from campus.identity.v1 import key_service_pb2
from campus.identity.v1.key_service_pb2_grpc import KeyServiceStub
from pydantic import Field

from services.chassis.bus import Bus
from services.chassis.clients import Neighbour
from services.chassis.db import Database
from services.chassis.run import App
from services.chassis.settings import ServiceSettings
from services.kernel.clock import system_clock
from services.learning import api, commands, queries
from services.learning.adapters.billing import BillingNeighbour
from services.learning.adapters.catalog import CatalogNeighbour
from services.learning.adapters.heartbeats import GroupedHeartbeats
from services.learning.adapters.places import RememberedPlaces
from services.learning.adapters.postgres import PostgresStore
from services.learning.consumers import Consumers


class Settings(ServiceSettings):
    # Heartbeats wait for the commit they share: the more may wait, the more share one.
    threads: int = Field(default=128, ge=2, le=256, description="threads that run RPCs")


def build(settings: Settings) -> App:
    database = Database(settings.database_writer_url, settings.database_reader_url)
    store, rows = PostgresStore(database.writer), database.reader
    files = {"cert": settings.tls_cert, "key": settings.tls_key, "ca": settings.tls_ca}
    neighbours = {name: Neighbour(name, settings.peer(name), **files) for name in ("identity", "catalog", "billing")}
    keys = KeyServiceStub(neighbours["identity"].channel)
    billing, catalog = BillingNeighbour(neighbours["billing"]), CatalogNeighbour(neighbours["catalog"])
    heartbeats = GroupedHeartbeats(database.writer, system_clock)

    def fetch_keys() -> bytes:
        found: bytes = neighbours["identity"].call(keys.GetKeySet, key_service_pb2.GetKeySetRequest()).data
        return found

    return App(
        name="learning",
        settings=settings,
        database=database,
        bus=Bus(settings.nats_url, "learning"),
        servicers=[
            api.EnrollmentService(store, rows, billing, catalog, system_clock),
            api.ProgressService(store, rows, RememberedPlaces(store), heartbeats, system_clock),
            api.LearningInternalService(rows),
        ],
        commands=commands,
        queries=queries,
        fetch_keys=fetch_keys,
        subscriptions=Consumers(store, billing, catalog, system_clock).subscriptions,
        closing=[heartbeats.close, *(neighbour.close for neighbour in neighbours.values())],
    )

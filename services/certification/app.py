"""What certification is made of."""

import sys

from campus.identity.v1.key_service_pb2 import GetKeySetRequest
from campus.identity.v1.key_service_pb2_grpc import KeyServiceStub
from pydantic import Field

from services.certification import api, commands, queries
from services.certification.adapters.neighbours import (
    AllNeighbours,
    BillingNeighbour,
    CatalogNeighbour,
    IdentityNeighbour,
    LearningNeighbour,
)
from services.certification.adapters.page import HEADERS, verification_page
from services.certification.adapters.postgres import PostgresStore
from services.certification.adapters.press import PdfPress
from services.certification.adapters.shelf import PrintingShelf
from services.certification.adapters.storage import StorageArchive, storage_client
from services.certification.consumers import Consumers
from services.chassis.bus import Bus
from services.chassis.clients import Neighbour
from services.chassis.db import Database
from services.chassis.run import App
from services.chassis.settings import ServiceSettings
from services.chassis.worker import Worker
from services.kernel.clock import system_clock


class Settings(ServiceSettings):
    storage_bucket: str = Field(description="bucket of the object storage that keeps the PDFs")
    print_poll_seconds: float = Field(default=1.0, gt=0, description="between looks for certificates to print")


def build(settings: Settings) -> App:
    database = Database(settings.database_writer_url, settings.database_reader_url)
    store, rows = PostgresStore(database.writer), database.reader
    files = {"cert": settings.tls_cert, "key": settings.tls_key, "ca": settings.tls_ca}
    names = ("learning", "billing", "identity", "catalog")
    asked = {name: Neighbour(name, settings.peer(name), **files) for name in names}
    neighbours = AllNeighbours(
        LearningNeighbour(asked["learning"]),
        BillingNeighbour(asked["billing"]),
        IdentityNeighbour(asked["identity"]),
        CatalogNeighbour(asked["catalog"]),
    )
    key_set = KeyServiceStub(asked["identity"].channel).GetKeySet
    # Where the storage is and who we are stands in the client library's own environment.
    archive = StorageArchive(storage_client(), settings.storage_bucket)
    press = PdfPress(settings.public_url)
    shelf = PrintingShelf(store, press, archive, system_clock)
    room = Worker(
        "print-room", lambda: commands.print_due(store, press, archive, system_clock), settings.print_poll_seconds
    )

    def revoke(certificate_ids: list[str]) -> None:
        """Withdraws certificates that should never have been issued."""
        for certificate_id in certificate_ids:
            commands.revoke_certificate(commands.RevokeCertificate(certificate_id), store)
            sys.stdout.write(f"revoked {certificate_id}\n")

    return App(
        name="certification",
        settings=settings,
        database=database,
        bus=Bus(settings.nats_url, "certification"),
        servicers=[
            api.CertificateService(
                store, rows, neighbours, shelf, archive, room.wake, settings.public_url, system_clock
            ),
            api.VerificationService(rows, verification_page, HEADERS),
        ],
        commands=commands,
        queries=queries,
        fetch_keys=lambda: asked["identity"].call(key_set, GetKeySetRequest()).data,
        subscriptions=Consumers(store, neighbours, room.wake, system_clock).subscriptions,
        starting=[room.start],
        closing=[room.stop, *(neighbour.close for neighbour in asked.values())],
        tasks={"revoke": revoke},
    )

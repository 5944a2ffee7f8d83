"""What billing is made of."""

import sys

from campus.identity.v1.key_service_pb2 import GetKeySetRequest
from campus.identity.v1.key_service_pb2_grpc import KeyServiceStub
from pydantic import Field

from services.billing import api, commands, queries
from services.billing.adapters.catalog import CatalogNeighbour
from services.billing.adapters.postgres import PostgresStore
from services.billing.adapters.stripe import StripeGateway
from services.billing.adapters.stripe_webhooks import StripeWebhookReader
from services.billing.consumers import StripeConsumer, Workers
from services.billing.domain.terms import Terms
from services.chassis.bus import Bus
from services.chassis.clients import Neighbour
from services.chassis.db import Database
from services.chassis.run import App
from services.chassis.settings import ServiceSettings
from services.kernel.clock import system_clock


class Settings(ServiceSettings):
    stripe_api_key: str = Field(description="secret key of the Stripe account, sk_...", repr=False)
    stripe_api_url: str = Field(default="https://api.stripe.com", description="base of Stripe's API")
    stripe_webhook_secret: str = Field(description="what Stripe signs its webhooks with, whsec_...", repr=False)
    instructor_share_bps: int = Field(default=7_000, ge=0, le=10_000, description="of a price, in basis points")
    threads: int = Field(default=16, ge=2, le=256, description="threads that run RPCs; some wait for Stripe")
    webhook_workers: int = Field(default=3, ge=1, le=16, description="threads that act on stored webhooks")
    webhook_poll_seconds: float = Field(default=1.0, gt=0, description="between looks for stored webhooks")
    reconcile_seconds: float = Field(default=60.0, gt=0, description="between look-ups of open checkouts at Stripe")


def build(settings: Settings) -> App:
    database = Database(settings.database_writer_url, settings.database_reader_url)
    store, rows = PostgresStore(database.writer), database.reader
    files = {"cert": settings.tls_cert, "key": settings.tls_key, "ca": settings.tls_ca}
    identity, catalog = (Neighbour(name, settings.peer(name), **files) for name in ("identity", "catalog"))
    courses = CatalogNeighbour(catalog)
    gateway = StripeGateway(settings.stripe_api_key, settings.stripe_api_url)
    # Of its own, so that many who wait for a page don't keep those waiting who have paid.
    background = StripeGateway(settings.stripe_api_key, settings.stripe_api_url, at_once=settings.webhook_workers + 1)
    terms = Terms(settings.public_url, settings.instructor_share_bps)
    consumer = StripeConsumer(store, background, system_clock)
    workers = Workers(
        consumer,
        webhooks=settings.webhook_workers,
        poll_seconds=settings.webhook_poll_seconds,
        look_up_seconds=settings.reconcile_seconds,
    )
    key_set = KeyServiceStub(identity.channel).GetKeySet

    def check_ledger(_: list[str]) -> None:
        """Says whether the books are right; ends with 1 when they are not."""
        books = queries.check_ledger(rows)
        for balance in books.balances:
            sys.stdout.write(f"balance {balance.account_id} {balance.minor}\n")
        for broken in books.broken:
            sys.stdout.write(f"broken {broken.rule!r} at {broken.place}\n")
        if books.broken:
            raise SystemExit(1)
        sys.stdout.write("the books are right\n")

    return App(
        name="billing",
        settings=settings,
        database=database,
        bus=Bus(settings.nats_url, "billing"),
        servicers=[
            api.CheckoutService(store, courses, gateway, terms, system_clock),
            api.PaymentService(rows, system_clock),
            api.WebhookService(store, StripeWebhookReader(settings.stripe_webhook_secret), workers.wake, system_clock),
            api.BillingInternalService(store, rows, courses, system_clock),
        ],
        commands=commands,
        queries=queries,
        fetch_keys=lambda: identity.call(key_set, GetKeySetRequest()).data,
        starting=[workers.start],
        closing=[workers.stop, identity.close, catalog.close],
        tasks={"check-ledger": check_ledger},
    )

"""The composition of the stand-in: state, protocol, pages, control and the two workers behind them."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.local.standins.stripe.catalogue import ALL
from deploy.local.standins.stripe.clock import Clock
from deploy.local.standins.stripe.connections import Connections
from deploy.local.standins.stripe.control import Control
from deploy.local.standins.stripe.desk import Desk, Timers
from deploy.local.standins.stripe.expand import Expander
from deploy.local.standins.stripe.faults import Faults
from deploy.local.standins.stripe.hosted import Hosted
from deploy.local.standins.stripe.protocol import Protocol
from deploy.local.standins.stripe.resources.webhook_endpoints import configure
from deploy.local.standins.stripe.store import Store
from deploy.local.standins.stripe.webhooks import Deliverer, Schedule

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What the command line says."""

    state_dir: Path
    api_key: str
    public_url: str
    webhook_url: str | None = None
    webhook_secret: str | None = None
    schedule: Schedule = field(default_factory=Schedule)
    fault_seed: int = 0


def _end_with(worker: asyncio.Task[None]) -> None:
    """A stand-in that silently sends no webhooks any more would be worse than none."""
    if not worker.cancelled() and worker.exception() is not None:
        log.critical("the sender of webhooks failed", exc_info=worker.exception())
        signal.raise_signal(signal.SIGTERM)


def build(settings: Settings, connections: Connections, ready: Callable[[], None]) -> Starlette:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    store = Store(settings.state_dir / "stripe.sqlite")
    clock = Clock(offset=float(store.setting("clock_offset") or 0))
    desk = Desk(store, clock, Faults(settings.fault_seed), settings.public_url)
    if settings.webhook_url and settings.webhook_secret:
        with store.transaction():
            configure(desk.call(), settings.webhook_url, settings.webhook_secret)
    protocol = Protocol(desk, Expander(ALL), connections, settings.api_key)
    hosted = Hosted(desk)
    timers = Timers(desk, {name: run for resource in ALL.values() for name, run in resource.timers.items()})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        deliverer = Deliverer(store, clock, desk.faults, settings.schedule)
        desk.on_work(timers.wake)
        desk.on_work(deliverer.wake)
        sending = asyncio.create_task(deliverer.run())
        sending.add_done_callback(_end_with)
        timers.wake()
        ready()
        try:
            yield
        finally:
            timers.stop()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            store.close()

    async def unknown(request: Request, _: Exception) -> Response:
        return await protocol.unrecognized(request)

    operations = [
        Route(operation.path, protocol.endpoint(operation), methods=[operation.method])
        for resource in ALL.values()
        for operation in resource.operations
    ]
    app = Starlette(
        routes=[*operations, *hosted.routes(), *Control(desk, hosted, timers).routes()],
        exception_handlers={HTTPException: unknown},
        lifespan=lifespan,
    )
    # Stripe knows no second spelling of a path.
    app.router.redirect_slashes = False
    return app

"""The connection to NATS: one per process, on an event loop of its own, used from threads."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from google.protobuf.message import Message
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import api
from nats.js.errors import BadRequestError, NoStreamResponseError

from services.chassis.consumer import Consumer, Envelope, Subscription, stream_of
from services.chassis.db import Database
from services.chassis.outbox import Outgoing
from services.chassis.pull import TROUBLE, Patience, Pull, follow
from services.chassis.telemetry import logger
from services.chassis.turn import Turn

__all__ = ["Bus", "Envelope", "Subscription"]

log = logger("campus.bus")
T = TypeVar("T")

# Longer than a backup is kept, so that a service restored from one finds what it missed.
KEPT_SECONDS = 35 * 86_400
DUPLICATES_SECONDS = 120
PUBLISH_SECONDS = 5.0


class Bus:
    """Events of this service out, events of others in, and light notes between processes that nobody stores."""

    def __init__(self, url: str, service: str, patience: Patience | None = None) -> None:
        self._url, self._service, self._patience = url, service, patience or Patience()
        self._own_stream = f"CAMPUS_{service.upper()}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bus", daemon=True)
        self._threads = ThreadPoolExecutor(8, "events")
        self._client = Client()
        self._js = self._client.jetstream()
        self._connected: asyncio.Event | None = None
        self._pulls: list[Pull] = []
        self._turn: Turn | None = None
        self._background: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Returns at once; the connection is made, and after a loss made again, in the background."""
        self._thread.start()
        self._spawn(self._connect())

    def check(self) -> bool:
        return self._client.is_connected

    def publish(self, chains: Sequence[Sequence[Outgoing]]) -> set[str]:
        """Publishes each chain in order up to its first failure; the ids that NATS has stored."""
        if not self._client.is_connected:
            return set()
        return self._do(self._publish(chains)).result()

    def subscribe(self, subscriptions: Sequence[Subscription], database: Database) -> None:
        """Handles these events from now on, in whichever process of this service has the turn."""
        consumer = Consumer(self._service, database.writer, subscriptions)
        self._turn = turn = Turn(database.writer, "campus events")

        async def begin() -> None:
            for stream in sorted({s.stream for s in subscriptions}):
                self._pulls.append(Pull(self._js, stream, consumer, turn, self._threads, self._patience))

        self._spawn(self._when_connected(begin))

    def stop_consuming(self) -> None:
        """Finishes the events at hand and takes no more."""
        self._do(self._stop_consuming()).result()
        if self._turn:
            self._turn.give_up()

    def broadcast(self, subject: str, payload: bytes) -> None:
        """Tells the processes that listen now; `campus.<service>.live.<topic>`. Nothing is stored."""
        if self._client.is_connected:
            self._spawn(self._client.publish(subject, payload))

    def listen(self, subject: str, callback: Callable[[str, bytes], None]) -> None:
        """Calls `callback(subject, payload)` for every note that is broadcast from now on, in order."""
        self._spawn(self._listen(subject, callback))

    def replay_recent(
        self, message_type: type[Message], since: datetime, callback: Callable[[Any, Envelope], None]
    ) -> None:
        """Calls `callback` with every such event since a moment and with each new one, in this very process; after
        trouble with NATS an event may come again. For what every process has to know."""
        subject = message_type.DESCRIPTOR.full_name

        def tell(message: Msg) -> None:
            envelope = Envelope.of(message.subject, message.headers or {}, message.data)
            callback(message_type.FromString(message.data), envelope)

        async def take(message: Msg) -> None:
            await self._in_thread(tell, message)

        self._spawn(self._when_connected(lambda: follow(self._js, stream_of(subject), subject, since, take)))

    def dead_letters_task(
        self, database: Database, subscriptions: Sequence[Subscription]
    ) -> Callable[[list[str]], None]:
        """The sub-command `dead-letters [list | replay ID...]`."""
        return Consumer(self._service, database.writer, subscriptions).dead_letters_task

    def stop(self) -> None:
        self._do(self._close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._threads.shutdown()

    async def _connect(self) -> None:
        while not self._client.is_connected:
            try:
                await self._client.connect(
                    self._url,
                    name=f"campus-{self._service}",
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.5,  # type: ignore[arg-type]
                    ping_interval=10,
                    error_cb=_report,
                    reconnected_cb=self._ensure_stream,
                )
            except TROUBLE as error:
                log.warning("no connection to NATS", exc_info=error)
                await asyncio.sleep(1)
        await self._ensure_stream()
        self._ready().set()

    def _ready(self) -> asyncio.Event:
        self._connected = self._connected or asyncio.Event()
        return self._connected

    async def _when_connected(self, then: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        await self._ready().wait()
        await then()

    async def _ensure_stream(self) -> None:
        """After a loss of power the server may have forgotten the stream."""
        config = api.StreamConfig(
            name=self._own_stream,
            subjects=[f"campus.{self._service}.v1.>"],
            retention=api.RetentionPolicy.LIMITS,
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy.NEW,
            max_age=KEPT_SECONDS,
            duplicate_window=DUPLICATES_SECONDS,
        )
        try:
            try:
                await self._js.add_stream(config)
            except BadRequestError:
                await self._js.update_stream(config)
        except TROUBLE as error:
            log.warning("the stream can't be ensured", exc_info=error)

    async def _publish(self, chains: Sequence[Sequence[Outgoing]]) -> set[str]:
        stored = await asyncio.gather(*map(self._publish_chain, chains))
        return {event_id for chain in stored for event_id in chain}

    async def _publish_chain(self, chain: Sequence[Outgoing]) -> list[str]:
        stored: list[str] = []
        for event in chain:
            headers = dict(event.headers)
            try:
                await self._js.publish(
                    event.subject, event.payload, timeout=PUBLISH_SECONDS, stream=self._own_stream, headers=headers
                )
            except TROUBLE as error:
                # It may be stored all the same. It is published again, and NATS or the inboxes recognise it.
                log.warning("not surely published", extra={"fields": {"event_id": event.id}}, exc_info=error)
                if isinstance(error, NoStreamResponseError):
                    await self._ensure_stream()
                break
            stored.append(event.id)
        return stored

    async def _stop_consuming(self) -> None:
        await asyncio.gather(*(pull.stop() for pull in self._pulls))
        self._pulls.clear()

    async def _listen(self, subject: str, callback: Callable[[str, bytes], None]) -> None:
        async def take(message: Msg) -> None:
            await self._in_thread(callback, message.subject, message.data)

        await self._ready().wait()
        await self._client.subscribe(subject, cb=take)

    async def _close(self) -> None:
        await self._stop_consuming()
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        with suppress(*TROUBLE):
            if self._client.is_connected:
                await self._client.drain()
            else:
                await self._client.close()

    async def _in_thread(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            await self._loop.run_in_executor(self._threads, function, *arguments)
        except Exception as error:
            log.exception("a callback failed", exc_info=error)

    def _do(self, what: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        return asyncio.run_coroutine_threadsafe(what, self._loop)

    def _spawn(self, what: Coroutine[Any, Any, None]) -> None:
        self._loop.call_soon_threadsafe(self._keep, what)

    def _keep(self, what: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(what)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


async def _report(error: Exception) -> None:
    log.warning("trouble with NATS", exc_info=error)

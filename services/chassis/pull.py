"""Takes a stream's events to their handlers: each aggregate's in its order, those of several aggregates at once."""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from services.chassis.consumer import Consumer
from services.chassis.telemetry import logger
from services.chassis.turn import Turn
from services.kernel.errors import CampusError, Kind, Refused

log = logger("campus.events")

# While the server restarts, a fetch under way hears nothing until it times out: it has to be short.
FETCH_SECONDS = 2.0
# While one handler waits for its commit, others go on: one after the other they are slower than events come.
AT_ONCE = 4
TROUBLE = (nats.errors.Error, TimeoutError, OSError)
_PASSING = {Kind.UNAVAILABLE, Kind.CONFLICT, Kind.DEADLINE, Kind.EXHAUSTED}


@dataclass(frozen=True)
class Patience:
    """How often a failing event is tried before it counts as dead. What a neighbour or a race refuses for the moment
    says nothing about the event: it is tried for much longer. `ack_wait` is how long the server waits for a sign."""

    first_pause: float = 0.2
    longest_pause: float = 30.0
    attempts: int = 8
    for_refusals: float = 86_400.0
    ack_wait: float = 30.0

    def pause(self, failures: int) -> float:
        jitter = random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, guards nothing
        return min(self.longest_pause, self.first_pause * 2.0 ** min(failures - 1, 30)) * jitter

    def ends(self, error: BaseException, failures: int, seconds: float) -> bool:
        kind = error.refused_kind if isinstance(error, Refused) else getattr(error, "kind", None)
        if isinstance(error, CampusError) and kind in _PASSING:
            return seconds > self.for_refusals
        return failures >= self.attempts


async def batches(js: JetStreamContext, stream: str, consumer: str) -> AsyncGenerator[list[Msg], None]:
    """Messages as they come, an empty list now and then; raises when the consumer is no more."""
    subscription = await js.pull_subscribe_bind(consumer, stream)
    try:
        while True:
            messages: list[Msg] = []
            with suppress(TimeoutError):
                messages = await subscription.fetch(100, timeout=FETCH_SECONDS)
            yield messages
    finally:
        with suppress(*TROUBLE):
            await subscription.unsubscribe()


class Pull:
    """A durable consumer of one neighbour's stream, in whichever process of the service has the turn."""

    def __init__(
        self, js: JetStreamContext, stream: str, consumer: Consumer, turn: Turn, threads: Executor, patience: Patience
    ) -> None:
        self._js, self._stream, self._consumer, self._turn = js, stream, consumer, turn
        self._threads, self._patience = threads, patience
        self._subjects = sorted(s.subject for s in consumer.subscriptions.values() if s.stream == stream)
        # Events in hand are kept from being delivered again; those of an aggregate wait for each other in its lane.
        self._in_hand: dict[str, Msg] = {}
        self._lanes: dict[str, deque[Msg]] = {}
        self._at_work: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._stopping = False
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._keep())]

    async def stop(self) -> None:
        """Finishes the events at hand. What else was fetched is delivered to the next who has the turn."""
        self._stopping = True
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(self._slots.acquire() for _ in range(AT_ONCE))), 10)
        for task in (*self._tasks, *self._at_work):
            task.cancel()
        await asyncio.wait(self._tasks, timeout=10)

    async def _run(self) -> None:
        while not self._stopping:
            try:
                if await self._call(self._turn.held):
                    await self._place()
                    async with aclosing(batches(self._js, self._stream, self._consumer.name)) as feed:
                        await self._work_through(feed)
            except NotFoundError:
                log.debug("no stream or consumer: a neighbour that has never run, or a server that forgot")
            except Exception as error:
                log.warning("events can't be fetched", extra={"fields": {"stream": self._stream}}, exc_info=error)
            await asyncio.sleep(random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing

    async def _place(self) -> None:
        """Makes the consumer what it has to be, and starts where the last who had the turn came to: what that one
        fetched and did not acknowledge comes again first, so order holds. The inbox knows what had its effect."""
        known: api.ConsumerInfo | None = None
        with suppress(NotFoundError):
            known = await self._js.consumer_info(self._stream, self._consumer.name)
        await self._js.add_consumer(
            self._stream,
            api.ConsumerConfig(
                durable_name=self._consumer.name,
                filter_subjects=self._subjects,
                ack_wait=self._patience.ack_wait,
                max_deliver=-1,
                max_ack_pending=1000,
            ),
        )
        if known:
            config = known.config
            before = {*(config.filter_subjects or ()), config.filter_subject}
            last = (await self._js.stream_info(self._stream)).state.last_seq
            floor = known.ack_floor.stream_seq if known.ack_floor else 0
            # From the start when an event is new to us, or when the server lost what we had acknowledged.
            afresh = not before.issuperset(self._subjects) or floor > last
            await self._js.reset_consumer(self._stream, self._consumer.name, 1 if afresh else None)

    async def _work_through(self, feed: AsyncIterator[list[Msg]]) -> None:
        async for messages in feed:
            if self._stopping or not await self._call(self._turn.held):
                return
            self._in_hand.update((message.reply, message) for message in messages)
            for message in messages:
                await self._take(message)

    async def _take(self, message: Msg) -> None:
        aggregate = (message.headers or {}).get("aggregate-id", message.reply)
        if aggregate in self._lanes:
            self._lanes[aggregate].append(message)
            return
        await self._slots.acquire()
        self._lanes[aggregate] = deque([message])
        task = asyncio.create_task(self._work_off(aggregate))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _work_off(self, aggregate: str) -> None:
        """Takes an aggregate's events one after the other; while it waits to try one again, its slot is for others."""
        lane, failures, started = self._lanes[aggregate], 0, time.monotonic()
        while lane and not self._stopping:
            if await self._attempt(lane[0], failures + 1, time.monotonic() - started):
                lane.popleft()
                failures, started = 0, time.monotonic()
                continue
            failures += 1
            self._slots.release()
            await asyncio.sleep(self._patience.pause(failures))
            await self._slots.acquire()
        del self._lanes[aggregate]
        self._slots.release()

    async def _attempt(self, message: Msg, attempt: int, seconds: float) -> bool:
        """Whether the event is done with: it had its effect, or it died."""
        event = (message.subject, message.headers or {}, message.data)
        try:
            try:
                await self._call(self._consumer.handle, *event)
            except Exception as error:
                if not self._patience.ends(error, attempt, seconds):
                    fields = {"event": message.subject, "attempt": attempt}
                    log.warning("an event failed", extra={"fields": fields}, exc_info=error)
                    return False
                await self._call(self._consumer.bury, *event, error, attempt)
        except Exception as error:
            log.warning("a dead letter can't be stored", exc_info=error)
            return False
        self._in_hand.pop(message.reply, None)
        # An acknowledgement that gets lost means one more delivery, which the inbox recognises.
        with suppress(*TROUBLE):
            await message.ack()
        return True

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._patience.ack_wait / 3)
            for message in list(self._in_hand.values()):
                with suppress(*TROUBLE):
                    await message.in_progress()

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


async def follow(
    js: JetStreamContext, stream: str, subject: str, since: datetime, take: Callable[[Msg], Awaitable[None]]
) -> None:
    """Takes every message since a moment, and then the new ones, for ever; after trouble the last may come again."""
    config = api.ConsumerConfig(
        filter_subject=subject,
        deliver_policy=api.DeliverPolicy.BY_START_TIME,
        opt_start_time=since,
        ack_policy=api.AckPolicy.NONE,
        mem_storage=True,
        inactive_threshold=60,
    )
    while True:
        try:
            made = await js.add_consumer(stream, config)
            async with aclosing(batches(js, stream, made.name)) as feed:
                async for messages in feed:
                    for message in messages:
                        await take(message)
                        config = replace(config, opt_start_time=message.metadata.timestamp)
        except Exception as error:
            log.debug("a stream can't be followed", extra={"fields": {"stream": stream}}, exc_info=error)
        await asyncio.sleep(1)

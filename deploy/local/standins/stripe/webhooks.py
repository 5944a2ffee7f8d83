"""Deliveries: every owed event is posted to its endpoint, signed and in order, until the endpoint accepts it."""

import asyncio
import json
import logging
import math
from dataclasses import dataclass
from functools import partial

import httpx
from stripe import WebhookSignature

from deploy.local.standins.stripe.call import API_VERSION
from deploy.local.standins.stripe.clock import Clock
from deploy.local.standins.stripe.errors import Json
from deploy.local.standins.stripe.faults import Faults
from deploy.local.standins.stripe.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """How patient the sender is."""

    backoff_seconds: tuple[float, ...] = (0.5, 1, 2, 5, 10, 30)
    give_up_after_seconds: float = 3 * 86_400
    timeout_seconds: float = 10.0

    def pause(self, attempts: int) -> float:
        return self.backoff_seconds[min(attempts, len(self.backoff_seconds)) - 1]


@dataclass(frozen=True)
class Delivery:
    """One event owed to one endpoint."""

    id: int
    event: str
    endpoint: str
    attempts: int
    first: float


class Deliverer:
    """One sender per endpoint, so that events arrive in their order as long as nothing goes wrong."""

    def __init__(self, store: Store, clock: Clock, faults: Faults, schedule: Schedule) -> None:
        self._store = store
        self._clock = clock
        self._faults = faults
        self._schedule = schedule
        self._wake = asyncio.Event()
        self._senders: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        # A redirect counts as a refusal, and the proxies of the environment have no business with a loopback receiver.
        async with httpx.AsyncClient(timeout=self._schedule.timeout_seconds, trust_env=False) as client:
            try:
                while True:
                    self._wake.clear()
                    self._start_senders(client)
                    await _sleep(self._wake, self._next_due())
            finally:
                for sender in self._senders.values():
                    sender.cancel()
                await asyncio.gather(*self._senders.values(), return_exceptions=True)

    def _start_senders(self, client: httpx.AsyncClient) -> None:
        rows = self._store.sql.execute(
            "SELECT DISTINCT endpoint FROM deliveries WHERE state = 'pending' AND due <= ?", (self._clock.now(),)
        )
        for endpoint in [row["endpoint"] for row in rows]:
            if endpoint not in self._senders:
                sender = asyncio.create_task(self._send_due(client, endpoint))
                self._senders[endpoint] = sender
                sender.add_done_callback(partial(self._finished, endpoint))

    def _finished(self, endpoint: str, sender: asyncio.Task[None]) -> None:
        del self._senders[endpoint]
        if not sender.cancelled() and sender.exception() is not None:
            log.error("sending to %s failed", endpoint, exc_info=sender.exception())
        self._wake.set()

    def _next_due(self) -> float:
        """Seconds until a delivery falls due that no sender is busy with."""
        busy = tuple(self._senders)
        row = self._store.sql.execute(
            f"SELECT min(due) AS due FROM deliveries WHERE state = 'pending' "  # noqa: S608 - placeholders only
            f"AND endpoint NOT IN ({', '.join('?' * len(busy))})",
            busy,
        ).fetchone()
        return math.inf if row["due"] is None else max(0.0, row["due"] - self._clock.now())

    async def _send_due(self, client: httpx.AsyncClient, endpoint: str) -> None:
        while batch := self._due(endpoint):
            reorder = self._faults.of_webhook("webhook_reorder", self._type(batch[0]))
            if reorder is not None:
                await asyncio.sleep(reorder.lasting(0.5))
                batch = list(reversed(self._due(endpoint)))
            for delivery in batch:
                await self._send(client, delivery)

    def _due(self, endpoint: str) -> list[Delivery]:
        rows = self._store.sql.execute(
            "SELECT id, event, endpoint, attempts, first FROM deliveries "
            "WHERE endpoint = ? AND state = 'pending' AND due <= ? ORDER BY due, id LIMIT 100",
            (endpoint, self._clock.now()),
        )
        return [Delivery(**row) for row in rows]

    def _type(self, delivery: Delivery) -> str:
        event = self._store.get(delivery.event)
        return "" if event is None else str(event["type"])

    async def _send(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        event, endpoint = self._store.get(delivery.event), self._store.get(delivery.endpoint)
        if event is None or endpoint is None:
            self._close(delivery, "dropped", "the endpoint is gone")
            return
        held = self._faults.of_webhook("webhook_delay", event["type"]) if delivery.attempts == 0 else None
        if held is not None:
            self._postpone(delivery, 1, held.lasting(5.0), "held back by a fault")
            return
        outcome = await self._post(client, event, endpoint)
        if outcome.isdigit() and 200 <= int(outcome) < 300:
            self._accepted(delivery, event, outcome)
        else:
            self._refused(delivery, outcome)

    async def _post(self, client: httpx.AsyncClient, event: Json, endpoint: Json) -> str:
        shown = {**event, "api_version": endpoint["api_version"] or API_VERSION}
        body = json.dumps(shown, indent=2, ensure_ascii=False)
        secret = self._store.private(endpoint["id"])["secret"]
        stamp = int(self._clock.wall())
        old = self._faults.of_webhook("webhook_old_timestamp", event["type"])
        if old is not None:
            stamp -= int(old.lasting(600))
        signature = WebhookSignature.generate_signature_header(body, secret, stamp)
        if self._faults.of_webhook("webhook_tamper", event["type"]) is not None:
            body = body.replace('"livemode": false', '"livemode": true', 1)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature,
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            response = await client.post(endpoint["url"], content=body.encode(), headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return type(error).__name__
        return str(response.status_code)

    def _accepted(self, delivery: Delivery, event: Json, outcome: str) -> None:
        with self._store.transaction():
            copies = self._faults.of_webhook("webhook_duplicate", event["type"])
            for _ in range(copies.copies if copies is not None else 0):
                self._store.sql.execute(
                    "INSERT INTO deliveries (event, endpoint, state, first, due) VALUES (?, ?, 'pending', ?, ?)",
                    (delivery.event, delivery.endpoint, self._clock.now(), self._clock.now()),
                )
            self._set(delivery, "delivered", delivery.attempts + 1, self._clock.now(), outcome)
            self._store.replace({**event, "pending_webhooks": self._endpoints_waiting(delivery.event)})

    def _endpoints_waiting(self, event_id: str) -> int:
        row = self._store.sql.execute(
            "SELECT count(*) AS waiting FROM (SELECT endpoint FROM deliveries WHERE event = ? "
            "GROUP BY endpoint HAVING sum(state = 'delivered') = 0)",
            (event_id,),
        ).fetchone()
        return int(row["waiting"])

    def _refused(self, delivery: Delivery, outcome: str) -> None:
        attempts = delivery.attempts + 1
        if self._clock.now() - delivery.first >= self._schedule.give_up_after_seconds:
            log.warning("gave up on %s for %s: %s", delivery.event, delivery.endpoint, outcome)
            self._close(delivery, "failed", outcome)
        else:
            self._postpone(delivery, attempts, self._schedule.pause(attempts), outcome)

    def _postpone(self, delivery: Delivery, attempts: int, seconds: float, outcome: str) -> None:
        with self._store.transaction():
            self._set(delivery, "pending", attempts, self._clock.now() + seconds, outcome)

    def _close(self, delivery: Delivery, state: str, outcome: str) -> None:
        with self._store.transaction():
            self._set(delivery, state, delivery.attempts + 1, self._clock.now(), outcome)

    def _set(self, delivery: Delivery, state: str, attempts: int, due: float, outcome: str) -> None:
        self._store.sql.execute(
            "UPDATE deliveries SET state = ?, attempts = ?, due = ?, outcome = ? WHERE id = ?",
            (state, attempts, due, outcome, delivery.id),
        )


async def _sleep(wake: asyncio.Event, seconds: float) -> None:
    """Until woken, or until it is time; the clock may be advanced, so a wake is never lost."""
    try:
        await asyncio.wait_for(wake.wait(), None if math.isinf(seconds) else seconds)
    except TimeoutError:
        return

"""Duplicate deliveries: stored events are published again, and NATS can't tell.

NATS compares message ids letter by letter, and only for two minutes; consumers read them as UUIDs. The same UUID
spelled otherwise is therefore what a repetition after those two minutes is: a new message to the server, a known event
to an inbox.
"""

import asyncio
import random
import threading
import uuid
from contextlib import suppress

import nats
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from deploy.local.services import SERVICES

TROUBLE = (Error, TimeoutError, OSError)
EVENT_ID = "Nats-Msg-Id"


def spelled_otherwise(event_id: str, chance: random.Random) -> str:
    """The same UUID with other letter case and other hyphens."""
    digits = [chance.choice((digit, digit.upper())) for digit in uuid.UUID(event_id).hex]
    for place in sorted(chance.sample(range(1, 32), 4), reverse=True):
        digits.insert(place, "-")
    return "".join(digits)


class Repeater:
    """Publishes a few events of each stream again, all along."""

    def __init__(self, url: str, chance: random.Random, *, each: int = 3, every_seconds: float = 0.5) -> None:
        self._url, self._chance, self._each, self._every = url, chance, each, every_seconds
        self.published = 0

    def work(self, stopping: threading.Event) -> None:
        asyncio.run(self._work(stopping))

    async def _work(self, stopping: threading.Event) -> None:
        client = await nats.connect(self._url, max_reconnect_attempts=-1, reconnect_time_wait=1, error_cb=_expected)
        js = client.jetstream(timeout=2)
        while not stopping.is_set():
            for service in SERVICES:
                with suppress(*TROUBLE):
                    await self._repeat(js, f"CAMPUS_{service.upper()}")
            await asyncio.sleep(self._every)
        await client.close()

    async def _repeat(self, js: JetStreamContext, stream: str) -> None:
        try:
            state = (await js.stream_info(stream)).state
        except NotFoundError:
            return
        for place in self._chance.sample(range(1, state.last_seq + 1), min(self._each, state.last_seq)):
            stored = await js.get_msg(stream, place)
            headers = dict(stored.headers or {})
            headers[EVENT_ID] = spelled_otherwise(headers[EVENT_ID], self._chance)
            told = await js.publish(str(stored.subject), stored.data or b"", stream=stream, headers=headers, timeout=2)
            self.published += not told.duplicate


async def _expected(_: Exception) -> None:
    """NATS is killed on purpose here."""

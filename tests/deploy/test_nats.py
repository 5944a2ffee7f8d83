"""The embedded NATS keeps what it acknowledged and lets a service announce only its own events."""

import asyncio
from pathlib import Path

import nats as client
import pytest
from nats.aio.client import Client
from nats.errors import Error, NoServersError
from nats.js.api import StreamConfig

from deploy.local.nats import OBSERVER, Nats


async def connect(url: str) -> Client:
    return await client.connect(url, allow_reconnect=False, connect_timeout=2)


def test_what_was_acknowledged_is_there_after_a_crash_on_the_same_port(tmp_path: Path) -> None:
    async def publish(url: str) -> None:
        connection = await connect(url)
        stream = connection.jetstream()
        await stream.add_stream(StreamConfig(name="billing", subjects=["campus.billing.v1.>"]))
        for number in range(20):
            await stream.publish("campus.billing.v1.PaymentSucceeded", str(number).encode())

    async def read(url: str) -> list[bytes]:
        connection = await connect(url)
        pull = await connection.jetstream().pull_subscribe("campus.billing.v1.>", "learning", "billing")
        messages = await pull.fetch(20, timeout=5)
        await connection.close()
        return [message.data for message in messages]

    server = Nats(tmp_path / "nats").start()
    port, url = server.port, server.url("billing")
    try:
        asyncio.run(publish(url))
        server.kill()
        server = Nats(tmp_path / "nats", port).start()
        assert (server.port, server.url("billing")) == (port, url)
        assert asyncio.run(read(server.url("learning"))) == [str(number).encode() for number in range(20)]
    finally:
        server.stop()


def test_messages_are_synced_before_they_are_acknowledged(nats: Nats) -> None:
    assert "sync_interval: always\n" in (nats.data_dir / "nats.conf").read_text()


def test_a_service_cannot_announce_the_events_of_another(nats: Nats) -> None:
    async def first_heard() -> str:
        listener, forger = await connect(nats.url(OBSERVER)), await connect(nats.url("catalog"))
        heard = await listener.subscribe("campus.>")
        await listener.flush()
        await forger.publish("campus.billing.v1.PaymentSucceeded", b"free money")
        await forger.publish("campus.catalog.v1.CoursePublished", b"mine")
        subject = (await heard.next_msg(timeout=5)).subject
        await listener.close()
        await forger.close()
        return subject

    assert asyncio.run(first_heard()) == "campus.catalog.v1.CoursePublished"


def test_a_wrong_password_is_refused(nats: Nats) -> None:
    with pytest.raises((NoServersError, Error)):
        asyncio.run(connect(f"nats://billing:wrong@127.0.0.1:{nats.port}"))


def test_the_passwords_are_private(nats: Nats) -> None:
    for name in ("nats.conf", "passwords.json"):
        assert (nats.data_dir / name).stat().st_mode & 0o077 == 0

"""The threads in the service's process: what they act on, what wakes them, how they end."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from services.billing import commands
from services.billing.adapters.memory import MemoryStore
from services.billing.consumers import StripeConsumer
from services.billing.domain.order import OrderState
from tests.billing.conftest import FakeClock
from tests.billing.provider import FakeCatalog, FakeGateway
from tests.billing.shop import Shop


@pytest.fixture
def shop(memory: MemoryStore, gateway: FakeGateway, catalog: FakeCatalog, clock: FakeClock) -> Shop:
    return Shop(memory, gateway, catalog, clock)


@pytest.fixture
def consumer(memory: MemoryStore, gateway: FakeGateway, clock: FakeClock) -> StripeConsumer:
    return StripeConsumer(memory, gateway, clock)


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def test_the_same_message_twice_changes_things_once(shop: Shop, consumer: StripeConsumer, memory: MemoryStore) -> None:
    event = shop.gateway.pay(shop.start(shop.catalog.has()))[0]
    for _ in range(2):
        shop.receive(event)
        while consumer.on_stripe_webhook():
            pass
    assert len(memory.state.announced) == 2
    assert len(memory.state.entries) == 1


def test_a_message_that_fails_keeps_its_reason_waits_longer_each_time_and_holds_up_no_other(
    shop: Shop, consumer: StripeConsumer, memory: MemoryStore, clock: FakeClock
) -> None:
    order, other = shop.start(shop.catalog.has()), shop.start(shop.catalog.has())
    poison, good = shop.gateway.pay(order)[1], shop.gateway.pay(other)[1]
    shop.gateway.change(order, amount=order.lines[0].amount + order.lines[0].amount)
    shop.receive(poison)
    shop.receive(good)
    pauses = []
    for _ in range(4):
        while consumer.on_stripe_webhook():
            pass
        kept = memory.state.webhooks[poison.id]
        assert kept.due_at
        pauses.append(kept.due_at - clock())
        clock.now = kept.due_at
    assert pauses == [timedelta(seconds=seconds) for seconds in (2, 4, 8, 16)]
    assert kept.error.startswith("ProviderContradiction: session")
    assert memory.state.orders[order.id].state is OrderState.OPEN
    assert memory.state.orders[other.id].state is OrderState.PAID
    for _ in range(20):
        taken = commands.take_webhook(memory, clock)
        assert taken
        commands.postpone_webhook(taken, "still", memory, clock)
        due = memory.state.webhooks[poison.id].due_at
        assert due
        assert due - clock() <= timedelta(hours=1)
        clock.now = due


def test_one_checkout_that_cannot_be_looked_up_holds_up_no_other(
    shop: Shop, consumer: StripeConsumer, memory: MemoryStore, clock: FakeClock
) -> None:
    first, second = shop.start(shop.catalog.has()), shop.start(shop.catalog.has())
    for order in (first, second):
        shop.gateway.pay(order)
    shop.gateway.change(first, amount=first.amount + first.amount)
    clock.advance(timedelta(minutes=1))
    assert not consumer.on_silence()
    states = [memory.state.orders[order.id].state for order in (first, second)]
    assert states == [OrderState.OPEN, OrderState.PAID]

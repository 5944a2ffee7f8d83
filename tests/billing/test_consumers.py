"""The threads in the service's process: what they act on, what wakes them, how they end."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from services.billing import commands
from services.billing.adapters.memory import MemoryStore
from services.billing.consumers import Repeated, StripeConsumer
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


def test_a_thread_does_all_there_is_then_waits_to_be_woken() -> None:
    work, done = [1, 2, 3], []

    def step() -> bool:
        if not work:
            return False
        done.append(work.pop())
        return True

    thread = Repeated("test", step, pause=3_600)
    thread.start()
    assert within(2, lambda: len(done) == 3)
    work.append(4)
    thread.wake()
    assert within(2, lambda: len(done) == 4)
    thread.stop()
    assert not thread._thread.is_alive()


def test_a_thread_looks_by_itself_now_and_then_and_survives_what_goes_wrong() -> None:
    calls = []

    def step() -> bool:
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionError
        return False

    thread = Repeated("test", step, pause=0.01)
    thread.start()
    assert within(2, lambda: len(calls) >= 3)
    thread.stop()
    count = len(calls)
    assert not within(0.05, lambda: len(calls) > count)


def test_a_thread_finishes_the_step_at_hand_before_it_ends() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), []

    def step() -> bool:
        begun.set()
        go_on.wait(5)
        ended.append(1)
        return True

    thread = Repeated("test", step, pause=1)
    thread.start()
    assert begun.wait(2)
    threading.Timer(0.05, go_on.set).start()
    thread.stop()
    assert ended == [1]


def test_a_thread_that_never_started_can_be_stopped() -> None:
    Repeated("test", lambda: False, pause=1).stop()

"""What happens at the same time, on the real database: sixteen threads at once, and the books right after."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from services.billing import commands, queries
from services.billing.adapters.postgres import PostgresStore
from services.billing.domain.order import Order
from services.billing.domain.provider import ProviderEvent
from services.chassis.db import Database
from services.kernel.errors import DependencyUnavailable
from services.kernel.money import Money
from tests.billing.conftest import FakeClock
from tests.billing.provider import FakeCatalog, FakeGateway
from tests.billing.shop import Shop
from tests.harness.databases import announced

THREADS = 16
BOUGHT = ["EntitlementGranted", "PaymentSucceeded"]


@pytest.fixture
def shop(database: Database, gateway: FakeGateway, catalog: FakeCatalog, clock: FakeClock) -> Shop:
    return Shop(PostgresStore(database.writer), gateway, catalog, clock)


def at_once(work: Callable[[int], Any], threads: int = THREADS) -> list[Any]:
    """What each thread got; all of them start in the same moment."""
    gate = threading.Barrier(threads)

    def run(number: int) -> Any:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def counted(database: Database) -> dict[str, int]:
    tables = ("orders", "payments", "entitlements", "ledger_entries", "ledger_postings", "webhook_events")
    with psycopg.connect(database.writer.url) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in tables}


def right(database: Database) -> bool:
    return queries.check_ledger(database.reader).broken == []


def test_the_same_message_in_many_threads_has_its_effect_once(shop: Shop, database: Database) -> None:
    order = shop.start(shop.catalog.has())
    event = shop.gateway.pay(order)[1]

    def receive_and_act(_: int) -> bool:
        receipt = shop.receive(event)
        shop.act()
        return receipt.duplicate

    assert sorted(at_once(receive_and_act)) == [False] + [True] * (THREADS - 1)
    shop.act()
    expected = {"orders": 1, "payments": 1, "entitlements": 1, "ledger_entries": 1, "ledger_postings": 3}
    assert counted(database) == {**expected, "webhook_events": 1}
    assert sorted(announced(database)) == BOUGHT
    assert right(database)


def test_many_who_act_on_the_same_payment_at_once_grant_and_book_once(shop: Shop, database: Database) -> None:
    order = shop.start(shop.catalog.has())
    events = shop.gateway.pay(order)
    for event in events:
        shop.receive(event)

    def act(number: int) -> None:
        # As when a lease ended while the first was still at it: all of them have taken the message.
        commands.act_on_webhook(events[number % 2], shop.store, shop.gateway, shop.clock)

    at_once(act)
    assert counted(database)["entitlements"] == counted(database)["ledger_entries"] == 1
    assert sorted(announced(database)) == BOUGHT
    assert right(database)


def _success(shop: Shop, order: Order) -> list[ProviderEvent]:
    return shop.gateway.pay(order)


def _success_and_refund(shop: Shop, order: Order) -> list[ProviderEvent]:
    success = shop.gateway.pay(order)[1]
    return [success, shop.gateway.refund(order)]


def _failure_and_success(shop: Shop, order: Order) -> list[ProviderEvent]:
    failure = shop.gateway.decline(order)
    return [failure, shop.gateway.pay(order)[1]]


def _acting(shop: Shop, events: list[ProviderEvent]) -> Callable[[int], None]:
    return lambda number: commands.act_on_webhook(events[number], shop.store, shop.gateway, shop.clock)


@pytest.mark.parametrize("news", [_success, _success_and_refund, _failure_and_success])
def test_two_messages_in_either_order_and_at_once_end_the_same(
    shop: Shop, database: Database, news: Callable[[Shop, Order], list[ProviderEvent]]
) -> None:
    orders = [shop.start(shop.catalog.has()) for _ in range(6)]
    for number, order in enumerate(orders):
        events = news(shop, order)
        for event in events:
            shop.receive(event)
        if number < 4:
            for event in events if number % 2 else reversed(events):
                commands.act_on_webhook(event, shop.store, shop.gateway, shop.clock)
        else:
            at_once(_acting(shop, events), len(events))
    state = """
        SELECT o.state, p.state, p.failure_code, p.refunded_at, g.revoked_at, count(DISTINCT g.id),
               array_agg(DISTINCT e.kind ORDER BY e.kind), sum(abs(t.amount_minor))
        FROM orders o JOIN payments p ON p.order_id = o.id JOIN entitlements g ON g.order_id = o.id
        JOIN ledger_entries e ON e.transaction_id = p.id JOIN ledger_postings t ON t.entry_id = e.id
        GROUP BY o.id, p.id, g.id
    """
    with psycopg.connect(database.writer.url) as connection:
        ends = connection.execute(state).fetchall()
    assert len(ends) == len(orders)
    assert all(end == ends[0] for end in ends)
    assert right(database)


def test_one_request_many_times_at_once_makes_one_order_and_one_page(shop: Shop, database: Database) -> None:
    course = shop.catalog.has()
    orders = at_once(lambda _: shop.start(course, "r1"))
    assert len({(order.id, order.session_id, order.checkout_url) for order in orders}) == 1
    assert len(shop.gateway.sessions) == 1
    assert counted(database)["orders"] == counted(database)["payments"] == 1


def test_a_free_course_is_granted_once_to_whoever_asks_at_once(shop: Shop, database: Database) -> None:
    command = commands.GrantFreeEntitlement(shop.user_id, shop.catalog.has(Money("EUR", 0)))
    ids = at_once(lambda _: commands.grant_free_entitlement(command, shop.store, shop.catalog, shop.clock).id)
    assert len(set(ids)) == 1
    assert announced(database) == ["EntitlementGranted"]


def test_a_hundred_messages_are_shared_by_many_workers(shop: Shop, database: Database) -> None:
    course = shop.catalog.has(Money("EUR", 999))
    orders = [shop.start(course) for _ in range(50)]
    for order in orders:
        for event in shop.gateway.pay(order):
            shop.receive(event)
    assert sum(at_once(lambda _: shop.act(), 8)) == 100
    assert counted(database)["entitlements"] == counted(database)["ledger_entries"] == 50
    assert right(database)
    balances = {each.account_id.split(":")[0]: each.minor for each in queries.check_ledger(database.reader).balances}
    assert balances == {"stripe_clearing": 49_950, "instructor_payable": -34_950, "platform_revenue": -15_000}


def test_two_who_look_up_at_once_do_not_ask_about_the_same_checkout(shop: Shop, clock: FakeClock) -> None:
    orders = {shop.start(shop.catalog.has()).id for _ in range(20)}
    clock.advance(timedelta(minutes=1))
    taken = [order_id for found in at_once(lambda _: shop.look_up(), 4) for order_id in found]
    assert sorted(taken) == sorted(orders)


def test_lost_replies_and_repetition_at_once_still_make_one_page(shop: Shop) -> None:
    course = shop.catalog.has()
    shop.gateway.lose_replies = 10

    def insist(_: int) -> str:
        for _ in range(20):
            with suppress(DependencyUnavailable):
                return shop.start(course, "r1").session_id
        raise AssertionError

    assert set(at_once(insist)) == set(shop.gateway.sessions)

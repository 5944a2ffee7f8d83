"""The read side: real SQL by the role that only reads, on the schema that the migrations make."""

import psycopg
import pytest
from psycopg import errors

from deploy.local.postgres import Postgres
from services.billing import queries, tables
from services.billing.adapters.postgres import PostgresStore
from services.billing.domain.entitlement import Reason
from services.billing.domain.errors import PaymentNotFound
from services.billing.domain.provider import FailureCode
from services.chassis import tables as chassis_tables
from services.chassis.db import Database
from services.chassis.migrate import differences
from services.kernel.errors import PageTokenInvalid
from services.kernel.ids import new_id
from services.kernel.pages import PageRequest
from tests.billing.conftest import START, FakeClock
from tests.billing.provider import FakeCatalog, FakeGateway
from tests.billing.shop import Shop
from tests.harness.databases import announced, owner_url


@pytest.fixture
def shop(database: Database, gateway: FakeGateway, catalog: FakeCatalog, clock: FakeClock) -> Shop:
    return Shop(PostgresStore(database.writer), gateway, catalog, clock)


def test_the_tables_are_what_the_migrations_make(database: Database, postgres: Postgres) -> None:
    metadata = [chassis_tables.METADATA, tables.METADATA]
    assert differences(metadata, owner_url(postgres, "billing")) == []


def test_a_payment_is_shown_to_its_payer_and_to_those_who_see_all(shop: Shop, database: Database) -> None:
    order = shop.bought()
    row = queries.get_payment(queries.GetPayment(order.transaction_id, shop.user_id, False), database.reader)
    assert (row.state, row.method, row.course_title, row.paid_at) == ("completed", "card", "Latin for beginners", START)
    assert queries.get_payment(queries.GetPayment(order.transaction_id, new_id(), True), database.reader) == row
    for wanted, user in [(order.transaction_id, new_id()), (new_id(), shop.user_id)]:
        with pytest.raises(PaymentNotFound) as refused:
            queries.get_payment(queries.GetPayment(wanted, user, False), database.reader)
        assert refused.value.metadata == {"transaction_id": wanted}
    assert sorted(announced(database)) == ["EntitlementGranted", "PaymentSucceeded"]


def test_a_failed_payment_says_why(shop: Shop, database: Database) -> None:
    order = shop.start(shop.catalog.has())
    shop.hear(shop.gateway.decline(order, FailureCode.CARD_EXPIRED))
    query = queries.GetPayment(order.transaction_id, shop.user_id, False)
    assert queries.get_payment(query, database.reader).failure_code is FailureCode.CARD_EXPIRED
    shop.hear(shop.gateway.run_out(order))
    assert queries.get_payment(query, database.reader).failure_code is FailureCode.CHECKOUT_EXPIRED


def test_payments_and_entitlements_come_newest_first_in_pages(shop: Shop, database: Database) -> None:
    orders = [shop.bought() for _ in range(5)]
    Shop(shop.store, shop.gateway, shop.catalog, shop.clock).bought()
    seen, entitled, token, pages = [], [], "", 0
    while pages == 0 or token:
        query = queries.ListPayments(shop.user_id, PageRequest(2, token))
        page = queries.list_payments(query, database.reader)
        seen += [row.id for row in page.rows]
        token, pages = page.next_token, pages + 1
    assert (seen, pages) == ([order.transaction_id for order in reversed(orders)], 3)
    first = queries.list_entitlements(queries.ListEntitlements(shop.user_id, PageRequest(3)), database.reader)
    rest = PageRequest(3, first.next_token)
    last = queries.list_entitlements(queries.ListEntitlements(shop.user_id, rest), database.reader)
    entitled = [row.order_id for row in (*first.rows, *last.rows)]
    assert (entitled, last.next_token) == ([order.id for order in reversed(orders)], "")
    for wrong in (PageRequest(2, "bm90IGEgdG9rZW4"), PageRequest(2, first.next_token, "another list")):
        with pytest.raises(PageTokenInvalid):
            queries.list_payments(queries.ListPayments(shop.user_id, wrong), database.reader)


def test_access_is_asked_of_all_entitlements_of_a_user_to_a_course(shop: Shop, database: Database) -> None:
    course = shop.catalog.has()
    check = queries.CheckAccess(shop.user_id, course)
    assert queries.check_access(check, database.reader, shop.clock).reason is Reason.NO_ENTITLEMENT
    first, second = shop.start(course), shop.start(course)
    for order in (first, second):
        shop.hear(*shop.gateway.pay(order))
    shop.hear(shop.gateway.refund(first))
    found = queries.check_entitlement(queries.CheckEntitlement(shop.user_id, course), database.reader, shop.clock)
    assert found.by
    assert (found.reason, found.by.order_id, found.until) == (Reason.ENTITLED, second.id, None)
    shop.hear(shop.gateway.refund(second))
    assert queries.check_access(check, database.reader, shop.clock).reason is Reason.REVOKED


def test_the_ledger_takes_nothing_back(shop: Shop, database: Database, postgres: Postgres) -> None:
    shop.bought()
    postgres.ensure_service("billing")  # as every start of the local mesh does: it must not give the rights back
    changes = [
        "UPDATE ledger_postings SET amount_minor = 1",
        "DELETE FROM ledger_entries",
        "DELETE FROM ledger_postings",
    ]
    with psycopg.connect(database.writer.url, autocommit=True) as writer:
        for change in [*changes, "TRUNCATE ledger_postings", "UPDATE ledger_accounts SET currency = 'USD'"]:
            with pytest.raises(errors.InsufficientPrivilege):
                writer.execute(change.encode())
    with psycopg.connect(owner_url(postgres, "billing"), autocommit=True) as owner:
        for change in changes:
            with pytest.raises(errors.CheckViolation, match="append-only"):
                owner.execute(change.encode())


def test_an_entry_that_does_not_balance_is_not_committed(shop: Shop, database: Database) -> None:
    order = shop.start(shop.catalog.has())
    line, entry = order.lines[0].id, new_id()
    with psycopg.connect(database.writer.url, autocommit=True) as writer:
        new = "INSERT INTO ledger_entries VALUES (%s, 'sale', %s, %s, now())"
        with pytest.raises(errors.CheckViolation, match="not balanced"):
            writer.execute(new, (entry, line, order.transaction_id))
        writer.execute("INSERT INTO ledger_accounts VALUES ('a:EUR', 'a', 'EUR'), ('a:USD', 'a', 'USD')")
        for postings in ["(%s, 0, 'a:EUR', 'EUR', 5)", "(%s, 0, 'a:EUR', 'EUR', 5), (%s, 1, 'a:USD', 'USD', -5)"]:
            with pytest.raises(errors.CheckViolation, match="not balanced"), writer.transaction():
                writer.execute(new, (entry, line, order.transaction_id))
                values = [entry] * postings.count("%s")
                writer.execute(f"INSERT INTO ledger_postings VALUES {postings}".encode(), values)
        assert writer.execute("SELECT count(*) FROM ledger_entries").fetchone() == (0,)


DEFECTS = {
    "the ledger sums to zero in each currency": "UPDATE ledger_postings SET amount_minor = amount_minor + 1",
    "an entry sums to zero in each currency": "UPDATE ledger_postings SET amount_minor = 2 WHERE position = 1",
    "an entry has postings": "DELETE FROM ledger_postings",
    "a posting has the currency of its account and of its line": "UPDATE ledger_postings SET currency = 'USD'",
    "an entry moves what was agreed for its line": "UPDATE order_lines SET instructor_share_bps = 6000",
    "a completed payment has one sale for each line": "UPDATE ledger_entries SET kind = 'other'",
    "a completed payment has one entitlement for each line": "DELETE FROM entitlements",
    "a payment is for what was ordered": "UPDATE payments SET amount_minor = 1",
    "an order is paid when its payment is completed": "UPDATE orders SET state = 'open'",
    "what isn't paid has neither entries nor entitlements": "UPDATE payments SET state = 'pending'",
    "a line is reversed when its payment was refunded": "UPDATE payments SET refunded_at = now()",
    "an entitlement is taken back when its payment was refunded": "UPDATE entitlements SET revoked_at = now()",
    "an instructor is never owed less than nothing": "UPDATE ledger_postings SET amount_minor = -amount_minor",
    "a message of the provider is acted upon within an hour": "UPDATE webhook_events SET processed_at = NULL",
}


@pytest.mark.parametrize("rule", DEFECTS)
def test_a_planted_defect_is_found(shop: Shop, database: Database, postgres: Postgres, rule: str) -> None:
    shop.bought()
    assert queries.check_ledger(database.reader).broken == []
    with psycopg.connect(postgres.admin_url("campus_billing"), autocommit=True) as admin:
        # Rights and triggers stand in the way of every one of these; a defect comes past them.
        admin.execute("SET session_replication_role = replica")
        admin.execute(DEFECTS[rule].encode())
    broken = queries.check_ledger(database.reader).broken
    assert rule in {each.rule for each in broken}


def test_clean_books_of_purchases_refunds_and_failures_raise_no_alarm(shop: Shop, database: Database) -> None:
    shop.bought()
    shop.hear(shop.gateway.refund(shop.bought()))
    shop.hear(shop.gateway.decline(shop.start(shop.catalog.has())))
    shop.hear(shop.gateway.run_out(shop.start(shop.catalog.has())))
    shop.start(shop.catalog.has())
    books = queries.check_ledger(database.reader)
    assert books.broken == []
    clearing = next(each for each in books.balances if each.account_id == "stripe_clearing:EUR")
    assert clearing.minor == 5_000
    assert sum(each.minor for each in books.balances) == 0

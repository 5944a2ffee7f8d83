"""The real process on real PostgreSQL, NATS, certificates and Stripe's protocol: from checkout to access."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from campus.billing.v1.checkout_service_pb2 import Checkout, StartCheckoutRequest
from campus.billing.v1.checkout_service_pb2_grpc import CheckoutServiceStub
from campus.billing.v1.payment_service_pb2 import CheckAccessRequest
from campus.billing.v1.payment_service_pb2_grpc import PaymentServiceStub

from deploy.local.nats import Nats
from deploy.local.pki import Pki
from deploy.local.postgres import Postgres
from services.kernel.ids import new_id
from tests.billing.mesh import Mesh, mesh
from tests.harness.databases import migrated, owner_url


@pytest.fixture
def running(postgres: Postgres, nats: Nats, pki: Pki, tmp_path: Path) -> Iterator[Mesh]:
    with migrated(postgres, "billing"), mesh(postgres, nats, pki, tmp_path / "stripe") as found:
        found.process.start()
        yield found


def checkout(running: Mesh, user: str, course: str) -> Checkout:
    request = StartCheckoutRequest(course_id=course, request_id=f"buy-{course}")
    stub = CheckoutServiceStub(running.process.channel())
    return stub.StartCheckout(request, metadata=running.bearer(user), timeout=10, wait_for_ready=True)


def session_of(found: Checkout) -> str:
    return found.checkout_url.rpartition("/")[2]


def gets_access(running: Mesh, user: str, course: str, seconds: float = 10) -> bool:
    stub = PaymentServiceStub(running.process.channel())

    def allowed() -> bool:
        request = CheckAccessRequest(course_id=course)
        return stub.CheckAccess(request, metadata=running.bearer(user), timeout=5, wait_for_ready=True).allowed

    return within(seconds, allowed)


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def published(postgres: Postgres) -> list[str]:
    with psycopg.connect(owner_url(postgres, "billing")) as owner:
        rows = owner.execute("SELECT subject FROM outbox WHERE published_at IS NOT NULL ORDER BY subject").fetchall()
    return [subject.rpartition(".")[2] for (subject,) in rows]


def test_who_pays_gets_the_course_even_when_a_process_dies_or_a_message_is_lost(
    running: Mesh, postgres: Postgres
) -> None:
    assert running.process.task("migrate").returncode == 0, "which has nothing left to do"
    ada, grace, mary = new_id(), new_id(), new_id()
    course = running.courses.has(4_900)

    # The usual way: the provider's message opens the course.
    paid = checkout(running, ada, course)
    assert running.stripe.pay(session_of(paid)).status_code == 200
    assert gets_access(running, ada, course)

    # Killed after the payment: whoever starts next hears the message again.
    open_page = checkout(running, grace, course)
    running.process.kill()
    assert running.stripe.pay(session_of(open_page)).status_code == 200
    running.process.start()
    assert checkout(running, grace, course).checkout_url == open_page.checkout_url
    assert gets_access(running, grace, course)

    # No message ever arrives: the order is looked up. A minute is made to have passed.
    running.door.open = False
    lost = checkout(running, mary, course)
    assert running.stripe.pay(session_of(lost)).status_code == 200
    with psycopg.connect(owner_url(postgres, "billing"), autocommit=True) as owner:
        back = timedelta(minutes=2)
        owner.execute("UPDATE orders SET looked_up_at = looked_up_at - %s WHERE id = %s", (back, lost.order_id))
    assert gets_access(running, mary, course)

    assert within(5, lambda: published(postgres) == ["EntitlementGranted"] * 3 + ["PaymentSucceeded"] * 3)
    checked = running.process.task("check-ledger")
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "the books are right")
    assert "balance stripe_clearing:EUR 14700" in checked.stdout
    assert running.process.end() == 0


def test_messages_that_are_tampered_with_late_doubled_and_out_of_order_open_the_course_once(
    running: Mesh, postgres: Postgres
) -> None:
    user, course = new_id(), running.courses.has(4_900)
    page = checkout(running, user, course)
    for fault in ("webhook_tamper", "webhook_old_timestamp"):
        running.stripe.fault(fault, event_type="checkout.session.completed")
    running.stripe.fault("webhook_duplicate", copies=3, times=5)
    running.stripe.fault("webhook_reorder", seconds=0.3, times=None)
    assert running.stripe.pay(session_of(page), "4000000000009995").status_code == 402
    assert running.stripe.pay(session_of(page)).status_code == 200
    assert gets_access(running, user, course)
    assert within(10, lambda: running.stripe.control("GET", "/deliveries?state=pending").json()["deliveries"] == [])
    running.stripe.control("DELETE", "/faults")
    assert within(5, lambda: len(published(postgres)) >= 2)
    assert published(postgres).count("EntitlementGranted") == published(postgres).count("PaymentSucceeded") == 1
    with psycopg.connect(owner_url(postgres, "billing")) as owner:
        kept = owner.execute("SELECT count(*), count(DISTINCT event_id) FROM webhook_events").fetchone()
        failed = owner.execute("SELECT code FROM failed_attempts").fetchall()
    assert kept
    assert kept[0] == kept[1]
    assert failed == [("insufficient_funds",)]
    assert running.process.task("check-ledger").returncode == 0


def test_books_that_are_wrong_are_said_to_be(running: Mesh, postgres: Postgres) -> None:
    user, course = new_id(), running.courses.has(4_900)
    assert running.stripe.pay(session_of(checkout(running, user, course))).status_code == 200
    assert gets_access(running, user, course)
    with psycopg.connect(owner_url(postgres, "billing"), autocommit=True) as owner:
        owner.execute("DELETE FROM entitlements")
    checked = running.process.task("check-ledger")
    assert checked.returncode == 1
    assert "a completed payment has one entitlement for each line" in checked.stdout

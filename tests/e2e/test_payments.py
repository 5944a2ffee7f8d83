"""Money through the mesh: refused cards, webhooks twice, late, forged and out of order, and the books afterwards."""

import time
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from deploy.local import journey
from deploy.local.journey import Student
from deploy.local.mesh import Mesh
from deploy.local.rest import Json, Rest
from tests.e2e.stripe_control import StripeControl


@pytest.fixture
def billing(mesh: Mesh) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A look past the API, by the role that only reads."""
    with psycopg.connect(mesh.database_url("billing"), autocommit=True) as connection:
        yield connection


def count(billing: psycopg.Connection[tuple[object, ...]], query: str, *values: object) -> int:
    row = billing.execute(query.encode(), values).fetchone()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def entitlements(student: Student) -> list[Json]:
    found: list[Json] = student.rest.get("/v1/entitlements").get("entitlements", [])
    return found


def test_a_refused_card_costs_nothing_and_another_may_be_tried(student: Student, paid_course: Json) -> None:
    checkout = journey.start_checkout(student.rest, paid_course["courseId"])
    assert journey.pay(checkout, journey.DECLINED_CARD).status_code == 402
    journey.await_payment(student.rest, checkout, "STATE_FAILED")
    journey.await_notification(student.rest, "NOTIFICATION_KIND_PAYMENT_FAILED")
    assert entitlements(student) == []
    assert journey.pay(checkout).status_code == 303
    journey.await_payment(student.rest, checkout)
    assert len(entitlements(student)) == 1


def test_the_same_request_id_starts_one_checkout(student: Student, paid_course: Json) -> None:
    key = uuid.uuid4().hex
    first, again = (journey.start_checkout(student.rest, paid_course["courseId"], key) for _ in range(2))
    assert first == again
    other = {"courseId": paid_course["courseId"], "successUrl": f"{student.rest.base}/elsewhere"}
    refusal = journey.refused(lambda: student.rest.post("/v1/checkouts", other, key=key))
    assert (refusal.status, refusal.reason) == (400, "REQUEST_ID_REUSED")


def test_a_webhook_twice_and_out_of_order_has_one_effect(
    student: Student, paid_course: Json, stripe: StripeControl, billing: psycopg.Connection[tuple[object, ...]]
) -> None:
    stripe.fault("webhook_reorder", seconds=0.5)
    stripe.fault("webhook_duplicate", copies=2)
    checkout = journey.start_checkout(student.rest, paid_course["courseId"])
    journey.pay(checkout, journey.DECLINED_CARD)
    journey.pay(checkout)
    journey.await_payment(student.rest, checkout)
    stripe.no_faults()
    journey.eventually(lambda: not stripe.deliveries("pending") or None, "all webhooks delivered")
    assert journey.payment_of(student.rest, checkout)["state"] == "STATE_SUCCEEDED"
    assert len(entitlements(student)) == 1
    announced = "SELECT count(*) FROM outbox WHERE subject LIKE %s AND position(%s in payload) > 0"
    for name in ("%PaymentSucceeded", "%EntitlementGranted"):
        assert count(billing, announced, name, student.user_id.encode()) == 1
    journey.await_enrollment(student.rest, paid_course["courseId"])


def event(kind: str = "checkout.session.completed") -> Json:
    return {
        "id": f"evt_{uuid.uuid4().hex}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "type": kind,
        "data": {"object": {"id": "cs_test_unknown", "object": "checkout.session", "metadata": {}}},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
    }


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"tamper": True}, "WEBHOOK_SIGNATURE_INVALID"),
        ({"secret": "whsec_of_someone_else"}, "WEBHOOK_SIGNATURE_INVALID"),
        ({"header": ""}, "WEBHOOK_SIGNATURE_INVALID"),
        ({"header": "t=1,v1=00"}, "WEBHOOK_SIGNATURE_INVALID"),
        ({"age_seconds": 400}, "WEBHOOK_SIGNATURE_EXPIRED"),
        ({"age_seconds": -400}, "WEBHOOK_SIGNATURE_EXPIRED"),
    ],
)
def test_a_forged_or_late_webhook_is_refused_and_not_kept(
    stripe: StripeControl, billing: psycopg.Connection[tuple[object, ...]], how: dict[str, object], reason: str
) -> None:
    before = count(billing, "SELECT count(*) FROM webhook_events")
    answer = stripe.post_webhook(event(), **how)  # type: ignore[arg-type]
    assert answer.status_code == 400
    assert answer.json()["details"][0]["reason"] == reason
    assert count(billing, "SELECT count(*) FROM webhook_events") == before


def test_a_webhook_of_an_unknown_kind_is_kept(
    stripe: StripeControl, billing: psycopg.Connection[tuple[object, ...]]
) -> None:
    unknown = event("radar.early_fraud_warning.created")
    for _ in range(2):
        assert stripe.post_webhook(unknown).status_code == 200
    kept = "SELECT count(*) FROM webhook_events WHERE event_id = %s"
    assert count(billing, kept, unknown["id"]) == 1


def test_a_lost_webhook_costs_nobody_the_course_for_long(
    student: Student, paid_course: Json, stripe: StripeControl
) -> None:
    # Who looks first, the late webhook or the look-up of open checkouts, is left open.
    stripe.fault("webhook_delay", seconds=3)
    checkout = journey.start_checkout(student.rest, paid_course["courseId"])
    journey.pay(checkout)
    journey.await_payment(student.rest, checkout)
    assert len(entitlements(student)) == 1


def test_a_lost_reply_of_the_provider_charges_once(student: Student, paid_course: Json, stripe: StripeControl) -> None:
    stripe.fault("drop_reply", times=1, method="POST", path="/v1/checkout/sessions*")
    key = uuid.uuid4().hex
    first = journey.start_checkout(student.rest, paid_course["courseId"], key)
    assert journey.start_checkout(student.rest, paid_course["courseId"], key) == first
    journey.pay(first)
    journey.await_payment(student.rest, first)
    assert len(entitlements(student)) == 1


def test_what_is_owned_is_not_sold_twice_and_what_is_free_is_not_sold(
    student: Student, paid_course: Json, free_course: Json
) -> None:
    checkout = journey.start_checkout(student.rest, paid_course["courseId"])
    journey.pay(checkout)
    journey.await_payment(student.rest, checkout)
    for course, reason in ((paid_course, "ALREADY_ENTITLED"), (free_course, "COURSE_IS_FREE")):
        refusal = journey.refused(lambda c=course: journey.start_checkout(student.rest, c["courseId"]))  # type: ignore[misc]
        assert refusal.reason == reason
    access = student.rest.get(f"/v1/courses/{paid_course['courseId']}/access")
    assert access["allowed"]


def test_the_return_page_only_shows(rest: Rest, student: Student, paid_course: Json) -> None:
    elsewhere = {"courseId": paid_course["courseId"], "successUrl": "https://elsewhere.example/thanks"}
    refusal = journey.refused(lambda: student.rest.post("/v1/checkouts", elsewhere))
    assert (refusal.status, refusal.reason) == (400, "RETURN_URL_NOT_ALLOWED")


def test_the_books_balance(billing: psycopg.Connection[tuple[object, ...]]) -> None:
    """Runs after the others of this file, and would hold at any time."""
    sums = billing.execute("SELECT currency, sum(amount_minor) FROM ledger_postings GROUP BY currency").fetchall()
    assert sums
    assert all(total == 0 for _, total in sums)
    paid = "SELECT count(*) FROM payments WHERE paid_at IS NOT NULL"
    granted = "SELECT count(*) FROM entitlements WHERE source = 'purchase'"
    assert count(billing, paid) == count(billing, granted) > 0
